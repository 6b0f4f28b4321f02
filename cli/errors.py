"""What the operator is told when a command cannot do what was asked.

Exception
└── CommandError       the command could not begin: input, account, stack, endpoint   exit code 2
    └── FailedError    it began and did not succeed                                   exit code 1
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as NoConnectionError

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN_KEY = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class CommandError(Exception):
    """A sentence for the operator: what is wrong and what to do."""

    exit_code = 2


class FailedError(CommandError):
    """What was begun did not succeed: a start, a stop, or a time-out."""

    exit_code = 1


def code(error: ClientError) -> str:
    """The service's own name for an error, such as `ResourceInUseException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    """The service's own sentence for an error, without a closing full stop."""
    return str(error.response.get("Error", {}).get("Message", "")).rstrip(". ")


def explain(error: BotoCoreError | HTTPClientError | ClientError, endpoint: str | None) -> str:
    """One sentence with what to do for an error of boto3; `endpoint` is None on AWS itself."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            "No AWS credentials were found: run `aws configure` or set AWS_PROFILE, "
            "or add --local for the cloud on this machine."
        )
    if isinstance(error, NoRegionError):
        return "No AWS region is set: set AWS_REGION, or a region in the profile you use."
    if isinstance(error, ProfileNotFound):
        return f"{str(error).rstrip('. ')}: AWS_PROFILE must name a profile of your AWS configuration."
    if isinstance(error, NoConnectionError | HTTPClientError):
        if endpoint:
            return f"Nothing answers at {endpoint}: start the local cloud with `make up`."
        return f"AWS could not be reached ({str(error).rstrip('. ')}): check the network and the region."
    if isinstance(error, ClientError):
        return _explain_answer(error)
    return f"{str(error).rstrip('. ')}."


def _explain_answer(error: ClientError) -> str:
    name = code(error)
    if name in _EXPIRED:
        return "The AWS credentials have expired: sign in again (for example `aws sso login`)."
    if name in _UNKNOWN_KEY:
        return "AWS does not know these credentials: check AWS_PROFILE and the access key."
    if name in _DENIED:
        return f"{message(error)}: use credentials that may call {error.operation_name}."
    return f"{error.operation_name} was refused with {name}: {message(error)}."
