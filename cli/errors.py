"""What the operator is told when a command cannot do what was asked.

Exception
└── CommandError           an argument, an option or the input is not accepted
    ├── NotFound           what was named does not exist
    ├── NotPermitted       credentials are missing, have expired, or do not suffice
    ├── Unreachable        nobody answers
    ├── Busy               another execution, or a lease, holds the project
    ├── QuotaExceeded      a quota is used up
    ├── ModelNotRunning    no model runs that could answer
    ├── FailedError        it began and did not succeed
    └── Interrupted        Ctrl-C ended it

What each means for a script stands in `cli.exits`.
"""

from typing import ClassVar
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    SSOTokenLoadError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from cli.exits import Exit

_ON_THIS_MACHINE = "or add --local for the cloud on this machine"
NO_REGION = f"No AWS region is set: set AWS_REGION, or a region in the profile you use, {_ON_THIS_MACHINE}."
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN_KEY = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_GONE = {"NoSuchBucket", "StateMachineDoesNotExist"}
_OF_TABLES = {"GetItem", "PutItem", "Query", "UpdateItem", "DeleteItem"}  # where ResourceNotFound means the table


class CommandError(Exception):
    """A sentence for the operator: what is wrong and what to do."""

    exit: ClassVar[Exit] = Exit.Usage

    @property
    def name(self) -> str:
        """What --json calls the error."""
        return self.exit.name


class NotFound(CommandError):
    """What was named does not exist."""

    exit = Exit.NotFound


class NotPermitted(CommandError):
    """Credentials are missing, have expired, or do not suffice."""

    exit = Exit.NotPermitted


class Unreachable(CommandError):
    """AWS, the local cloud or the API does not answer."""

    exit = Exit.Unreachable


class Busy(CommandError):
    """Another execution is at work on the project, or a lease holds it."""

    exit = Exit.RunInProgress


class QuotaExceeded(CommandError):
    """A quota of the account or of the API key is used up."""

    exit = Exit.QuotaExceeded


class ModelNotRunning(CommandError):
    """No model runs that could answer."""

    exit = Exit.ModelNotRunning


class FailedError(CommandError):
    """What was begun did not succeed: a start, a stop, or a time-out."""

    exit = Exit.Failed


class Interrupted(CommandError):
    """Ctrl-C ended what was begun: what is left of it, and how to go on."""

    exit = Exit.Interrupted


def told(name: str, message: str) -> dict[str, str]:
    """An error as --json has it everywhere."""
    return {"name": name, "message": message}


def code(error: ClientError) -> str:
    """The service's own name for an error, such as `ResourceInUseException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    """The service's own sentence for an error, without a closing full stop."""
    return str(error.response.get("Error", {}).get("Message", "")).rstrip(". ")


def explain(error: BotoCoreError | HTTPClientError | ClientError, endpoint: str | None) -> str:
    """One sentence with what to do for an error of boto3; `endpoint` is None on AWS itself."""
    return str(understood(error, endpoint))


def understood(error: BotoCoreError | HTTPClientError | ClientError, endpoint: str | None) -> CommandError:
    """An error of boto3 as one of ours, with what to do; `endpoint` is None on AWS itself."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return NotPermitted(
            f"No AWS credentials were found: run `aws configure` or set AWS_PROFILE, {_ON_THIS_MACHINE}."
        )
    if isinstance(error, SSOError | SSOTokenLoadError | TokenRetrievalError | CredentialRetrievalError):
        return NotPermitted(f"{str(error).rstrip('. ')}: sign in again (for example `aws sso login`).")
    if isinstance(error, NoRegionError):
        return CommandError(NO_REGION)
    if isinstance(error, ProfileNotFound):
        return CommandError(
            f"{str(error).rstrip('. ')}: AWS_PROFILE must name a profile of your AWS configuration."
        )
    if isinstance(error, NoConnectionError | HTTPClientError):
        if endpoint:
            return Unreachable(
                f"Nothing answers at {endpoint}: start the local cloud with `{_make_up(endpoint)}`."
            )
        return Unreachable(
            f"AWS could not be reached ({str(error).rstrip('. ')}): check the network and the region."
        )
    if isinstance(error, ClientError):
        return _understood_answer(error)
    return FailedError(f"{str(error).rstrip('. ')}.")


def _make_up(endpoint: str) -> str:
    from local.cloud import Place

    port = urlsplit(endpoint).port
    return "make up" if port in (None, Place.port) else f"LOCAL_CLOUD_PORT={port} make up"


def kind(error: ClientError) -> type[CommandError]:
    """Which of our errors a service's refusal is."""
    name = code(error)
    if name in _EXPIRED | _UNKNOWN_KEY | _DENIED:
        return NotPermitted
    if name in _GONE or (name == "ResourceNotFoundException" and error.operation_name in _OF_TABLES):
        return NotFound
    return QuotaExceeded if name == "LimitExceededException" else FailedError


def _understood_answer(error: ClientError) -> CommandError:
    name = code(error)
    if name in _EXPIRED:
        return NotPermitted("The AWS credentials have expired: sign in again (for example `aws sso login`).")
    if name in _UNKNOWN_KEY:
        return NotPermitted("AWS does not know these credentials: check AWS_PROFILE and the access key.")
    if name in _DENIED:
        return NotPermitted(f"{message(error)}: use credentials that may call {error.operation_name}.")
    refused = f"{error.operation_name} was refused with {name}: {message(error)}"
    made = kind(error)
    return made(f"{refused}{'; a part of the stack was deleted: deploy it again' if made is NotFound else ''}.")
