"""The errors of the service, one class per name in the API model.

ServiceError
├── AccessDenied, InvalidParameter, Validation, InvalidPaginationToken
├── InvalidS3Object, ImageTooLarge, InvalidImageFormat
├── ResourceNotFound, ResourceInUse, ResourceAlreadyExists, ResourceNotReady
├── LimitExceeded, ServiceQuotaExceeded, ProvisionedThroughputExceeded, Throttling
├── MalformedPolicyDocument, InvalidPolicyRevisionId
├── UnknownOperation
└── InternalServer (HTTP 500, and no suffix "Exception" in its code)

TrainingError and DatasetError are not answers of the API: they end a training or a dataset operation, and their
text becomes the StatusMessage.
"""

from typing import ClassVar


class ServiceError(Exception):
    """An error that the API answers: `code` as on the wire, `status` the HTTP status, `message` for people."""

    code: ClassVar[str] = "InternalServerError"
    status: ClassVar[int] = 400
    default: ClassVar[str] = "Internal server error."

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.default
        super().__init__(self.message)


class AccessDenied(ServiceError):
    code = "AccessDeniedException"
    default = "User is not authorized to perform this action."


class InvalidParameter(ServiceError):
    code = "InvalidParameterException"
    default = "Request has invalid parameters."


class Validation(ServiceError):
    """Answered for a MaxResults above its maximum, although no operation declares it."""

    code = "ValidationException"
    default = "Request has invalid parameters."


class InvalidPaginationToken(ServiceError):
    code = "InvalidPaginationTokenException"
    default = "Invalid Pagination Token"


class InvalidS3Object(ServiceError):
    code = "InvalidS3ObjectException"
    default = "Unable to get object metadata from S3. Check object key, region and/or access permissions."


class ImageTooLarge(ServiceError):
    code = "ImageTooLargeException"
    default = "Image size is too large."


class InvalidImageFormat(ServiceError):
    code = "InvalidImageFormatException"
    default = "Request has invalid image format."


class ResourceNotFound(ServiceError):
    code = "ResourceNotFoundException"
    default = "The resource does not exist."


class ResourceInUse(ServiceError):
    code = "ResourceInUseException"
    default = "Specified resource is in use."


class ResourceAlreadyExists(ServiceError):
    code = "ResourceAlreadyExistsException"
    default = "The resource already exists."


class ResourceNotReady(ServiceError):
    code = "ResourceNotReadyException"
    default = "The resource is not ready."


class LimitExceeded(ServiceError):
    code = "LimitExceededException"
    default = "A limit of the service is exceeded."


class ServiceQuotaExceeded(ServiceError):
    code = "ServiceQuotaExceededException"
    default = "A quota of the account is exceeded."


class ProvisionedThroughputExceeded(ServiceError):
    code = "ProvisionedThroughputExceededException"
    default = "Provisioned Rate exceeded."


class Throttling(ServiceError):
    code = "ThrottlingException"
    default = "Rate exceeded."


class MalformedPolicyDocument(ServiceError):
    code = "MalformedPolicyDocumentException"
    default = "The policy document is malformed."


class InvalidPolicyRevisionId(ServiceError):
    code = "InvalidPolicyRevisionIdException"
    default = "The policy revision does not match."


class UnknownOperation(ServiceError):
    code = "UnknownOperationException"
    default = "The operation is not served."


class InternalServer(ServiceError):
    code = "InternalServerError"
    status = 500


BY_CODE: dict[str, type[ServiceError]] = {kind.code: kind for kind in ServiceError.__subclasses__()}


def by_code(code: str, message: str | None = None) -> ServiceError:
    """The error of that `code` ("ResourceInUse" and "ResourceInUseException" alike); ValueError if unknown."""
    kind = BY_CODE.get(code) or BY_CODE.get(f"{code}Exception")
    if kind is None:
        raise ValueError(f"unknown error code {code!r}; known: {', '.join(sorted(BY_CODE))}")
    return kind(message)


class DatasetError(Exception):
    """Ends a dataset operation as *_FAILED with StatusMessageCode CLIENT_ERROR."""


class TrainingError(Exception):
    """Ends a training as TRAINING_FAILED; `code` is the anchor in the developer guide's list of errors."""

    def __init__(self, message: str, code: str = "") -> None:
        self.message, self.code = message, code
        super().__init__(message, code)
