"""Small pictures of the worst mistakes, with what is true and what was predicted drawn on them."""

import base64
from io import BytesIO
from itertools import pairwise
from typing import Any

from PIL import Image, ImageDraw, ImageOps

SIDE = 160  # pixels of the longer side
LARGEST = 15 * 1024 * 1024  # bytes: the service takes no larger image
PIXELS = 4096 * 4096  # nor one with more

# Blue and orange differ for every kind of colour sight; the true box is an unbroken line besides.
_TRUE, _SAID, _EDGE = (30, 120, 255), (255, 140, 0), (255, 255, 255)
_DASH = 5


class UnreadablePicture(Exception):
    """Why a picture cannot be shown, in one sentence."""


def thumbnail(data: bytes, mistake: dict[str, Any]) -> str:
    """A `data:` URI of a JPEG of at most SIDE pixels a side; UnreadablePicture says why there is none."""
    if len(data) > LARGEST:
        raise UnreadablePicture(f"The file is larger than {LARGEST // 1024 // 1024} MB.")
    try:
        with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as opened:
            if opened.width * opened.height > PIXELS:
                raise UnreadablePicture(
                    f"The image has {opened.width} by {opened.height} pixels, more than 4096 by 4096."
                )
            image = _upright(opened, mistake["size"])
            full = mistake["size"] or image.size
            image.thumbnail((SIDE, SIDE))
            image = _on_white(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadablePicture("The file is no PNG or JPEG image that can be read.") from error
    _draw(image, mistake, image.width / full[0], image.height / full[1])
    file = BytesIO()
    image.save(file, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _upright(image: Image.Image, size: tuple[int, int] | None) -> Image.Image:
    """As a camera held it; where boxes tell the image's size, only if that is the size they mean."""
    turned = ImageOps.exif_transpose(image)
    return turned if size is None or turned.size == tuple(size) else image.copy()


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if image.mode.startswith("I"):  # 16 bits of grey
        return image.point(lambda value: value / 256).convert("L").convert("RGB")
    return image.convert("RGB")


def _draw(image: Image.Image, mistake: dict[str, Any], across: float, down: float) -> None:
    """True boxes, and over them the predicted ones, of which the right ones are thin."""
    draw = ImageDraw.Draw(image)
    for boxes, colour, dash in ((mistake["truth"], _TRUE, 0), (mistake["predicted"], _SAID, _DASH)):
        for one in boxes:
            left, top, width, height = one["box"]
            place = (left * across, top * down, (left + width) * across, (top + height) * down)
            if one.get("isRight"):
                _outline(draw, place, colour, 1, dash)
                continue
            _outline(draw, place, _EDGE, 4, dash)  # so that it is seen on any ground
            _outline(draw, place, colour, 2, dash)


def _outline(
    draw: ImageDraw.ImageDraw, place: tuple[float, float, float, float], colour: Any, width: int, dash: int
) -> None:
    left, top, right, bottom = place
    corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    for (x, y), (to_x, to_y) in pairwise(corners):
        length = max(abs(to_x - x), abs(to_y - y))
        steps = (int(length // dash) | 1) if dash else 1  # odd: a dash at either corner
        for step in range(0, steps, 2):
            start, end = step / steps, (step + 1) / steps
            draw.line(
                (x + (to_x - x) * start, y + (to_y - y) * start, x + (to_x - x) * end, y + (to_y - y) * end),
                fill=colour,
                width=width,
            )
