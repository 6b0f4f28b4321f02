"""Images as the service accepts them: PNG or JPEG, within limits of size and shape, decoded to RGB."""

import io
from math import ceil

from PIL import Image, ImageOps

from local.rekognition.tasks import ImageFault, Limits

Image.MAX_IMAGE_PIXELS = None  # the limit on sides, checked before decoding, is the stricter one

DRAFT_SIDE = 512  # a JPEG may be decoded at a fraction of its size, if no side falls below this


def decode(data: bytes, limits: Limits, long_side: int | None = None) -> tuple[Image.Image, tuple[int, int]]:
    """The image in RGB, perhaps at a fraction of its size, and its width and height; or ImageFault.

    A JPEG is decoded so that no side falls below DRAFT_SIDE pixels; or, if given, so that the long one does not
    fall below `long_side`.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])
        size = image.size
        _check(size, limits)
        scale = (long_side or 0) / max(size)
        image.draft("RGB", (ceil(size[0] * scale), ceil(size[1] * scale)) if scale else (DRAFT_SIDE, DRAFT_SIDE))
        if limits.exif_rotation:
            image = ImageOps.exif_transpose(image)
        return _rgb(image), size
    except ImageFault:
        raise
    except Exception as error:  # a broken file raises nearly anything in a decoder
        raise ImageFault("format", f"The image is not a readable PNG or JPEG file: {error}") from None


def _check(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if max(size) > limits.side_maximum:
        text = f"The image is {width} x {height} pixels; no side may exceed {limits.side_maximum}."
        raise ImageFault("side", text)
    if min(size) < limits.side_minimum:
        text = f"The image is {width} x {height} pixels; no side may be below {limits.side_minimum}."
        raise ImageFault("shape", text)
    if max(size) > limits.aspect_maximum * min(size):
        text = f"The image is {width} x {height} pixels; its aspect ratio exceeds {limits.aspect_maximum:g}:1."
        raise ImageFault("shape", text)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel, of which "convert" would cut off the upper ones
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")
