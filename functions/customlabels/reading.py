"""Reads the images of a source, one after the other."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from customlabels.errors import DatasetRejected
from customlabels.exports import Export, convert
from customlabels.images import Images
from customlabels.locations import Location, parse_uri
from customlabels.manifests import Image, folder_label, folder_labels, folder_line, is_image, read_line
from customlabels.preflight.findings import Findings
from customlabels.sources import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 64 * 1024  # bytes of an export that are read at a time
_UNREADABLE = {
    "NoSuchKey": "there is no such object",
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "access is denied; name its bucket in the stack's parameter ImageBuckets",
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
    """What is kept of an image so that a later state, or a later run, can tell it apart."""
    return json.dumps([image.reference, image.etag, image.digest])


class Reader:
    """Reads sources and stored datasets from S3."""

    def __init__(self, s3: "S3Client") -> None:
        self.s3 = s3
        self.images = Images(s3)

    def source(self, source: Source, found: Findings) -> Iterator[Image]:
        """The images of a folder, a manifest or an export; DatasetRejected when it cannot be read.

        What a conversion leaves out is counted in `found`.
        """
        try:
            if source.kind == "folder":
                yield from self._folder(parse_uri(source.value))
            elif source.kind == "manifest":
                yield from self.manifest(parse_uri(source.value))
            else:
                yield from self._export(Export(*source), found)
        except ClientError as error:
            if why := _UNREADABLE.get(error.response["Error"]["Code"]):
                raise DatasetRejected(f"The {source.kind} {source.value} cannot be read: {why}.") from error
            raise

    def manifest(self, manifest: Location) -> Iterator[Image]:
        """The images of a manifest; a line that names none comes as it is, for the checks to count."""
        body = self.s3.get_object(Bucket=manifest.bucket, Key=manifest.key)["Body"]
        for row in body.iter_lines():
            text = row.decode("utf-8", "replace")
            yield read_line(text) or Image("", text, labelled=False)

    def entries(self, folder: Location) -> Iterator[Image]:
        """The images of a dataset whose entries ReadEntries has stored below `folder`."""
        for key in self.keys(folder):
            yield from self.manifest(Location(folder.bucket, key))

    def keys(self, folder: Location) -> list[str]:
        """The keys below `folder`, in order."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=folder.key)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def identities(self, location: dict[str, str] | None) -> Identities:
        """Read rows of `identity_row` from an S3Object; nothing for None."""
        known = Identities(set(), set())
        if location:
            body = self.s3.get_object(Bucket=location["Bucket"], Key=location["Name"])["Body"]
            for row in body.iter_lines():
                reference, etag, _ = json.loads(row)
                known.add(Image(reference, "", etag))
        return known

    def _folder(self, folder: Location) -> Iterator[Image]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=folder.key)
        for page in pages:
            for found in page.get("Contents", []):
                key = found["Key"]
                if not is_image(key) or found["Size"] == 0:
                    continue
                reference = f"s3://{folder.bucket}/{key}"
                label = folder_label(folder.key, key)
                line = folder_line(reference, label, found["LastModified"])
                yield Image(reference, line, found["ETag"].strip('"'), label is not None, folder_labels(label))

    def _export(self, export: Export, found: Findings) -> Iterator[Image]:
        file = parse_uri(export.file)
        got = self.s3.get_object(Bucket=file.bucket, Key=file.key)
        chunks = got["Body"].iter_chunks(CHUNK)
        yield from convert(export, chunks, got["LastModified"], self.images.sizes, found)
