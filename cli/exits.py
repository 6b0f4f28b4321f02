"""The exit codes of every command, in one place: the commands, their --help and docs/cli.md read them here."""

from collections.abc import Iterable
from enum import Enum


class Exit(Enum):
    """An exit code, what it means, and the errors of a run that end a command with it.

    The member's name is the `name` that --json gives an error, unless a run or the API has a name of its own.
    """

    Done = (0, "what was asked for is done; a run has succeeded", ())
    Failed = (1, "it began and did not succeed, or ran out of time; also a fault of the command itself", ())
    Usage = (
        2,
        "an argument, an option or the input is not accepted; nothing was begun",
        ("InvalidInput", "InvalidImage", "ImageTooLarge"),
    )
    NotFound = (3, "the stack, project, version, execution, report, bucket or image named does not exist", ())
    NotPermitted = (4, "there are no credentials, they have expired, or they may not do this", ("Forbidden",))
    Unreachable = (5, "AWS, the local cloud or the API does not answer", ("ServiceUnavailable", "TimedOut"))
    RunInProgress = (6, "another run is at work on the project", ())
    ModelRejected = (7, "the gate refused the trained model; the live one stays", ())
    DatasetRejected = (8, "the data cannot be trained on", ())
    QuotaExceeded = (9, "a quota of the account or of the API key is used up", ("LimitExceededException",))
    ModelNotRunning = (10, "no model runs that could answer", ("ModelStarting",))
    SomeFailed = (
        11,
        "some of the images or files were done, the others failed; the output names both",
        ("TooManyFailures",),
    )
    Interrupted = (130, "Ctrl-C ended the command", ())

    def __init__(self, code: int, means: str, errors: tuple[str, ...]) -> None:
        self.code = code
        self.means = means
        self.errors = errors


def exit_of(error: str) -> Exit:
    """How a command ends for an error by its name; Failed for one without a code of its own."""
    return next((one for one in Exit if error == one.name or error in one.errors), Exit.Failed)


def exit_of_all(errors: Iterable[str | None]) -> Exit:
    """How a command ends that did the same for many: the name of each one's error, None where it went well."""
    told = list(errors)
    failed = {error for error in told if error is not None}
    if not failed:
        return Exit.Done
    if None in told:
        return Exit.SomeFailed
    ends = {exit_of(error) for error in failed}
    return ends.pop() if len(ends) == 1 else Exit.Failed


def listed() -> str:
    """The exit codes as the end of --help shows them, a line each."""
    widest = max(len(one.name) for one in Exit)
    return "\n".join([" Exit codes:", *(f" {one.code:>5}  {one.name:<{widest}}  {one.means}" for one in Exit), ""])
