"""Images below `uploads/` of the data bucket: which keys there are, how one gets there, and what it is."""

import re
import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from customlabels.preflight.headers import Header, More
from customlabels.preflight.rules import IMAGE_BYTES
from customlabels.refusals import Refusal
from customlabels.requests import image_header

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "uploads/"
SECONDS = 300  # that a presigned POST is good for
ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg"}
KEY_CHARACTERS = 512
KEY = re.compile(r"uploads/[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_FIRST_BYTES = 64 * 1024  # enough for the header of most images
_MOST_BYTES = 1024 * 1024  # a JPEG's header lies behind its metadata
_MISSING = frozenset({"NoSuchKey", "404", "AccessDenied", "403"})  # who may not list is told that it is denied


def check_key(key: object) -> str:
    """A key below `uploads/`, each of whose parts begins with a letter, a digit, `_` or `-`; Refusal otherwise."""
    if isinstance(key, str) and len(key) <= KEY_CHARACTERS and KEY.fullmatch(key):
        return key
    raise Refusal("InvalidField", "s3.key is no key below uploads/, as POST /uploads gives it.")


def presign(s3: "S3Client", bucket: str, kind: str) -> dict[str, Any]:
    """{"url", "fields", "key"} of a POST that lets one image of that content type in, up to 15 MB."""
    key = f"{PREFIX}{uuid.uuid4().hex}{ENDINGS[kind]}"
    made = s3.generate_presigned_post(
        bucket,
        key,
        Fields={"Content-Type": kind},
        Conditions=[{"Content-Type": kind}, ["content-length-range", 1, IMAGE_BYTES]],
        ExpiresIn=SECONDS,
    )
    return {"url": made["url"], "fields": made["fields"], "key": key}


def look(s3: "S3Client", bucket: str, key: str) -> Header:
    """Format and size in pixels of an uploaded image, from its first bytes; Refusal says why it is none."""
    wanted = _FIRST_BYTES
    while True:
        try:
            got = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{wanted - 1}")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISSING:
                raise Refusal("ImageNotFound", "Nothing was uploaded under s3.key, or it has expired.") from None
            if code == "InvalidRange":
                raise Refusal("InvalidImage", "The image is empty.") from None
            raise
        data = got["Body"].read()
        size = int(got.get("ContentRange", f"/{len(data)}").rpartition("/")[2])
        if size > IMAGE_BYTES:
            raise Refusal(
                "ImageTooLarge", f"The image has {size} bytes; accepted in S3 are {IMAGE_BYTES} (15 MB)."
            )
        header = image_header(data)
        if not isinstance(header, More):
            return header
        if len(data) >= min(size, _MOST_BYTES):
            raise Refusal("InvalidImage", "The image ends before its size is told.")
        wanted = min(max(header.needed, 2 * wanted), _MOST_BYTES)
