"""Reads COCO instances.

These are {"images": [{id, file_name, width, height}], "annotations": [{image_id, category_id, bbox}],
"categories": [{id, name}]}, in any order; a bbox is [left, top, width, height] in pixels.
"""

from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Any

from customlabels.errors import DatasetRejected
from customlabels.exports.gathering import Gathered
from customlabels.exports.lines import LONGEST_SIDE, Box, Record, SizesOf, box_of, images_of
from customlabels.exports.references import resolve
from customlabels.exports.streams import elements
from customlabels.manifests import Image
from customlabels.preflight.findings import Findings, quoted
from customlabels.preflight.line_checks import is_number

ACCEPTED = "COCO instances, an object with the arrays images, annotations and categories"
_REFUSED = ""  # the address of an image whose file_name is of no use
_ARRAYS = ("images", "annotations", "categories")


def convert(
    chunks: Iterable[bytes], file: str, folder: str, created: datetime, sizes_of: SizesOf, found: Findings
) -> Iterator[Image]:
    """The images of a COCO file whose `file_name`s are relative to `folder`; one without boxes is unlabelled.

    The file is read once, and what is needed of it kept: about 250 bytes an image and 24 a box. An image that
    cannot be read counts as an invalid line; an annotation only as a finding. DatasetRejected for a file of
    another form.
    """
    coco = _Coco(file, folder, found)
    seen = set()
    for key, index, value in elements(chunks, file, ACCEPTED):
        if key in _ARRAYS:
            if index < 0:
                raise DatasetRejected(f"{key} of {file} is {quoted(value)}; accepted is an array.")
            getattr(coco, key)(f"{key}[{index}]", value)
        seen.add(key)
    if missing := [key for key in _ARRAYS if key not in seen]:
        # An empty array yields nothing, and there is nothing to train on in a file that has one.
        raise DatasetRejected(f"{file} has no {' and no '.join(missing)}; accepted is {ACCEPTED}.")
    yield from images_of(coco.records(), created, "coco", sizes_of, found)


class _Coco:
    """What is kept of the file's three arrays: a method for the elements of each."""

    def __init__(self, file: str, folder: str, found: Findings) -> None:
        self.file = file
        self.folder = folder
        self.found = found
        self.gathered = Gathered()
        self.references: dict[int, str] = {}
        self.names: dict[Hashable, str] = {}

    def images(self, item: str, value: Any) -> None:
        """Keep an image's address, and its size where the file has it."""
        name, key = _get(value, "file_name"), _get(value, "id")
        if not isinstance(name, str) or not _is_id(key):
            says = f"it is {quoted(value)}; accepted is an object with id and file_name"
            self.found.reject("INVALID_ROW", says, item=item)
            return
        image = self.gathered.image(key)
        try:
            self.references[image] = resolve(self.folder, name)
        except ValueError as error:
            self.references[image] = _REFUSED
            self.found.reject("INVALID_ROW", str(error), item=item)
            return
        width, height = value.get("width"), value.get("height")
        if _is_side(width) and _is_side(height):
            self.gathered.set_size(image, (int(width), int(height)))

    def annotations(self, item: str, value: Any) -> None:
        """Keep a box on whole pixels."""
        image, category, box = _get(value, "image_id"), _get(value, "category_id"), _get(value, "bbox")
        if not _is_id(image) or not _is_id(category) or not _is_bbox(box):
            accepted = "accepted is an object with image_id, category_id and bbox of left, top, width, height"
            self.found.add("INVALID_ROW", f"it is {quoted(value)}; {accepted}", item=item)
        elif value.get("iscrowd") == 1:
            says = f"image_id {quoted(image)}, category_id {quoted(category)}"
            self.found.add("CROWD_ANNOTATION", says, item=item)
        else:
            pixels = box_of("", *box)
            self.gathered.add(self.gathered.image(image), category, pixels[1:])

    def categories(self, item: str, value: Any) -> None:
        """Keep a label's name."""
        key, name = _get(value, "id"), _get(value, "name")
        if not _is_id(key) or not isinstance(name, str):
            says = f"it is {quoted(value)}; accepted is an object with id and name"
            self.found.add("INVALID_ROW", says, item=item)
            return
        self.names[key] = name

    def records(self) -> Iterator[Record]:
        """Each image with its boxes."""
        for key, image in self.gathered.images():
            entries = self.gathered.entries(image)
            reference = self.references.get(image)
            if reference == _REFUSED:
                continue
            if reference is None:
                says = f"no image has the id {quoted(key)}, which {len(entries)} annotations name"
                self.found.reject("INVALID_ROW", says, item="images")
                continue
            boxes = []
            for label, pixels in entries:
                if label in self.names and pixels is not None:
                    boxes.append(Box(self.names[label], *pixels))
                else:
                    says = f"category_id {quoted(label)} is not in categories"
                    self.found.add("ERROR_MISSING_CLASS_MAP_ID", says, image=reference)
            yield Record(reference, (), boxes, self.gathered.size(image), f"images with id {quoted(key)}")


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_side(value: Any) -> bool:
    return is_number(value) and 1 <= value <= LONGEST_SIDE


def _is_bbox(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 4
        and all(is_number(number) and abs(number) <= LONGEST_SIDE for number in value)
    )
