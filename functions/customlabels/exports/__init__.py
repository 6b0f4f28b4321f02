"""Files of other tools as sources of a dataset, and their conversion to manifest lines."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from customlabels.errors import InvalidInput
from customlabels.exports import coco, csv_table, ground_truth, label_studio
from customlabels.exports.lines import SizesOf
from customlabels.exports.references import folder_of
from customlabels.locations import parse_uri
from customlabels.manifests import Image
from customlabels.preflight.findings import Findings

KINDS = ("groundTruth", "coco", "csv", "labelStudio")
_IMAGES_ELSEWHERE = KINDS[1:]  # a Ground Truth manifest always has whole addresses


class Export(NamedTuple):
    """A file in S3, and the s3:// folder that the images it names without an address are relative to."""

    kind: str
    file: str
    folder: str


def parse_export(where: str, kind: str, value: Any) -> Export:
    """The export that `value` of the input's key `where` names: a file, or {"file", "images"}.

    Without `images` they lie relative to the file's own folder. InvalidInput names the key, the value and what is
    accepted.
    """
    named: Any = value if isinstance(value, dict) else {"file": value}
    accepted = ("file", "images") if kind in _IMAGES_ELSEWHERE else ("file",)
    if "file" not in named or not named.keys() <= set(accepted):
        also = ", or an object with file and images (a folder)" if kind in _IMAGES_ELSEWHERE else ""
        raise InvalidInput(f"{where} is {value!r}; accepted is s3://bucket/key{also}.")
    prefix = f"{where}.file" if isinstance(value, dict) else where
    file = _address(prefix, named["file"], "key")
    folder = folder_of(file)
    if "images" in named:
        folder = _address(f"{where}.images", named["images"], "folder/").rstrip("/") + "/"
    return Export(kind, file, folder)


def convert(
    export: Export, chunks: Iterable[bytes], created: datetime, sizes_of: SizesOf, found: Findings
) -> Iterator[Image]:
    """The images of an export, whose content comes in `chunks`; `created` (UTC) dates the labels.

    `sizes_of` is asked, in batches, for the pixels of images with boxes whose size the file lacks. DatasetRejected
    for a file of another form; all else that is wrong is counted in `found`.
    """
    file, folder = export.file, export.folder
    if export.kind == "groundTruth":
        return ground_truth.convert(chunks, file, found)
    if export.kind == "coco":
        return coco.convert(chunks, file, folder, created, sizes_of, found)
    if export.kind == "csv":
        return csv_table.convert(chunks, file, folder, created, sizes_of, found)
    return label_studio.convert(chunks, file, folder, created, found)


def _address(where: str, value: Any, what: str) -> str:
    try:
        location = parse_uri(value) if isinstance(value, str) else None
    except ValueError:
        location = None
    if location is None or (what == "key" and (not location.key or location.key.endswith("/"))):
        raise InvalidInput(f"{where} is {value!r}; accepted is s3://bucket/{what}.")
    return location.uri
