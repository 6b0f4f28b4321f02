"""Reads a table of `image,label`, or of `image,label,left,top,width,height` with a row for each box.

Rows of an image may lie apart; they become one line. `image_width,image_height` save reading the image's header.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime

from customlabels.errors import DatasetRejected
from customlabels.exports.gathering import Gathered
from customlabels.exports.lines import LONGEST_SIDE, Box, Record, SizesOf, box_of, images_of
from customlabels.exports.references import resolve
from customlabels.exports.streams import text_lines
from customlabels.manifests import Image
from customlabels.preflight.findings import Findings, quoted

LABEL = ("image", "label")
BOX = ("left", "top", "width", "height")
SIZE = ("image_width", "image_height")
_HEADERS = (LABEL, LABEL + BOX, LABEL + BOX + SIZE)
ACCEPTED = "UTF-8 text with commas and a header of " + " or ".join(",".join(header) for header in _HEADERS)


def convert(
    chunks: Iterable[bytes], file: str, folder: str, created: datetime, sizes_of: SizesOf, found: Findings
) -> Iterator[Image]:
    """The images of a CSV file, whose names are s3:// addresses or relative to `folder`.

    An image without a label is unlabelled. The table is read once, and kept in about 250 bytes an image and 24 a
    row. DatasetRejected for a file of another form.
    """
    gathered = Gathered()
    rows = _rows(chunks, file)
    header = [name.strip().lower() for name in next(rows, (0, []))[1]]
    if sorted(header) not in [sorted(names) for names in _HEADERS]:
        raise DatasetRejected(f"{file} begins with {quoted(','.join(header))}; accepted is {ACCEPTED}.")
    for number, cells in rows:
        if not any(cells):
            continue
        _row(gathered, folder, cells, header, f"row {number}", found)
    yield from images_of(_records(gathered), created, "csv", sizes_of, found)


def _rows(chunks: Iterable[bytes], file: str) -> Iterator[tuple[int, list[str]]]:
    """The number of each row's last line in the file, from 1, and its cells."""
    lines = (line.decode() + "\n" for line in text_lines(chunks, file))
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if reader.line_num == 1 and row:
                row[0] = row[0].removeprefix("\ufeff")
            yield reader.line_num, [cell.strip() for cell in row]
    except (UnicodeDecodeError, csv.Error) as error:
        why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"has {error}"
        raise DatasetRejected(f"{file} {why} after line {reader.line_num}; accepted is {ACCEPTED}.") from None


def _row(gathered: Gathered, folder: str, cells: list[str], header: list[str], item: str, found: Findings) -> None:
    """Gather one row; what is wrong with its image is an invalid line, with its box only a finding."""
    try:
        if len(cells) != len(header):
            raise ValueError(f"it has {len(cells)} cells; accepted are {len(header)}, {','.join(header)}")
        row = dict(zip(header, cells, strict=True))
        image = gathered.image(resolve(folder, row["image"]))
    except ValueError as error:
        found.reject("INVALID_ROW", str(error), item=item)
        return
    try:
        label, box = row["label"], None
        if "left" in row and (label or any(row[name] for name in BOX)):
            if not label:
                raise ValueError("its box has no label")
            left, top, width, height = (_pixels(row, name) for name in BOX)
            box = box_of("", left, top, width, height)[1:]
        if row.get("image_width") or row.get("image_height"):
            gathered.set_size(
                image, (round(_pixels(row, "image_width", 1)), round(_pixels(row, "image_height", 1)))
            )
        if label:
            gathered.add(image, label, box)
    except ValueError as error:
        found.add("INVALID_ROW", str(error), item=item, image=row["image"])


def _pixels(row: dict[str, str], name: str, least: int = -LONGEST_SIDE) -> float:
    accepted = "a number of pixels"
    try:
        value = float(row[name])
    except ValueError:
        raise ValueError(f"{name} is {quoted(row[name])}; accepted is {accepted}") from None
    if not least <= value <= LONGEST_SIDE:  # false for a NaN too
        raise ValueError(f"{name} is {quoted(row[name])}; accepted is {accepted}")
    return value


def _records(gathered: Gathered) -> Iterator[Record]:
    for reference, image in gathered.images():
        labels, boxes = [], []
        for label, box in gathered.entries(image):
            if box is None:
                labels.append(str(label))
            else:
                boxes.append(Box(str(label), *box))
        yield Record(str(reference), labels, boxes, gathered.size(image))
