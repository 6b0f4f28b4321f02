"""What a client may send to POST /predictions: the image and the options read, or one refusal."""

import base64
import binascii
import json
import re
from typing import Any, NamedTuple

LARGEST_IMAGE = 4 * 1024 * 1024  # bytes; the service's real limit, below the model's 5 MiB
IMAGE_TYPES = ("image/png", "image/jpeg")
ACCEPTED_TYPES = ("application/json", "text/plain", *IMAGE_TYPES)
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


class Refusal(Exception):
    """A request that is refused: HTTP status, a stable code, and a sentence."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


class Request(NamedTuple):
    """A request that is accepted; `options` are DetectCustomLabels' own parameters."""

    image: bytes
    options: dict[str, Any]


def read_request(event: dict[str, Any]) -> Request:
    """The image and the options of an API Gateway proxy event; Refusal says what is wrong with it."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind not in ACCEPTED_TYPES:
        raise Refusal(
            415,
            "UnsupportedMediaType",
            f"The Content-Type is {kind[:100]!r}; accepted are {', '.join(ACCEPTED_TYPES)}.",
        )
    body, encoded = event.get("body") or "", bool(event.get("isBase64Encoded"))
    if kind in IMAGE_TYPES:
        if not encoded:
            raise Refusal(400, "InvalidImage", "The body did not arrive as binary; send the image's own bytes.")
        return Request(_image(_decode(body)), {})
    if encoded:
        try:
            body = _decode(body).decode()
        except UnicodeDecodeError:
            raise Refusal(400, "InvalidBody", "The body is not UTF-8 text.") from None
    if kind == "text/plain":
        return Request(_image(_decode(body)), {})
    return _read_json(body)


def _read_json(body: str) -> Request:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "InvalidBody", "The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise Refusal(422, "InvalidField", 'The body is not a JSON object; accepted is {"image": "<base64>"}.')
    unknown = fields.keys() - {"image", "minConfidence", "maxResults"}
    if unknown:
        raise Refusal(
            422,
            "InvalidField",
            f"{sorted(unknown)[0][:100]!r} is no known field; accepted are image, minConfidence and maxResults.",
        )
    options: dict[str, Any] = {}
    if (confidence := fields.get("minConfidence")) is not None:
        if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 100:
            raise Refusal(422, "InvalidField", "minConfidence is not a number from 0 to 100.")
        options["MinConfidence"] = confidence
    if (results := fields.get("maxResults")) is not None:
        if isinstance(results, bool) or not isinstance(results, int) or not 1 <= results <= 10_000:
            raise Refusal(422, "InvalidField", "maxResults is not a whole number from 1 to 10000.")
        options["MaxResults"] = results
    if not isinstance(fields.get("image"), str):
        raise Refusal(422, "InvalidField", "image is missing or not a text; accepted is an image in base64.")
    return Request(_image(_decode(fields["image"])), options)


def _decode(text: str) -> bytes:
    """The bytes of base64 text; white space and a `data:` prefix are passed over."""
    head = text[:200].lstrip()
    if head[:5].lower() == "data:":
        text = text.lstrip()
        prefix = _DATA_URL.match(text)
        if not prefix:
            raise Refusal(400, "InvalidBase64", "The data: prefix is not of the form data:image/png;base64,.")
        text = text[prefix.end() :]
    try:
        return base64.b64decode(_SPACE.sub("", text).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Refusal(400, "InvalidBase64", "The image is not base64.") from None


def _image(image: bytes) -> bytes:
    if not image:
        raise Refusal(400, "InvalidImage", "The image is empty.")
    if len(image) > LARGEST_IMAGE:
        raise Refusal(
            413, "ImageTooLarge", f"The image has {len(image)} bytes; accepted are {LARGEST_IMAGE} (4 MB)."
        )
    if not image.startswith(_SIGNATURES):
        raise Refusal(400, "InvalidImage", "The image is neither PNG nor JPEG.")
    return image
