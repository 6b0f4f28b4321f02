"""What is said of a run that failed: one of the contract's errors, and one cause that a person can read."""

import json
from typing import Any, NamedTuple

from customlabels.errors import NAMES, QuotaExceeded

LONGEST_CAUSE = 1000  # characters
ENDED = "Ended"  # the stage of a run that was ended from outside; its error is the execution's status


class Failure(NamedTuple):
    """An error's name and its cause, and the contract's error for the state it happened in."""

    error: str
    cause: str
    stage: str


def read_failure(failed: dict[str, dict[str, str]]) -> Failure:
    """Read what a Catch left: {stage: {"Error", "Cause"}}, the stage being that state's contract error."""
    stage, caught = next(iter(failed.items()))
    name = caught["Error"]
    if name.endswith(("LimitExceededException", "ServiceQuotaExceededException")):
        error = QuotaExceeded.__name__
    else:
        error = name if name in NAMES or stage == ENDED else stage
    text = _sentence(caught.get("Cause", ""))
    return Failure(error, text if error == name else f"{name}: {text}", stage)


def compose(failure: Failure, execution: str, facts: list[str]) -> str:
    """The cause of the execution, at most 1,000 characters: what happened, what is so now, where to read more."""
    tail = " ".join([*facts, f"Read more in the history of execution {execution.rsplit(':', 1)[-1]}."])
    tail = tail[: LONGEST_CAUSE // 2]
    room = LONGEST_CAUSE - len(tail) - 2
    text = failure.cause.rstrip(". ")
    return f"{text if len(text) <= room else text[: room - 1] + '…'}. {tail}"


def _sentence(cause: str) -> str:
    """The message in a failed function's cause, which is JSON; any other cause as it is."""
    try:
        told: Any = json.loads(cause)
    except ValueError:
        return cause or "no cause was given"
    return str(told.get("errorMessage", cause)) if isinstance(told, dict) else cause
