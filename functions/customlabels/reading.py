"""Reads the images of a source, one after the other."""

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from customlabels.errors import DatasetRejected
from customlabels.manifests import Image, folder_label, folder_line, is_image, read_line
from customlabels.sources import Location, Source, parse_uri

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_s3 import S3Client

HEADS = 32  # HeadObject calls under way at once
_CONTENT_HASH = re.compile(r"[0-9a-f]{32}")  # an ETag of a single-part object; a multipart one has a dash
_UNREADABLE = {
    "NoSuchKey": "there is no such object",
    "NoSuchBucket": "there is no such bucket",
    "ResourceNotFoundException": "there is no such dataset",
    "AccessDenied": "access is denied; name its bucket in the stack's parameter ImageBuckets",
    "AccessDeniedException": "access is denied; it is not a dataset of this stack's projects",
}


class Identities(NamedTuple):
    """What tells the images of a set apart: their references and their contents' hashes."""

    references: set[str]
    etags: set[str]

    def hold(self, image: Image) -> bool:
        return image.reference in self.references or (image.etag is not None and image.etag in self.etags)

    def add(self, image: Image) -> None:
        self.references.add(image.reference)
        if image.etag is not None:
            self.etags.add(image.etag)


def identity_row(image: Image) -> str:
    """What is kept of an image so that a later state can tell it apart."""
    return json.dumps([image.reference, image.etag])


class Reader:
    """Reads sources and datasets with the function's own clients."""

    def __init__(self, s3: "S3Client", rekognition: "RekognitionClient") -> None:
        self.s3 = s3
        self.rekognition = rekognition

    def source(self, source: Source) -> Iterator[Image]:
        """The images of a folder, a manifest or a dataset; DatasetRejected when it cannot be read."""
        try:
            if source.kind == "folder":
                yield from self._folder(parse_uri(source.value))
            elif source.kind == "manifest":
                yield from self._manifest(parse_uri(source.value))
            else:
                yield from self.dataset(source.value)
        except ClientError as error:
            if why := _UNREADABLE.get(error.response["Error"]["Code"]):
                raise DatasetRejected(f"The {source.kind} {source.value} cannot be read: {why}.") from error
            raise

    def dataset(self, arn: str) -> Iterator[Image]:
        """The images of an existing dataset, 100 a call."""
        pages = self.rekognition.get_paginator("list_dataset_entries").paginate(DatasetArn=arn)
        for page in pages:
            for line in page["DatasetEntries"]:
                if image := read_line(line):
                    yield image

    def with_etags(self, images: Iterable[Image]) -> Iterator[Image]:
        """The same images, each with the hash that S3 tells of its content; those that have one keep it."""
        with ThreadPoolExecutor(HEADS) as pool:
            stream = iter(images)
            while batch := list(islice(stream, HEADS * 32)):
                yield from pool.map(self._with_etag, batch)

    def identities(self, location: dict[str, str] | None) -> Identities:
        """Read rows of `identity_row` from an S3Object; nothing for None."""
        known = Identities(set(), set())
        if location:
            body = self.s3.get_object(Bucket=location["Bucket"], Key=location["Name"])["Body"]
            for row in body.iter_lines():
                reference, etag = json.loads(row)
                known.add(Image(reference, "", etag))
        return known

    def _folder(self, folder: Location) -> Iterator[Image]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=folder.key)
        for page in pages:
            for found in page.get("Contents", []):
                if not is_image(found["Key"]) or found["Size"] == 0:
                    continue
                reference = Location(folder.bucket, found["Key"]).uri
                label = folder_label(folder.key, found["Key"])
                line = folder_line(reference, label, found["LastModified"])
                yield Image(reference, line, _content_hash(found["ETag"]), label is not None)

    def _manifest(self, manifest: Location) -> Iterator[Image]:
        body: Any = self.s3.get_object(Bucket=manifest.bucket, Key=manifest.key)["Body"]
        for number, row in enumerate(body.iter_lines(), 1):
            text = row.decode("utf-8", "replace")
            if not text.strip():
                continue
            image = read_line(text)
            if image is None:
                raise DatasetRejected(
                    f"Line {number} of {manifest.uri} is not a JSON object with a source-ref: {text[:80]!r}."
                )
            yield image

    def _with_etag(self, image: Image) -> Image:
        if image.etag is not None:
            return image
        try:
            location = parse_uri(image.reference)
            head = self.s3.head_object(Bucket=location.bucket, Key=location.key)
        except (ClientError, ValueError):
            return image  # a missing image is for Rekognition's validation to report
        return image._replace(etag=_content_hash(head["ETag"]))


def _content_hash(etag: str) -> str | None:
    stripped = etag.strip('"')
    return stripped if _CONTENT_HASH.fullmatch(stripped) else None
