import base64
import json
import struct

import pytest
from customlabels.refusals import Refusal
from customlabels.requests import LARGEST_IMAGE, read_request
from hypothesis import given
from hypothesis import strategies as st

from tests.images import picture

PNG = picture("down", 1)
JPEG = b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 480, 640) + bytes(100)
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
    assert read_request(given_event) == (PNG, ("png", 64, 64), None, {}, None, None)


def test_a_jpeg_is_an_image():
    request = read_request(event(base64.b64encode(JPEG).decode(), "image/jpeg", encoded=True))
    assert (request.image, request.size) == (JPEG, ("jpeg", 640, 480))


def test_what_is_absent_is_not_passed_on():
    assert read_request(ask(minConfidence=0, maxResults=3)).options == {"MinConfidence": 0, "MaxResults": 3}
    assert read_request(ask(maxResults=5.0)).options == {"MaxResults": 5}
    assert read_request(ask(minConfidence=None)).options == {}


def test_the_most_results_of_some_labels_are_counted_after_the_choice():
    request = read_request(ask(labels=["down", "across"], maxResults=1))
    assert (request.options, request.labels, request.most) == ({}, {"down", "across"}, 1)


def test_an_uploaded_image_is_named_by_its_key():
    request = read_request(event(json.dumps({"s3": {"key": "uploads/a/b-1_2.png"}})))
    assert (request.image, request.size, request.key) == (None, None, "uploads/a/b-1_2.png")


def test_an_image_of_exactly_the_limit_is_accepted():
    image = PNG + bytes(LARGEST_IMAGE - len(PNG))
    assert len(read_request(event(base64.b64encode(image).decode(), "text/plain")).image) == LARGEST_IMAGE


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    st.dictionaries(st.sampled_from(["image", "s3", "labels", "minConfidence", "maxResults", "x"]), json_values),
    st.sampled_from(["application/json", "text/plain", "image/png", "text/html"]),
    st.booleans(),
)
def test_nothing_that_a_client_sends_is_an_error_of_ours(fields, kind, encoded):
    with pytest.raises(Refusal):
        read_request(event(json.dumps(fields), kind, encoded))
