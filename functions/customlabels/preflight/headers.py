"""Format and size of an image from its first bytes, without decoding it.

Own code, because small libraries that read sizes tell neither the format nor how many more bytes they need, and
an image is read here by ranged GET.
"""

import struct
from typing import NamedTuple

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_OTHERS = (  # what people most often take for one of the two
    (b"GIF8", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"II*\x00", 0, "TIFF"),
    (b"MM\x00*", 0, "TIFF"),
    (b"WEBP", 8, "WebP"),
    (b"ftyphei", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIC"),
    (b"ftypavif", 4, "AVIF"),
    (b"%PDF", 0, "PDF"),
    (b"<svg", 0, "SVG"),
    (b"<?xml", 0, "XML"),
    (b"version https://git-lfs", 0, "a Git LFS pointer"),
)
_LONGEST_SIGNATURE = 24
# Start of frame: every coding of a JPEG, except DHT, JPG and DAC which lie between them.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length: TEM, RSTn, SOI


class Header(NamedTuple):
    """What the first bytes tell: `format` is png or jpeg; pixels as stored, a camera's rotation not applied."""

    format: str
    width: int
    height: int


class More(NamedTuple):
    """The header lies further on: read again with at least the first `needed` bytes."""

    needed: int


def read_header(data: bytes) -> Header | More:
    """The header in the first bytes of a PNG or JPEG file; ValueError says what else it is."""
    if data.startswith(_JPEG):
        return _jpeg(data)
    if data.startswith(_PNG):
        return _png(data)
    for signature, offset, name in _OTHERS:
        if data[offset:].startswith(signature):
            raise ValueError(f"it is {name}; accepted are PNG and JPEG")
    if len(data) < _LONGEST_SIGNATURE:
        return More(_LONGEST_SIGNATURE)
    raise ValueError(f"it begins with {data[:8].hex(' ')}; accepted are PNG and JPEG")


def _png(data: bytes) -> Header | More:
    if len(data) < 24:
        return More(24)
    if data[12:16] != b"IHDR":
        raise ValueError("it is a PNG whose first chunk is not IHDR")
    width, height = struct.unpack(">II", data[16:24])
    return _header("png", width, height)


def _jpeg(data: bytes) -> Header | More:
    # Segments are stepped over by their lengths, so that a thumbnail inside of one is never taken for the image.
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError(f"it is a JPEG that is damaged at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if marker in (0xD9, 0xDA):  # the end, or pixels before any frame
            raise ValueError("it is a JPEG without a frame header")
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if length < 2:
            raise ValueError(f"it is a JPEG that is damaged at byte {at}")
        if marker in _FRAMES:
            if at + 9 > len(data):
                return More(at + 9)
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return _header("jpeg", width, height)
        at += 2 + length
    return More(at + 9)


def _header(kind: str, width: int, height: int) -> Header:
    if not (width and height):
        raise ValueError(f"it is a {kind.upper()} of {width} x {height} pixels")
    return Header(kind, width, height)
