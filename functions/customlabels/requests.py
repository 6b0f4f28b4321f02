"""What a client may send to POST /predictions: the image and the options read, or one refusal."""

import base64
import binascii
import json
import re
from typing import Any, NamedTuple

from customlabels.preflight.headers import Header, More, read_header
from customlabels.preflight.rules import ASPECT, LABEL_CHARACTERS, LABELS, SIDE_MAXIMUM, SIDE_MINIMUM
from customlabels.refusals import Refusal

LARGEST_IMAGE = 4 * 1024 * 1024  # bytes; the service's real limit, below the model's 5 MiB
MOST_RESULTS = 10_000
IMAGE_TYPES = ("image/png", "image/jpeg")
ACCEPTED_TYPES = ("application/json", "text/plain", *IMAGE_TYPES)
FIELDS = ("image", "s3", "labels", "minConfidence", "maxResults")
_DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)


class Request(NamedTuple):
    """A request that is accepted: the image's bytes and size, or the key of an uploaded image, and what is asked.

    `options` are DetectCustomLabels' own parameters; `labels` and `most` are for what it answers.
    """

    image: bytes | None
    size: Header | None
    key: str | None = None
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    labels: frozenset[str] | None = None
    most: int | None = None


def read_request(event: dict[str, Any]) -> Request:
    """The image and the options of an API Gateway proxy event; Refusal says what is wrong with it."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind not in ACCEPTED_TYPES:
        raise Refusal(
            "UnsupportedMediaType",
            f"The Content-Type is {kind[:100]!r}; accepted are {', '.join(ACCEPTED_TYPES)}.",
        )
    body, encoded = event.get("body") or "", bool(event.get("isBase64Encoded"))
    if kind in IMAGE_TYPES:
        if not encoded:
            raise Refusal("InvalidImage", "The body did not arrive as binary; send the image's own bytes.")
        return Request(*read_image(decode(body)))
    if encoded:
        try:
            body = decode(body).decode()
        except UnicodeDecodeError:
            raise Refusal("InvalidBody", "The body is not UTF-8 text.") from None
    if kind == "text/plain":
        return Request(*read_image(decode(body)))
    return _read_json(body)


def _read_json(body: str) -> Request:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("InvalidBody", "The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise Refusal("InvalidField", 'The body is not a JSON object; accepted is {"image": "<base64>"}.')
    unknown = fields.keys() - set(FIELDS)
    if unknown:
        raise Refusal(
            "InvalidField", f"{min(unknown)[:100]!r} is no known field; accepted are {', '.join(FIELDS)}."
        )
    options: dict[str, Any] = {}
    if (confidence := fields.get("minConfidence")) is not None:
        if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 100:
            raise Refusal("InvalidField", "minConfidence is not a number from 0 to 100.")
        options["MinConfidence"] = confidence
    most = _most(fields.get("maxResults"))
    labels = _labels(fields.get("labels"))
    if most is not None and labels is None:
        options["MaxResults"] = most  # among some labels only, the most confident of all are not what is asked
    if ("image" in fields) == ("s3" in fields):
        raise Refusal("InvalidField", "Either image (base64) or s3 (the key of an uploaded image) is needed.")
    if "s3" in fields:
        return Request(None, None, read_key(fields["s3"]), options, labels, most)
    image = fields["image"]
    if not isinstance(image, str):
        raise Refusal("InvalidField", "image is not a text; accepted is an image in base64.")
    return Request(*read_image(decode(image)), None, options, labels, most)


def _most(given: Any) -> int | None:
    if given is None:
        return None
    # JSON has one kind of number: 5.0 is 5.
    if isinstance(given, bool) or not isinstance(given, int | float) or not 1 <= given <= MOST_RESULTS:
        given = 0.5
    if given != int(given):
        raise Refusal("InvalidField", f"maxResults is not a whole number from 1 to {MOST_RESULTS}.")
    return int(given)


def _labels(given: Any) -> frozenset[str] | None:
    if given is None:
        return None
    if (
        not isinstance(given, list)
        or not 1 <= len(given) <= LABELS
        or not all(isinstance(label, str) and 1 <= len(label) <= LABEL_CHARACTERS for label in given)
    ):
        raise Refusal(
            "InvalidField", f"labels is not a list of 1 to {LABELS} names of 1 to {LABEL_CHARACTERS} characters."
        )
    return frozenset(given)


def read_key(stored: Any) -> str:
    """The key of {"key": "uploads/…"}, or Refusal."""
    from customlabels.uploads import check_key  # not every call needs it

    if not isinstance(stored, dict) or stored.keys() != {"key"}:
        raise Refusal("InvalidField", 's3 is not {"key": "uploads/…"}; the bucket is always the data bucket.')
    return check_key(stored["key"])


def decode(text: str) -> bytes:
    """The bytes of base64 text, or Refusal; white space and a `data:` prefix are passed over."""
    head = text[:200].lstrip()
    if head[:5].lower() == "data:":
        text = text.lstrip()
        prefix = _DATA_URL.match(text)
        if not prefix:
            raise Refusal("InvalidBase64", "The data: prefix is not of the form data:image/png;base64,.")
        text = text[prefix.end() :]
    try:
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:  # with white space, maybe: to look for it first would cost every request
            return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise Refusal("InvalidBase64", "The image is not base64.") from None


def read_image(image: bytes) -> tuple[bytes, Header]:
    """The image and its size in pixels, from its header, or Refusal: nothing is decompressed."""
    if not image:
        raise Refusal("InvalidImage", "The image is empty.")
    if len(image) > LARGEST_IMAGE:
        raise Refusal(
            "ImageTooLarge",
            f"The image has {len(image)} bytes; accepted are {LARGEST_IMAGE} (4 MB), and 15 MB by POST /uploads.",
        )
    header = image_header(image)
    if isinstance(header, More):
        raise Refusal("InvalidImage", "The image ends before its size is told.")
    return image, header


def image_header(data: bytes) -> Header | More:
    """Format and size in pixels from an image's first bytes, if the model takes such images, or Refusal."""
    try:
        header = read_header(data)
    except ValueError as error:
        raise Refusal("InvalidImage", f"The image cannot be used: {error}.") from None
    if isinstance(header, More):
        return header
    short, long = sorted((header.width, header.height))
    if short < SIDE_MINIMUM or long > SIDE_MAXIMUM or long > ASPECT * short:
        raise Refusal(
            "InvalidImage",
            f"The image has {header.width} x {header.height} pixels; accepted are {SIDE_MINIMUM} to "
            f"{SIDE_MAXIMUM} a side, and one side at the most {ASPECT} times the other.",
        )
    return header
