"""Merging a source into a dataset: which of its lines the dataset lacks, or holds with other labels."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from customlabels.datasets import Rows
from customlabels.locations import Location
from customlabels.manifests import Image

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST = 5_000_000  # bytes of one UpdateDatasetEntries; the service takes 5,242,880


class Merge:
    """Compares the images of a source with those of a dataset, by address; both are passed through once."""

    def __init__(self, held: Iterable[Image]) -> None:
        self._held = {image.reference: image.labelling for image in held}
        self._sent: set[str] = set()

    def news(self, images: Iterable[Image]) -> Iterator[Image]:
        """Those of a source's images that are new to the dataset or labelled otherwise there."""
        for image in images:
            if image.reference not in self._sent and self._held.get(image.reference) != image.labelling:
                self._sent.add(image.reference)
                yield image

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, image: Image) -> bool:
        return image.reference in self._held

    def rest(self, held: Iterable[Image]) -> Iterator[Image]:
        """Those of the dataset's images that stay as they are, once `news` has passed."""
        return (image for image in held if image.reference not in self._sent)


class Chunks:
    """Lines written as objects that one UpdateDatasetEntries takes each, below `location`."""

    def __init__(self, s3: "S3Client", location: Location) -> None:
        self.s3, self.location = s3, location
        self.count = self.lines = 0
        self._rows: Rows | None = None
        self._room = 0

    def write(self, line: str) -> None:
        size = len(line.encode()) + 1
        if self._rows is None or size > self._room:
            self._close()
            self._rows = Rows(self.s3, Location(self.location.bucket, chunk_key(self.location.key, self.count)))
            self._room = LARGEST
            self.count += 1
        self._rows.write(line)
        self._room -= size
        self.lines += 1

    def _close(self) -> None:
        if self._rows is not None:
            self._rows.__exit__(None, None, None)
            self._rows = None

    def __enter__(self) -> "Chunks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close()
        elif self._rows is not None:
            self._rows.__exit__(kind, error, trace)

    @property
    def facts(self) -> dict[str, Any]:
        """What MergeEntries needs to know."""
        return {"prefix": self.location.key, "chunks": self.count, "lines": self.lines}


def chunk_key(prefix: str, number: int) -> str:
    """The key of a chunk, counted from 0."""
    return f"{prefix}{number:05}.manifest"
