"""The images that a command is to ask about: files of this machine or objects of S3, as the model takes them."""

import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from customlabels.preflight.headers import More, read_header
from customlabels.preflight.rules import SIDE_MAXIMUM
from customlabels.refusals import Refusal
from customlabels.requests import LARGEST_IMAGE, image_header

from cli import images
from cli.errors import CommandError, NotFound, code
from cli.stack import Cloud

QUALITIES = (92, 85, 75, 60)  # of a JPEG that is drawn anew, as the page tries them
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])/(.*)", re.DOTALL)
_ORIENTATION = 0x0112
_EXIF_WITHIN = 256 * 1024  # bytes of a JPEG in which its EXIF lies, as the page looks


class Picture(NamedTuple):
    """An image that is not read yet: what it is called, where below a folder it belongs, and its bytes."""

    name: str
    place: str
    read: Callable[[], bytes]


class Ready(NamedTuple):
    """An image as it is sent; `note` says why it is not the file's own bytes, if it is not."""

    data: bytes
    width: int
    height: int
    note: str | None = None


class Chosen(NamedTuple):
    """The images that were meant, in order, and the files among them that are passed over."""

    pictures: list[Picture]
    skipped: list[str]


def choose(cloud: Cloud, given: str) -> Chosen:
    """The images of a file, a folder or an s3:// address; CommandError where there is none."""
    chosen = _stored(cloud, given) if given.startswith("s3://") else _of_machine(given)
    if not chosen.pictures:
        others = f", only {images.counted(len(chosen.skipped), 'other file')}" if chosen.skipped else ""
        raise NotFound(f"{given!r} holds no image{others}: a name ends in {', '.join(images.SUFFIXES)}.")
    return chosen


def _of_machine(given: str) -> Chosen:
    path = Path(given).expanduser()
    if path.is_file():
        return Chosen([Picture(given, path.name, path.read_bytes)], [])
    if not path.is_dir():
        raise NotFound(f"{given!r} is not there: give an image, a folder of images, or an s3:// address.")
    names = [one.path for one in images.walk(path) if one.skip != images.HIDDEN and not one.path.endswith("/")]
    taken, skipped = _told_apart(names)
    return Chosen([Picture(str(path / name), name, (path / name).read_bytes) for name in taken], skipped)


def _stored(cloud: Cloud, given: str) -> Chosen:
    match = _ADDRESS.fullmatch(given)
    if not match:
        raise CommandError(f"{given!r} is no address of an image or a folder: give s3://bucket/key.")
    bucket, key = match[1], match[2]
    s3 = cloud.client("s3")

    def read(of: str) -> Callable[[], bytes]:
        return lambda: bytes(s3.get_object(Bucket=bucket, Key=of)["Body"].read())

    try:
        keys = _keys(s3, bucket, key)
    except ClientError as error:
        if code(error) == "NoSuchBucket":
            raise NotFound(f"There is no bucket {bucket}: check the address {given}.") from None
        raise
    if keys == [key]:
        return Chosen([Picture(given, key.rpartition("/")[2], read(key))], [])
    if not keys:
        raise NotFound(f"Nothing is at {given}: give the address of an image, or of a folder that holds images.")
    prefix = _folder(key)
    taken, skipped = _told_apart(one.removeprefix(prefix) for one in keys)
    return Chosen([Picture(f"s3://{bucket}/{prefix}{one}", one, read(prefix + one)) for one in taken], skipped)


def _keys(s3: Any, bucket: str, key: str) -> list[str]:
    """The object of that key alone where there is one, else what lies below it as a folder."""
    pages = s3.get_paginator("list_objects_v2").paginate
    first = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", []) if key else []
    if first and first[0]["Key"] == key and not key.endswith("/"):
        return [key]
    found = (one["Key"] for page in pages(Bucket=bucket, Prefix=_folder(key)) for one in page.get("Contents", []))
    return [one for one in found if not one.endswith("/")]


def _folder(key: str) -> str:
    return key if not key or key.endswith("/") else f"{key}/"


def _told_apart(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Names of images, and the others, each sorted."""
    known = sorted(names)
    return [one for one in known if images.is_named_as_image(one)], [
        one for one in known if not images.is_named_as_image(one)
    ]


def prepare(data: bytes) -> Ready:
    """An image as the model takes it; Refusal says what is wrong with one that it cannot take.

    What is larger than it takes, or turned by the camera, is drawn anew as a JPEG, as the page for trying does.
    """
    if not data:
        raise Refusal("InvalidImage", "The image is empty.")
    try:
        header = read_header(data)
    except ValueError as error:
        raise Refusal("InvalidImage", f"The image cannot be used: {error}.") from None
    if isinstance(header, More):
        raise Refusal("InvalidImage", "The image ends before its size is told.")
    why = None
    if len(data) > LARGEST_IMAGE:
        why = "it is larger than 4 MB"
    elif max(header.width, header.height) > SIDE_MAXIMUM:
        why = f"a side is longer than {SIDE_MAXIMUM} pixels"
    elif header.format == "jpeg" and _is_turned(data):
        why = "the camera was turned"
    if why:
        return _redrawn(data, why)
    image_header(data)  # refuses sides that are too short, or too different
    return Ready(data, header.width, header.height)


def _is_turned(data: bytes) -> bool:
    if b"Exif\0\0" not in data[:_EXIF_WITHIN]:
        return False
    with opened(data) as image:
        return image.getexif().get(_ORIENTATION, 1) in range(2, 9)


def _redrawn(data: bytes, why: str) -> Ready:
    with opened(data) as image:
        upright = flat(image)
    if max(upright.size) > SIDE_MAXIMUM:
        upright.thumbnail((SIDE_MAXIMUM, SIDE_MAXIMUM))
    for quality in QUALITIES:
        file = io.BytesIO()
        upright.save(file, "JPEG", quality=quality)
        made = file.getvalue()
        if len(made) <= LARGEST_IMAGE:
            image_header(made)
            note = f"Sent as a JPEG of {upright.width} x {upright.height} pixels, since {why}."
            return Ready(made, upright.width, upright.height, note)
    raise Refusal("ImageTooLarge", "The image stays larger than 4 MB as a JPEG too: make it smaller.")


def opened(data: bytes) -> Any:
    """An image that Pillow has opened; Refusal where it cannot, CommandError where there is no Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise CommandError(
            "This image must be drawn, which needs Pillow: `python -m pip install pillow`."
        ) from None
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refusal("InvalidImage", f"The image cannot be read: {error}.") from None
    return image


def flat(image: Any) -> Any:
    """An image upright, as its EXIF tells, in RGB and on white where it is transparent."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    return Image.alpha_composite(white, upright).convert("RGB")
