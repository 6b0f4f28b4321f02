"""Amazon's JSON 1.1 protocol for Rekognition: bytes to requests that fit the API model, answers to bytes."""

import base64
import binascii
import json
import re
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from local.rekognition.errors import InvalidParameter, ServiceError, UnknownOperation, Validation
from local.rekognition.service import OPERATIONS, Service

PREFIX = "RekognitionService."
CONTENT_TYPE = "application/x-amz-json-1.1"


@cache
def service_model() -> ServiceModel:
    """botocore's model of Rekognition."""
    return botocore.session.Session().get_service_model("rekognition")


def scope(authorization: str) -> tuple[str | None, str | None]:
    """The account and the Region that a header Authorization names; None for what it does not say.

    The header is "AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/rekognition/aws4_request, …"; a key of 12
    digits is an account, as in other emulators.
    """
    parts = authorization.partition("Credential=")[2].split("/")
    account = parts[0] if len(parts[0]) == 12 and parts[0].isdigit() else None
    return account, parts[2] if len(parts) > 2 else None


class Wire:
    """Speaks JSON 1.1 for a service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._model = service_model()

    def handle(self, target: str, body: bytes, *, account: str, region: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for the header X-Amz-Target and the body of a request."""
        identifier = str(uuid.uuid4())
        headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": identifier}
        try:
            name, operation = self._operation(target)
            request = _request(operation, body)
            answer = self.service.call(name, request, account=account, region=region)
            output = operation.output_shape
            content = _encode(output, answer) if output is not None else {}
            return 200, headers, json.dumps(content, separators=(",", ":")).encode()
        except ServiceError as error:
            headers["x-amzn-errortype"] = error.code
            content = {
                "__type": error.code,
                "Code": error.code,
                "Message": error.message,
                "message": error.message,
                "Logref": identifier,
            }
            return error.status, headers, json.dumps(content, separators=(",", ":")).encode()

    def _operation(self, target: str) -> tuple[str, OperationModel]:
        name = target.removeprefix(PREFIX)
        if not target.startswith(PREFIX) or name not in OPERATIONS:
            served = ", ".join(sorted(OPERATIONS))
            raise UnknownOperation(f"{target or 'No operation'} is not served: Custom Labels only ({served}).")
        return name, self._model.operation_model(name)


def _request(operation: OperationModel, body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        raise InvalidParameter("The request is not valid JSON.") from None
    shape = operation.input_shape
    if shape is None:
        return {}
    decoded: dict[str, Any] = _decode(shape, content, "")
    return decoded


def _decode(shape: Shape, value: Any, path: str) -> Any:
    """`value` in botocore's Python shape; InvalidParameter names the member that breaks a constraint."""
    if isinstance(shape, StructureShape):
        return _decode_structure(shape, _typed(value, dict, path), path)
    if isinstance(shape, ListShape):
        items = [
            _decode(shape.member, item, f"{path}[{index}]") for index, item in enumerate(_typed(value, list, path))
        ]
        _check_size(shape, len(items), path, "items")
        return items
    if isinstance(shape, MapShape):
        _check_size(shape, len(_typed(value, dict, path)), path, "entries")
        return {
            _decode(shape.key, key, f"{path} (key)"): _decode(shape.value, item, f"{path}.{key}")
            for key, item in value.items()
        }
    return _decode_scalar(shape, value, path)


def _decode_structure(shape: StructureShape, value: dict[str, Any], path: str) -> dict[str, Any]:
    decoded: dict[str, Any] = {}
    for name, member in shape.members.items():
        inner = f"{path}.{name}" if path else name
        if value.get(name) is not None:
            decoded[name] = _decode(member, value[name], inner)
        elif name in shape.required_members:
            raise InvalidParameter(f"Request has invalid parameters: {inner} is required.")
    return decoded


def _decode_scalar(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "string":
        _check_string(shape, _typed(value, str, path), path)
        return value
    if kind == "blob":
        try:
            data = base64.b64decode(_typed(value, str, path), validate=True)
        except binascii.Error:
            raise InvalidParameter(f"Request has invalid parameters: {path} is not base64.") from None
        _check_size(shape, len(data), path, "bytes")
        return data
    if kind == "boolean":
        return _typed(value, bool, path)
    if kind == "timestamp":
        return datetime.fromtimestamp(_number(value, path), UTC)
    if kind in ("integer", "long"):
        if _number(value, path) != int(value):
            raise InvalidParameter(f"Request has invalid parameters: {path} is not a whole number.")
        value = int(value)
    else:
        value = float(_number(value, path))
    _check_range(shape, value, path)
    return value


def _typed(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
        where = path or "the request"
        raise InvalidParameter(f"Request has invalid parameters: {where} is not {names[kind]}.")
    return value


def _number(value: Any, path: str) -> int | float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value
        or abs(value) == float("inf")
    ):
        raise InvalidParameter(f"Request has invalid parameters: {path} is not a number.")
    return value


def _check_string(shape: Shape, value: str, path: str) -> None:
    _check_size(shape, len(value), path, "characters")
    choices = shape.metadata.get("enum")
    if choices and value not in choices:
        accepted = ", ".join(choices)
        raise InvalidParameter(f"Request has invalid parameters: {path} is {value!r}, not one of {accepted}.")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        raise InvalidParameter(f"Request has invalid parameters: {path} does not match {pattern}.")


def _check_size(shape: Shape, size: int, path: str, unit: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        bounds = f"{least or 0} to {most}" if most is not None else f"at least {least}"
        raise InvalidParameter(f"Request has invalid parameters: {path} has {size} {unit}; {bounds} are allowed.")


def _check_range(shape: Shape, value: float, path: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if most is not None and value > most and path == "MaxResults":
        # AWS checks page sizes elsewhere, and answers an error that no operation declares.
        raise Validation(
            f"1 validation error detected: Value '{value}' at 'maxResults' failed to satisfy constraint: Member"
            f" must have value less than or equal to {most}"
        )
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"{least} to {most}" if most is not None else f"at least {least}"
        raise InvalidParameter(f"Request has invalid parameters: {path} is {value}; {bounds} is allowed.")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of the model in Python's syntax, which has no \\p{…}: letters and digits \\w, separators \\s."""
    for java, python in ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.DOTALL)


def _encode(shape: Shape, value: Any) -> Any:
    """`value` for JSON: timestamps as epoch seconds, blobs in base64."""
    if isinstance(shape, StructureShape):
        return {name: _encode(shape.members[name], item) for name, item in value.items()}
    if isinstance(shape, ListShape):
        return [_encode(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _encode(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return value.timestamp()
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return value
