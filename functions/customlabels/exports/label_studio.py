"""Reads Label Studio's JSON export: its choices as image-level labels, its rectangle labels as boxes.

A task's newest annotation that was not skipped counts. Predictions are left out, for no one has looked at them.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeGuard
from urllib.parse import parse_qs, unquote, urlsplit

from customlabels.errors import DatasetRejected
from customlabels.exports.lines import LONGEST_SIDE, Box, Record, Size, box_of, image_of
from customlabels.exports.references import resolve
from customlabels.exports.streams import elements
from customlabels.manifests import Image, is_image
from customlabels.preflight.findings import Findings, quoted
from customlabels.preflight.line_checks import is_number

ACCEPTED = "Label Studio's JSON export (not JSON-MIN), an array of tasks with data and annotations"
_UPLOADS = "/data/"


def convert(
    chunks: Iterable[bytes], file: str, folder: str, created: datetime, found: Findings
) -> Iterator[Image]:
    """The images of an export, task by task; a task without an annotation is an unlabelled image.

    An image is an s3:// address, or a path relative to `folder`: of /data/upload/1/x.png that is upload/1/x.png,
    and of /data/local-files/?d=x.png it is x.png. DatasetRejected for a file of another form.
    """
    for key, index, task in elements(chunks, file, ACCEPTED):
        annotations = task.get("annotations", task.get("completions")) if isinstance(task, dict) else None
        if key or not isinstance(annotations, list) or not isinstance(task.get("data"), dict):
            where = f"task {index}" if not key else f"the key {quoted(key)}"
            raise DatasetRejected(f"{file} has at {where} {quoted(task)}; accepted is {ACCEPTED}.")
        item = f"task {index}" + (f" (id {quoted(task['id'])})" if "id" in task else "")
        try:
            reference = resolve(folder, _path(_image_name(task["data"])))
        except ValueError as error:
            found.reject("INVALID_ROW", str(error), item=item)
            continue
        record = _record(reference, annotations, item, found)
        yield image_of(record, record.size, created, "label-studio")


def _image_name(data: dict[str, Any]) -> str:
    """The image that a task's data name: under the key image, or the only one that can be an image."""
    if isinstance(data.get("image"), str):
        return str(data["image"])
    named = [value for value in data.values() if isinstance(value, str) and _is_image(value)]
    if len(named) != 1:
        raise ValueError(f"its data are {quoted(data)}; accepted is one image, or the key image")
    return named[0]


def _is_image(name: str) -> bool:
    parts = urlsplit(name)
    return is_image(parts.path) or is_image(parts.query)


def _path(name: str) -> str:
    """What Label Studio's own addresses stand for; any other name as it is."""
    if not name.startswith(_UPLOADS):
        return name
    parts = urlsplit(name)
    if local := parse_qs(parts.query).get("d"):
        return local[0].lstrip("/")
    return unquote(parts.path.removeprefix(_UPLOADS))


def _record(reference: str, annotations: list[Any], item: str, found: Findings) -> Record:
    where = {"item": item, "image": reference}
    done = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    if annotations and not done:
        found.add("CANCELLED_ANNOTATION", **where)
    if not done:
        return Record(reference)
    if len(done) > 1:
        found.add("SEVERAL_ANNOTATIONS", f"it has {len(done)} annotations", **where)
    labels: list[str] = []
    boxes: list[Box] = []
    sizes: list[Size] = []
    results = max(reversed(done), key=_age).get("result")  # of equals, the last
    for result in results if isinstance(results, list) else []:
        _result(result, labels, boxes, sizes, where, found)
    return Record(reference, labels, boxes, sizes[0] if sizes else None, item)


def _age(annotation: dict[str, Any]) -> str:
    """When an annotation was last changed; the dates of one export are written alike."""
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _result(
    result: Any, labels: list[str], boxes: list[Box], sizes: list[Size], where: dict[str, str], found: Findings
) -> None:
    """Take one result of an annotation into the labels, or the boxes and their image's size."""
    result = result if isinstance(result, dict) else {}
    kind, value = str(result.get("type")), result.get("value")
    value = value if isinstance(value, dict) else {}
    names = value.get(kind)
    if kind == "choices" and _is_names(names) and "x" not in value:
        labels.extend(names)
    elif kind == "rectanglelabels":
        size = (result.get("original_width"), result.get("original_height"))
        if not (_is_names(names) and _is_sides(size)):
            says = (
                f"a rectangle is {quoted(result)}; accepted is one with labels, original_width and original_height"
            )
            found.add("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", says, **where)
            return
        turned = [result.get("image_rotation", 0), value.get("rotation", 0)]
        numbers = [value.get(key) for key in ("x", "y", "width", "height")]
        if not all(is_number(number) and abs(number) <= LONGEST_SIDE for number in numbers + turned):
            says = f"a rectangle is {quoted(value)}; accepted are x, y, width and height in percent"
            found.add("ERROR_INVALID_BOUNDING_BOX", says, **where)
            return
        if turned[0] % 360:
            found.add(
                "FOREIGN_ATTRIBUTE", f"its rectangles lie on an image turned by {turned[0]} degrees", **where
            )
            return
        sizes.append(size)
        pixels = [number * size[index % 2] / 100 for index, number in enumerate(numbers)]
        if turned[1] % 360:
            found.add("ROTATED_BOX", f"a rectangle of {quoted(names)} is turned by {turned[1]} degrees", **where)
            pixels = _upright(pixels, turned[1], size)
        left, top, width, height = pixels
        boxes.extend(box_of(name, left, top, width, height) for name in names)
    else:
        found.add("FOREIGN_ATTRIBUTE", f"a result is of the type {quoted(kind)}", **where)


def _is_names(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def _is_sides(size: tuple[Any, Any]) -> bool:
    return all(isinstance(side, int) and 1 <= side <= LONGEST_SIDE for side in size)


def _upright(pixels: list[float], degrees: float, size: Size) -> list[float]:
    """The upright box around one that is turned clockwise about its left top corner, within the image."""
    left, top, width, height = pixels
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)]
    xs = [min(max(left + x * cosine - y * sine, 0), size[0]) for x, y in corners]
    ys = [min(max(top + x * sine + y * cosine, 0), size[1]) for x, y in corners]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
