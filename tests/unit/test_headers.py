import io
import struct

import numpy as np
import pytest
from customlabels.preflight.headers import Header, More, read_header
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image


def encoded(kind, mode="RGB", size=(97, 64), **options):
    pixels = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def exif_with_thumbnail():
    """An APP1 segment that holds a JPEG of 16 x 8 pixels, as a camera writes it."""
    thumbnail = encoded("JPEG", size=(16, 8))
    directory = struct.pack("<HHHII", 1, 0x0201, 4, 1, 26) + struct.pack("<I", 0)
    return b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + directory + thumbnail


def interlaced_png():
    """Pillow writes none: the header says Adam7, and only the header is read."""
    data = bytearray(encoded("PNG"))
    data[28] = 1
    return bytes(data)


VARIANTS = {
    "png": encoded("PNG"),
    "png of a palette": encoded("PNG", "P"),
    "png, grey": encoded("PNG", "L"),
    "png, interlaced": interlaced_png(),
    "jpeg": encoded("JPEG"),
    "jpeg, grey": encoded("JPEG", "L"),
    "jpeg, progressive": encoded("JPEG", progressive=True),
    "jpeg, CMYK": encoded("JPEG", "CMYK"),
    "jpeg, EXIF thumbnail": encoded("JPEG", exif=exif_with_thumbnail()),
    "jpeg, colour profile": encoded("JPEG", icc_profile=bytes(200_000)),
    "jpeg, restart markers": encoded("JPEG", restart_marker_blocks=1),
    "jpeg, fill bytes": b"\xff\xd8\xff\xff" + encoded("JPEG")[2:],
}


@pytest.mark.parametrize("name", VARIANTS)
def test_format_and_size_are_read_from_the_header(name):
    assert read_header(VARIANTS[name]) == Header(name[:4].strip(", ").replace("png ", "png"), 97, 64)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_header_that_lies_further_on_is_asked_for_and_found(name):
    data = VARIANTS[name]
    known, calls = 1, 0
    while isinstance(header := read_header(data[:known]), More):
        assert known < header.needed <= len(data)
        known, calls = header.needed, calls + 1
    assert (header.width, header.height) == (97, 64)
    assert calls < 40


def test_a_long_profile_needs_more_than_the_first_64_kib():
    assert read_header(VARIANTS["jpeg, colour profile"][: 64 * 1024]).needed > 64 * 1024


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (encoded("GIF"), "it is GIF; accepted are PNG and JPEG"),
        (encoded("WEBP"), "it is WebP; accepted are PNG and JPEG"),
        (encoded("BMP"), "it is BMP; accepted are PNG and JPEG"),
        (encoded("TIFF"), "it is TIFF; accepted are PNG and JPEG"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(20), "it is HEIC; accepted are PNG and JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is SVG; accepted are PNG and JPEG"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a Git LFS pointer; accepted are PNG and JPEG"),
        (bytes(40), "it begins with 00 00 00 00 00 00 00 00; accepted are PNG and JPEG"),
        (encoded("PNG")[:12] + b"CgBI" + encoded("PNG")[16:], "it is a PNG whose first chunk is not IHDR"),
        (encoded("PNG")[:16] + bytes(20), "it is a PNG of 0 x 0 pixels"),
        (b"\xff\xd8\xff\xe0\x00\x02\x00\x00\x00\x00", "it is a JPEG that is damaged at byte 6"),
        (b"\xff\xd8\xff\xe0\x00\x01\x00\x00", "it is a JPEG that is damaged at byte 2"),
        (b"\xff\xd8\xff\xda\x00\x08", "it is a JPEG without a frame header"),
    ],
)
def test_what_else_an_image_is_is_said(data, said):
    with pytest.raises(ValueError, match=said):
        read_header(data)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n"]))
def test_any_bytes_give_a_header_more_or_a_reason(data, start):
    whole = start + data
    try:
        header = read_header(whole)
    except ValueError:
        return
    if isinstance(header, More):
        assert header.needed > len(whole)  # so that reading on comes to an end
    else:
        assert header.width > 0
        assert header.height > 0
