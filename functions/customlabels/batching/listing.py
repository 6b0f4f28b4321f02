"""The images of a batch, page by page, from where an earlier call has stopped."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from customlabels.errors import InvalidInput
from customlabels.locations import Location, parse_uri
from customlabels.manifests import is_image

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINES = 1000  # of a manifest that make a page, as S3 lists 1,000 keys
_KEYS = ("source-ref", "image", "key")  # of a JSON line, the first that it has
_UNREADABLE = {
    "NoSuchKey": "there is no such object",
    "404": "there is no such object",  # an answer to HeadObject has no body that could say more
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "access is denied; name its bucket in the stack's parameter ImageBuckets",
    "403": "access is denied; name its bucket in the stack's parameter ImageBuckets",
}


class Page(NamedTuple):
    """Addresses of images, and where the next page begins: a key, or a manifest's byte."""

    images: list[str]
    token: str | int


def pages(s3: "S3Client", kind: str, address: str, token: str | int | None) -> Iterator[Page]:
    """The pages of a folder (`images`) or of a `manifest` after `token`; InvalidInput where it cannot be read."""
    place = parse_uri(address)
    try:
        if kind == "images":
            yield from _folder(s3, place, str(token or ""))
        else:
            yield from _manifest(s3, place, int(token or 0))
    except ClientError as error:
        if why := _UNREADABLE.get(error.response["Error"]["Code"]):
            raise InvalidInput(f"{kind} is {address!r}, which cannot be read: {why}.") from error
        raise


def _folder(s3: "S3Client", folder: Location, after: str) -> Iterator[Page]:
    asked: dict[str, Any] = {"Bucket": folder.bucket, "Prefix": folder.key}
    if after:
        asked["StartAfter"] = after
    for page in s3.get_paginator("list_objects_v2").paginate(**asked):
        found = page.get("Contents", [])
        images = [f"s3://{folder.bucket}/{one['Key']}" for one in found if is_image(one["Key"]) and one["Size"]]
        if found:
            yield Page(images, found[-1]["Key"])


def _manifest(s3: "S3Client", place: Location, offset: int) -> Iterator[Page]:
    size = s3.head_object(Bucket=place.bucket, Key=place.key)["ContentLength"]
    if offset >= size:
        return
    body = s3.get_object(Bucket=place.bucket, Key=place.key, Range=f"bytes={offset}-")["Body"]
    images: list[str] = []
    count = 0
    for row in body.iter_lines(keepends=True):
        offset += len(row)
        count += 1
        if image := address_of(row.decode("utf-8", "replace").strip(), place.bucket):
            images.append(image)
        if count == LINES:
            yield Page(images, offset)
            images, count = [], 0
    if count:
        yield Page(images, offset)


def address_of(text: str, bucket: str) -> str | None:
    """The address that a manifest's line names: JSON or plain, an address or a key of `bucket`; None if empty.

    InvalidInput for a line that names none.
    """
    said: Any = text
    if text.startswith(("{", '"')):
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if isinstance(said, dict):
            said = next((said[key] for key in _KEYS if key in said), None)
    if said == "":
        return None
    try:
        if not isinstance(said, str):
            raise ValueError(text)
        return parse_uri(said).uri if said.startswith("s3://") else parse_uri(f"s3://{bucket}/{said}").uri
    except ValueError:
        raise InvalidInput(
            f"A line of the manifest is {text[:200]!r}; accepted is s3://bucket/key, a key of the manifest's "
            f"bucket, or a JSON object with one of {', '.join(_KEYS)}."
        ) from None
