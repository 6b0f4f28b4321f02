"""Manifest lines of images with any labels and boxes, for the converters of other tools' files."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from customlabels.manifests import Image
from customlabels.preflight.findings import Findings

BATCH = 1000  # images whose sizes are asked for at once
LONGEST_SIDE = 1_000_000  # pixels; any larger number is no coordinate
Size = tuple[int, int]  # width and height in pixels
SizesOf = Callable[
    [Sequence[str]], Sequence[Size | None]
]  # of the images at these addresses, None where not known


class Box(NamedTuple):
    """An object on an image, in pixels."""

    label: str
    left: int
    top: int
    width: int
    height: int


class Record(NamedTuple):
    """What a file says of one image; `item` is where it says so."""

    reference: str
    labels: Sequence[str] = ()
    boxes: Sequence[Box] = ()
    size: Size | None = None
    item: str = ""


def box_of(label: str, left: float, top: float, width: float, height: float) -> Box:
    """A box on whole pixels: its edges are rounded, so that one inside of an image stays there."""
    x, y = round(left), round(top)
    return Box(label, x, y, round(left + width) - x, round(top + height) - y)


def images_of(
    records: Iterable[Record], created: datetime, job: str, sizes_of: SizesOf, found: Findings
) -> Iterator[Image]:
    """The lines of the records; `created` is in UTC, `job` the name of the job that made the labels.

    Sizes that boxes need and records lack are asked for in batches; an image without one is left out.
    """
    stream = iter(records)
    while batch := list(islice(stream, BATCH)):
        lacking = [record.reference for record in batch if record.boxes and record.size is None]
        sizes = dict(zip(lacking, sizes_of(lacking), strict=True)) if lacking else {}
        for record in batch:
            size = record.size or sizes.get(record.reference)
            if record.boxes and size is None:
                says = "its boxes need the image's size, which cannot be read"
                found.reject("UNKNOWN_IMAGE_SIZE", says, image=record.reference, item=record.item)
                continue
            yield image_of(record, size, created, job)


def image_of(record: Record, size: Size | None, created: datetime, job: str) -> Image:
    """One manifest line: an attribute for each different label, and one for all boxes."""
    shared = {
        "human-annotated": "yes",
        "creation-date": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "job-name": f"labeling-job/{job}",
    }
    line: dict[str, Any] = {"source-ref": record.reference}
    for index, label in enumerate(dict.fromkeys(record.labels)):
        name = f"label{index or ''}"
        line[name] = 1
        line[f"{name}-metadata"] = {
            "confidence": 1,
            "class-name": label,
            "type": "groundtruth/image-classification",
            **shared,
        }
    if record.boxes and size is not None:
        classes = {label: index for index, label in enumerate(dict.fromkeys(box.label for box in record.boxes))}
        line["boxes"] = {
            "image_size": [{"width": size[0], "height": size[1], "depth": 3}],
            "annotations": [{"class_id": classes[box.label], **_pixels(box)} for box in record.boxes],
        }
        line["boxes-metadata"] = {
            "objects": [{"confidence": 1} for _ in record.boxes],
            "class-map": {str(index): label for label, index in classes.items()},
            "type": "groundtruth/object-detection",
            **shared,
        }
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    return Image(record.reference, text, labelled=len(line) > 1)


def _pixels(box: Box) -> dict[str, int]:
    return {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
