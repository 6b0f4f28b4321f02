"""Looks at images in S3: their format and size from their first bytes, and what tells their content apart."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from customlabels.locations import Location, parse_uri
from customlabels.manifests import Image
from customlabels.preflight.headers import More, read_header
from customlabels.preflight.line_checks import Facts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

AT_ONCE = 32  # calls to S3 under way
FIRST_BYTES = 4096  # enough for every PNG and for a JPEG without a large thumbnail
MOST_BYTES = 1024 * 1024  # of headers; a picture whose size comes later is not looked for further
_CONTENT_HASH = re.compile(r"[0-9a-f]{32}")  # an ETag of a single-part object; a multipart one has a dash
_FAULTS = {
    "NoSuchKey": "there is no such object",
    "404": "there is no such object",
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "access to it is denied",
    "403": "access to it is denied",
    "InvalidRange": "it is empty",
}


def content_hash(got: "GetObjectOutputTypeDef") -> str | None:
    """The hash of the content that an object's ETag is; None where it is not one: of several parts, under KMS."""
    if got.get("ServerSideEncryption", "AES256") != "AES256":
        return None
    stripped = got["ETag"].strip('"')
    return stripped if _CONTENT_HASH.fullmatch(stripped) else None


class Images:
    """Reads images of S3 concurrently, in order and with bounded memory."""

    def __init__(self, s3: "S3Client") -> None:
        self.s3 = s3

    def with_etags(self, images: Iterable[Image]) -> Iterator[Image]:
        """The same images, each with its ETag; those that have one keep it.

        Equal ETags mean equal contents; of contents in several parts or under KMS, different ones mean nothing.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            stream = iter(images)
            while batch := list(islice(stream, AT_ONCE * 32)):
                yield from pool.map(self._with_etag, batch)

    def facts(self, references: Iterable[str]) -> Iterator[Facts]:
        """What is so of each image, by a ranged read of its header; a fault is told, not raised."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            stream = iter(references)
            while batch := list(islice(stream, AT_ONCE * 32)):
                yield from pool.map(self.look, batch)

    def sizes(self, references: Sequence[str]) -> list[tuple[int, int] | None]:
        """Width and height in pixels of each image, None where they cannot be read."""
        return [
            (facts.width, facts.height) if facts.width and facts.height else None
            for facts in self.facts(references)
        ]

    def look(self, reference: str) -> Facts:
        """What is so of one image."""
        try:
            location = parse_uri(reference)
        except ValueError:
            return Facts(fault="its address is not s3://bucket/key")
        wanted = FIRST_BYTES
        try:
            while True:
                got = self.s3.get_object(Bucket=location.bucket, Key=location.key, Range=f"bytes=0-{wanted - 1}")
                data = got["Body"].read()
                size = int(got.get("ContentRange", f"/{len(data)}").rpartition("/")[2])
                header = read_header(data)
                if not isinstance(header, More) or len(data) >= min(size, MOST_BYTES):
                    break
                wanted = min(max(header.needed, 2 * wanted), MOST_BYTES)
            content = self._content(location, got)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _FAULTS:
                raise
            return Facts(fault=_FAULTS[code])
        except ValueError as error:
            return Facts(size=size, content=self._content(location, got), fault=str(error))
        if isinstance(header, More):
            return Facts(size=size, content=content, fault="it ends before its size is told")
        return Facts(header.format, header.width, header.height, size, content)

    def _content(self, location: Location, got: "GetObjectOutputTypeDef") -> str:
        """What equal contents share: the ETag where it is a hash, else a stored checksum, else the bytes' own."""
        if known := content_hash(got):
            return f"etag:{known}"
        head = self.s3.head_object(Bucket=location.bucket, Key=location.key, ChecksumMode="ENABLED")
        # S3 itself stores the second one with every object that is uploaded without another.
        checksum = head.get("ChecksumSHA256") or head.get("ChecksumCRC64NVME")
        if checksum and head.get("ChecksumType") != "COMPOSITE":
            return f"checksum:{checksum}"
        body = self.s3.get_object(Bucket=location.bucket, Key=location.key)["Body"]
        digest = hashlib.sha256()
        for chunk in body.iter_chunks(64 * 1024):
            digest.update(chunk)
        return f"bytes:{digest.hexdigest()}"

    def _with_etag(self, image: Image) -> Image:
        if image.etag is not None or not image.reference:
            return image
        try:
            location = parse_uri(image.reference)
            head = self.s3.head_object(Bucket=location.bucket, Key=location.key)
        except ValueError:
            return image
        except ClientError as error:
            if error.response["Error"]["Code"] not in _FAULTS:
                raise
            return image  # a missing image is for the checks to report
        return image._replace(etag=head["ETag"].strip('"'))
