"""Images as `predict` sends them, and where the API answers, without a cloud."""

import io

import pytest
from customlabels.refusals import Refusal
from PIL import Image

from cli import asking, pictures
from cli.pictures import Ready


def turned(side: int = 96, orientation: int = 6) -> bytes:
    """A JPEG that is stored lying, with its left half white, and is to be seen with its upper half white."""
    image = Image.new("RGB", (2 * side, side), "black")
    image.paste("white", (0, 0, side, side))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


def test_a_photograph_is_sent_upright() -> None:
    ready = pictures.prepare(turned())
    assert (ready.width, ready.height) == (96, 192)
    assert ready.note == "Sent as a JPEG of 96 x 192 pixels, since the camera was turned."
    with Image.open(io.BytesIO(ready.data)) as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.getpixel((48, 20))[0] > 200
        assert image.getpixel((48, 170))[0] < 50
    plain = turned(orientation=1)
    assert pictures.prepare(plain) == Ready(plain, 192, 96)


def test_what_is_too_large_is_made_smaller() -> None:
    file = io.BytesIO()
    Image.new("L", (2100, 2100)).save(file, "PNG", compress_level=0)
    ready = pictures.prepare(file.getvalue())
    assert len(ready.data) <= 4 * 1024 * 1024 < len(file.getvalue())
    assert "since it is larger than 4 MB" in (ready.note or "")
    file = io.BytesIO()
    Image.new("L", (5000, 1000)).save(file, "PNG")
    wide = pictures.prepare(file.getvalue())
    assert (wide.width, wide.height, "longer than 4096" in (wide.note or "")) == (4096, 819, True)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"RIFF1234WEBPVP8 ", turned()[:200]])
def test_what_cannot_be_sent_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        pictures.prepare(data)
    assert (refused.value.code, refused.value.message.endswith(".")) == ("InvalidImage", True)


@pytest.mark.parametrize(
    ("url", "endpoint", "expected"),
    [
        (
            "https://a.execute-api.eu-west-1.amazonaws.com/v1",
            None,
            "https://a.execute-api.eu-west-1.amazonaws.com/v1",
        ),
        (
            "https://a.execute-api.eu-west-1.amazonaws.com/v1",
            "http://127.0.0.1:4566",
            "http://127.0.0.1:4566/restapis/a/v1/_user_request_",
        ),
        ("https://labels.example.com/", "http://127.0.0.1:4566", "https://labels.example.com"),
    ],
)
def test_where_the_api_answers(url: str, endpoint: str | None, expected: str) -> None:
    assert asking.reached(url, endpoint) == expected
