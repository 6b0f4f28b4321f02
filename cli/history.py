"""An execution's history as the steps an operator wants to read: pure functions on plain values.

Events have the shape of GetExecutionHistory. The local cloud leaves out `previousEventId` and what
happens inside the branches of a Parallel: without it every step counts as top level.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]

_OPENING = ("ParallelStateStarted", "MapStateStarted")
_CLOSING = tuple(
    f"{state}State{end}" for state in ("Parallel", "Map") for end in ("Succeeded", "Failed", "Aborted")
)


@dataclass(frozen=True)
class Step:
    """A state entered, or (with `error`) a try of a state's task that failed."""

    at: datetime
    state: str
    branch: tuple[int, ...]  # number of the branch, from 1, at each level of Parallel or Map
    visit: int  # how often the state was entered by then, or failed with this very error
    error: str | None = None


@dataclass(frozen=True)
class _Place:
    branch: tuple[int, ...]
    state: str
    opener: int | None  # id of the …Started event of the Parallel or Map around it
    opens: bool


def steps(events: Iterable[Event]) -> list[Step]:
    """What happened, oldest first; `events` is the history so far, oldest first."""
    places: dict[int, _Place] = {}
    branches: Counter[int] = Counter()
    visits: Counter[tuple[tuple[int, ...], str, str | None]] = Counter()
    last = _Place((), "", None, False)
    found: list[Step] = []
    for event in events:
        before = places.get(event.get("previousEventId", 0), last if "previousEventId" not in event else None)
        place = _place(event, before or _Place((), "", None, False), places, branches)
        error = _error(event)
        if error or event["type"].endswith("StateEntered"):
            key = (place.branch, place.state, error)
            visits[key] += 1
            found.append(Step(event["timestamp"], place.state, place.branch, visits[key], error))
        places[event["id"]] = last = place
    return found


def _place(event: Event, before: _Place, places: Mapping[int, _Place], branches: Counter[int]) -> _Place:
    kind = event["type"]
    branch, opener, state = before.branch, before.opener, before.state
    if before.opens and kind not in _CLOSING:
        # Only a history with previousEventId lets two events follow the same …Started.
        opener = event.get("previousEventId")
        if opener is not None:
            branches[opener] += 1
            branch = (*branch, branches[opener])
    if kind in _CLOSING and not before.opens and opener is not None:
        around = places[opener]
        branch, opener, state = around.branch, around.opener, around.state
    if kind.endswith("StateEntered"):
        state = event["stateEnteredEventDetails"]["name"]
    return _Place(branch, state, opener, kind in _OPENING)


def _error(event: Event) -> str | None:
    """`Name: cause` for a task that failed or timed out; None for every other event."""
    kind: str = event["type"]
    if kind.startswith("Execution") or kind in _CLOSING or not kind.endswith(("Failed", "TimedOut")):
        return None
    details: Mapping[str, Any] = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails") or {}
    name, cause = details.get("error") or kind, " ".join(_sentence(details.get("cause") or "").split())
    return f"{name}: {cause}" if cause else str(name)


def _sentence(cause: str) -> str:
    """A cause as a sentence: the message in Lambda's JSON, or the SDK's text without its request id."""
    try:
        given = json.loads(cause)
    except ValueError:
        return cause.partition(" (Service: ")[0]
    return str(given["errorMessage"]) if isinstance(given, dict) and "errorMessage" in given else cause


def elapsed(seconds: float) -> str:
    """A duration as `h:mm:ss`."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def line(step: Step, start: datetime, width: int = 160) -> str:
    """A step as one line: time since the start, branch numbers, state, and the error if any."""
    place = "".join(f"{number} · " for number in step.branch)
    text = f"{'  ' * len(step.branch)}{place}{step.state}"
    if step.error:
        # An error is no failure yet: a Retry or a Catch may be waiting for it.
        text += f": {step.error if len(step.error) <= width else step.error[: width - 1] + '…'}"
    return f"{elapsed((step.at - start).total_seconds())}  {text}"


def is_news(step: Step) -> bool:
    """Whether a step deserves a line: what a poll loop or a retry repeats does not."""
    return step.visit == 1


def waiting(found: list[Step]) -> str:
    """Where the execution stands, for the live line: the newest state and how often a loop entered it."""
    if not found:
        return "starting"
    newest = found[-1]
    return f"{newest.state} ({newest.visit} times)" if newest.visit > 1 else newest.state
