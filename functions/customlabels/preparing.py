"""Where a run's manifests are made: images in, manifest, identities and findings out."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from customlabels.datasets import Rows, entries_prefix, place_of
from customlabels.locations import Location
from customlabels.manifests import Image
from customlabels.merging import Chunks, Merge
from customlabels.preflight.findings import Findings
from customlabels.reading import Reader, identity_row
from customlabels.sources import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

S3Object = dict[str, str]  # Rekognition's {"Bucket", "Name"}


class Written(NamedTuple):
    """What was written of one dataset: a row of `identities` for each row of `manifest`."""

    images: int
    labelled: int
    manifest: S3Object
    identities: S3Object
    findings: S3Object


class Desk:
    """Reads the images of one dataset (`training` or `testing`) of a run, and writes what becomes of them."""

    def __init__(self, s3: "S3Client", bucket: str, project: str, version: str, dataset: str) -> None:
        self.s3, self.bucket, self.project, self.version = s3, bucket, project, version
        self.reader = Reader(s3)
        self.found = Findings(dataset)
        self._place = place_of(project, version)
        self.with_etags = self.reader.images.with_etags
        self.identities = self.reader.identities

    def dataset(self, arn: str) -> Iterator[Image]:
        """The images of a dataset whose entries ReadEntries has stored."""
        return self.reader.entries(Location(self.bucket, entries_prefix(self.project, self.version, arn)))

    def source(self, source: Source) -> Iterator[Image]:
        """The images of any source; DatasetRejected when it cannot be read."""
        return self.dataset(source.value) if source.kind == "dataset" else self.reader.source(source, self.found)

    def saved(self, arn: str) -> S3Object:
        """One manifest of what a dataset holds, whose entries ReadEntries has stored."""
        folder = Location(self.bucket, entries_prefix(self.project, self.version, arn))
        parts = self.reader.keys(folder)
        if len(parts) == 1:
            return {"Bucket": self.bucket, "Name": parts[0]}
        with self._rows("saved.manifest") as rows:
            for image in self.reader.entries(folder):
                rows.write(image.line)
        return rows.object

    def merge(
        self, images: Iterable[Image], arn: str, keep: Callable[[Iterable[Image]], Iterable[Image]]
    ) -> tuple["Written", dict[str, Any]]:
        """Write what a dataset holds once `images` are merged into it, and in chunks what it must be sent for it.

        `keep` passes on those images that may be in it; `mustLeave` tells how many that it holds may not.
        """
        merge = Merge(self.dataset(arn))
        stay = 0
        with Chunks(self.s3, Location(self.bucket, f"{self._place}/{self.found.dataset}.changes/")) as chunks:

            def merged() -> Iterator[Image]:
                nonlocal stay
                for image in keep(merge.news(images)):
                    chunks.write(image.line)
                    stay += image in merge
                    yield image
                for image in keep(merge.rest(self.dataset(arn))):
                    stay += 1
                    yield image

            written = self.write(merged())
        return written, {**chunks.facts, "mustLeave": len(merge) - stay}

    def write(self, images: Iterable[Image]) -> Written:
        """Write the manifest of `images`, with what Preflight will want to know of them."""
        labelled = 0
        with self._rows("manifest") as manifest, self._rows("identities") as identities:
            for image in images:
                manifest.write(image.line)
                identities.write(identity_row(image))
                labelled += image.labelled
        with self._rows("findings.json") as findings:  # which are complete once the images have passed
            findings.write(json.dumps(self.found.to_json()))
        return Written(manifest.count, labelled, manifest.object, identities.object, findings.object)

    def _rows(self, ending: str) -> Rows:
        return Rows(self.s3, Location(self.bucket, f"{self._place}/{self.found.dataset}.{ending}"))
