import base64
import json

import pytest
from customlabels.requests import LARGEST_IMAGE, Refusal, read_request
from hypothesis import given
from hypothesis import strategies as st

from tests.images import picture

PNG = picture("down", 1)
JPEG = b"\xff\xd8\xff\xe0" + bytes(100)
TEXT = base64.b64encode(PNG).decode()


def event(body, kind="application/json", encoded=False):
    """What API Gateway hands to a function."""
    return {"headers": {"Content-Type": kind}, "body": body, "isBase64Encoded": encoded}


def ask(**fields):
    return event(json.dumps({"image": TEXT, **fields}))


@pytest.mark.parametrize(
    "given_event",
    [
        ask(),
        event(TEXT, "text/plain"),
        event(TEXT, "text/plain; charset=utf-8"),
        event("data:image/png;base64," + TEXT, "text/plain"),
        event(TEXT, "image/png", encoded=True),
        event("\n".join(TEXT[i : i + 76] for i in range(0, len(TEXT), 76)), "text/plain"),
        event(json.dumps({"image": " data:image/png;base64,\n" + TEXT + "\r\n"})),
        event(base64.b64encode(json.dumps({"image": TEXT}).encode()).decode(), encoded=True),
        {"headers": {"content-type": "APPLICATION/JSON"}, "body": json.dumps({"image": TEXT})},
    ],
)
def test_an_image_is_read_in_each_accepted_form(given_event):
    assert read_request(given_event) == (PNG, {})


def test_a_jpeg_is_an_image():
    assert read_request(event(base64.b64encode(JPEG).decode(), "image/jpeg", encoded=True)).image == JPEG


def test_what_is_absent_is_not_passed_on():
    assert read_request(ask(minConfidence=0, maxResults=3)).options == {"MinConfidence": 0, "MaxResults": 3}
    assert read_request(ask(minConfidence=None)).options == {}


@pytest.mark.parametrize(
    ("given_event", "status", "code"),
    [
        (event("{", "application/json"), 400, "InvalidBody"),
        (event("[" * 100_000, "application/json"), 400, "InvalidBody"),
        (event(None), 400, "InvalidBody"),
        (event("[]"), 422, "InvalidField"),
        (event("{}"), 422, "InvalidField"),
        (ask(image=7), 422, "InvalidField"),
        (ask(image="not base64!"), 400, "InvalidBase64"),
        (ask(image=TEXT[:-3]), 400, "InvalidBase64"),
        (ask(image="ümlaut"), 400, "InvalidBase64"),
        (ask(image="\ud800"), 400, "InvalidBase64"),
        (ask(image="data:image/png," + TEXT), 400, "InvalidBase64"),
        (ask(image=""), 400, "InvalidImage"),
        (ask(image=base64.b64encode(b"GIF89a" + bytes(50)).decode()), 400, "InvalidImage"),
        (ask(image=base64.b64encode(PNG[:4] + bytes(LARGEST_IMAGE)).decode()), 413, "ImageTooLarge"),
        (ask(unknown=1), 422, "InvalidField"),
        (ask(minConfidence="50"), 422, "InvalidField"),
        (ask(minConfidence=101), 422, "InvalidField"),
        (ask(minConfidence=True), 422, "InvalidField"),
        (event('{"image": "", "minConfidence": NaN}'), 422, "InvalidField"),
        (event('{"image": "", "maxResults": 1e400}'), 422, "InvalidField"),
        (ask(maxResults=0), 422, "InvalidField"),
        (ask(maxResults=2.5), 422, "InvalidField"),
        (event(TEXT, "image/gif"), 415, "UnsupportedMediaType"),
        (event(TEXT, "application/x-www-form-urlencoded"), 415, "UnsupportedMediaType"),
        ({"headers": None, "body": TEXT}, 415, "UnsupportedMediaType"),
        (event("\x89PNG", "image/png"), 400, "InvalidImage"),
        (event("//8=", "text/plain", encoded=True), 400, "InvalidBody"),
        (event("", "image/png", encoded=True), 400, "InvalidImage"),
    ],
)
def test_each_bad_request_is_refused_with_its_status_and_a_sentence(given_event, status, code):
    with pytest.raises(Refusal) as caught:
        read_request(given_event)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.message.endswith(".")


def test_an_image_of_exactly_the_limit_is_accepted():
    image = PNG[:8] + bytes(LARGEST_IMAGE - 8)
    assert len(read_request(event(base64.b64encode(image).decode(), "text/plain")).image) == LARGEST_IMAGE


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    st.dictionaries(st.sampled_from(["image", "minConfidence", "maxResults", "x"]), json_values),
    st.sampled_from(["application/json", "text/plain", "image/png", "text/html"]),
    st.booleans(),
)
def test_nothing_that_a_client_sends_is_an_error_of_ours(fields, kind, encoded):
    with pytest.raises(Refusal):
        read_request(event(json.dumps(fields), kind, encoded))
