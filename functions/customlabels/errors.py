"""The errors that can end an execution; a `Catch` and the execution's `error` use these names.

RunError
├── InvalidInput      the input or a default names something that is not accepted
├── RunInProgress     another run is at work on the project, or another batch on the output
├── QuotaExceeded     Rekognition refused for a quota of the account
├── DatasetRejected   a source holds nothing to train on, or Rekognition refused a dataset
├── TrainingFailed    the training failed, or did not end in time
├── ModelRejected     the gate refused the trained model
├── StartFailed       the accepted model did not reach RUNNING
├── SmokeTestFailed   the model runs but does not answer as it was evaluated
├── SwitchFailed      the model runs but could not be made the live one
├── TooManyFailures   more images of a batch failed than it tolerates
├── TeardownFailed    a teardown left something of the project
└── Unexpected        anything else
"""


class RunError(Exception):
    """An error whose text is the one sentence that the operator reads."""


class InvalidInput(RunError):
    """The input or a deploy-time default names something that is not accepted."""


class RunInProgress(RunError):
    """Another run is at work on the project, or another batch on the output."""


class QuotaExceeded(RunError):
    """Rekognition refused for a quota of the account."""


class DatasetRejected(RunError):
    """A source holds nothing to train on, or Rekognition refused a dataset."""


class TrainingFailed(RunError):
    """The training failed or did not end in time."""


class ModelRejected(RunError):
    """The gate refused the trained model."""


class StartFailed(RunError):
    """The accepted model did not reach RUNNING."""


class SmokeTestFailed(RunError):
    """The model runs but does not answer as it was evaluated."""


class SwitchFailed(RunError):
    """The model runs but could not be made the live one."""


class TooManyFailures(RunError):
    """More images of a batch failed than it tolerates."""


class TeardownFailed(RunError):
    """A teardown left something of the project."""


class Unexpected(RunError):
    """Anything that no other error names."""


NAMES = frozenset(error.__name__ for error in RunError.__subclasses__())


def refusal(refused: dict[str, str], otherwise: type[RunError], what: str) -> RunError:
    """The error for a create or start call that was caught: `refused` is a Catch's {"Error", "Cause"}."""
    quota = refused["Error"].endswith(("LimitExceededException", "ServiceQuotaExceededException"))
    return (QuotaExceeded if quota else otherwise)(f"{what}: {refused['Cause'].rstrip('. ')}.")
