"""Copies of images with the labels that were found, and their boxes, drawn on them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from customlabels.predictions import pixels

from cli import pictures
from cli.errors import CommandError
from cli.pictures import Picture

_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#000075")
_OF_SIDE = 40  # the height of letters is so small a part of the shorter side
_LEAST = 12  # pixels of their height
_QUALITY = 92


def draw(data: bytes, labels: Sequence[dict[str, Any]], folder: Path, place: str) -> Path:
    """Write an image, upright, with its labels below a folder; CommandError where it cannot be written.

    Boxes are in ratios of the image; labels of the whole image stand in its upper left corner.
    """
    target = folder / place
    with pictures.opened(data) as image:
        kind = image.format
        made = pictures.flat(image)
    colours: dict[str, str] = {}
    for one in labels:
        colours.setdefault(one["Name"], _COLOURS[len(colours) % len(_COLOURS)])
    _draw(made, labels, colours)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written beside it and moved there: Ctrl-C leaves no half of a picture.
        partial = target.with_name(f".{target.name}.part")
        made.save(partial, kind, **({"quality": _QUALITY} if kind == "JPEG" else {}))
        os.replace(partial, target)
    except OSError as error:
        raise CommandError(
            f"The drawing cannot be written to {str(target)!r}: {error.strerror or error}."
        ) from None
    return target


def _draw(made: Any, labels: Sequence[dict[str, Any]], colours: dict[str, str]) -> None:
    from PIL import ImageDraw, ImageFont

    height = max(_LEAST, min(made.size) // _OF_SIDE)
    font, pen = ImageFont.load_default(height), ImageDraw.Draw(made)
    line = max(2, height // 8)
    below = 0
    for one in labels:
        colour, text = colours[one["Name"]], f"{one['Name']} {one['Confidence']:.1f} %"
        box = (one.get("Geometry") or {}).get("BoundingBox")
        corner = (0, below)
        if box:
            at = pixels(box, *made.size)
            right, bottom = at["Left"] + at["Width"], at["Top"] + at["Height"]
            edges = (at["Left"], at["Top"], max(at["Left"], right - 1), max(at["Top"], bottom - 1))
            pen.rectangle(edges, outline=colour, width=line)
            corner = (at["Left"], max(0, at["Top"] - height - 2 * line))
        around = pen.textbbox((corner[0] + line, corner[1]), text, font=font)
        pen.rectangle((around[0] - line, around[1] - line, around[2] + line, around[3] + line), fill=colour)
        pen.text((corner[0] + line, corner[1]), text, font=font, fill="white")
        below += 0 if box else int(around[3] - around[1]) + 3 * line


def check(folder: Path, chosen: Sequence[Picture]) -> None:
    """CommandError where a drawing would be written over an image itself, or outside of the folder."""
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"--draw {str(folder)!r} is a file: give a folder.")
    for one in chosen:
        target = (folder / one.place).resolve()
        if not target.is_relative_to(folder.resolve()):  # a key of S3 may hold `..`
            raise CommandError(f"A drawing of {one.name!r} would lie outside of --draw {str(folder)!r}.")
        if target == Path(one.name).expanduser().resolve():
            raise CommandError(f"--draw {str(folder)!r} holds the image {one.name!r} itself: give another folder.")
