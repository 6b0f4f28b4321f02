"""POST /feedback: what is kept of it and where, and that nobody's bad request is."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from customlabels import feedback
from customlabels.refusals import CODES
from hypothesis import given
from hypothesis import strategies as st

from local import openapi
from tests.conftest import TIMES
from tests.stack import BUCKET, PROJECT, TABLE, deployed, start
from tests.templates import environment
from tests.unit.test_bad_requests import BAD, MIB, PNG, UPLOADS

ROUTES = ("about", "feedback", "model", "uploads")
RESPONSES = openapi.document()["paths"]["/feedback"]["post"]["responses"]
NOW = datetime(2026, 11, 22, 10, 15, 0, 123000, tzinfo=UTC)
BOX = {"Name": "bolt", "BoundingBox": {"Left": 0.25, "Top": 0.5, "Width": 0.5, "Height": 0.25}}


def started(**variables):
    names = {"StateTableName": TABLE, "DataBucketName": BUCKET}
    known = {**environment("inference.yaml", "ApiRoutes", names), **variables}
    for name in ROUTES:
        start(f"customlabels.routes.{name}", known)
    return start("api", known)


@pytest.fixture(scope="module")
def world():
    """The stack, without a model: feedback needs none."""
    with deployed(TIMES) as stack:
        for name, data in {**UPLOADS, "good.png": PNG, "most.png": PNG + bytes(15 * MIB - len(PNG))}.items():
            stack.s3.put_object(Bucket=BUCKET, Key=f"uploads/{name}", Body=data, ContentType="text/html")
        yield stack


@pytest.fixture
def stack(world):
    """The stack with no feedback in it."""
    for item in world.table.scan()["Items"]:
        world.table.delete_item(Key={"project": item["project"], "item": item["item"]})
    for one in world.s3.list_objects_v2(Bucket=BUCKET, Prefix="feedback/").get("Contents", []):
        world.s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    return world


@pytest.fixture
def api(stack):
    return started(FEEDBACK_PER_DAY="3")


def event(body, kind="application/json"):
    return {
        "resource": "/feedback",
        "path": "/feedback",
        "httpMethod": "POST",
        "headers": {"Content-Type": kind},
        "multiValueHeaders": {},
        "requestContext": {"requestId": "gateway", "stage": "v1"},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def send(api, body):
    answer = api.handler(event(body), None)
    return answer["statusCode"], json.loads(answer["body"])


def image(data=PNG):
    return base64.b64encode(data).decode()


def waiting(stack):
    return list(feedback.waiting(stack.table, PROJECT))


def stored(stack):
    return [one["Key"] for one in stack.s3.list_objects_v2(Bucket=BUCKET, Prefix="feedback/").get("Contents", [])]


def test_labels_of_an_image_wait_for_a_person(stack, api):
    status, body = send(api, {"image": image(), "labels": ["down", "new one"], "comment": "Upside\ndown."})
    assert status == 201
    (one,) = waiting(stack)
    assert body == {"id": one.id}
    assert one.said == feedback.Said(("down", "new one"), None)
    assert (one.comment, one.width, one.height) == ("Upside\ndown.", 64, 64)
    assert one.key == f"feedback/{PROJECT}/{one.id}.png"
    kept = stack.s3.get_object(Bucket=BUCKET, Key=one.key)
    assert kept["Body"].read() == PNG
    assert kept["ContentType"] == "image/png"
    item = stack.table.get_item(Key={"project": f"feedback#{PROJECT}", "item": one.id})["Item"]
    assert timedelta(days=89) < datetime.fromtimestamp(int(item["expires"]), UTC) - datetime.now(UTC)
    assert feedback.find(stack.table, PROJECT, one.id) == one


def test_boxes_of_an_upload_wait_under_a_key_and_a_type_of_their_own(stack, api):
    assert send(api, {"s3": {"key": "uploads/good.png"}, "boxes": [BOX]})[0] == 201
    (one,) = waiting(stack)
    assert one.said.to_json() == {"boxes": [BOX]}
    kept = stack.s3.get_object(Bucket=BUCKET, Key=one.key)
    assert kept["Body"].read() == PNG
    assert kept["ContentType"] == "image/png", "told by its bytes, not by who uploaded it"


def test_the_largest_upload_can_be_sent(stack, api):
    assert send(api, {"s3": {"key": "uploads/most.png"}, "labels": []})[0] == 201
    assert waiting(stack)[0].said.is_empty


def test_a_day_takes_so_much_and_no_more(stack, api):
    answers = [send(api, {"image": image(), "labels": ["down"]})[0] for _ in range(4)]
    assert answers == [201, 201, 201, 429]
    assert len(waiting(stack)) == len(stored(stack)) == 3
    assert sorted(one.id for one in waiting(stack)) == [one.id for one in waiting(stack)], "oldest first"


def test_what_cannot_be_kept_does_not_count(stack, api, monkeypatch):
    def fail(*_):
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(feedback, "put", fail)
        assert [send(api, {"image": image(), "labels": ["down"]})[0] for _ in range(4)] == [500] * 4
    assert send(api, {"image": image(), "labels": ["down"]})[0] == 201


def as_feedback(name):
    """A bad request of POST /predictions as one of POST /feedback; None for what has no counterpart."""
    found, code = BAD[name]
    kind = (found["headers"] or {}).get("Content-Type", "")
    if code == "UnsupportedMediaType":
        return event(found["body"] or "", kind), code
    if kind == "text/plain" or (found["isBase64Encoded"] and kind.startswith("image/")):
        return event({"image": found["body"] or "", "labels": ["down"]}), code
    if kind != "application/json" or found["isBase64Encoded"]:
        return None
    try:
        fields = json.loads(found["body"])
    except (ValueError, RecursionError):
        return event(found["body"]), "InvalidField" if not found["body"] else code
    fields = {"labels": ["down"], **fields} if isinstance(fields, dict) else fields
    return event(json.dumps(fields)), code


# What Predict leaves to the model to find out, whom nobody asks here, and what means something else here.
NOT_HERE = (
    *("a PNG whose pixels are noise", "a PNG cut in its pixels", "a JPEG cut after its frame"),
    *("a PNG of 4,096 x 4,096 pixels, cut", "no labels"),
)
CASES = {name: case for name in BAD if name not in NOT_HERE and (case := as_feedback(name))}


def test_most_of_the_table_is_sent():
    assert len(CASES) >= 115


@pytest.mark.parametrize("name", CASES)
def test_a_bad_request_has_the_answer_it_has_as_a_prediction(stack, api, capsys, name):
    given, code = CASES[name]
    answer = api.handler(given, None)
    body = json.loads(answer["body"])
    assert (body["code"], answer["statusCode"]) == (code, CODES[code].status), body
    assert body.keys() == {"code", "message"}
    assert body["message"].endswith(".")
    assert len(body["message"]) < 500
    assert code in RESPONSES[str(answer["statusCode"])]["content"]["application/json"]["examples"]
    assert len(capsys.readouterr().out) < 2000, "no image is in the log"
    assert not stored(stack)
    assert not stack.table.scan()["Items"], "it does not count"


def box(**sides):
    return {"boxes": [{"Name": "bolt", "BoundingBox": {**BOX["BoundingBox"], **sides}}]}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"labels": ["down"], "boxes": [BOX]},
        {"labels": "down"},
        {"labels": [1]},
        {"labels": [""]},
        {"labels": ["  "]},
        {"labels": ["x" * 256]},
        {"labels": ["\x1b[31mred"]},
        {"labels": ["right \u202eto left"]},
        {"labels": [str(n) for n in range(51)]},
        {"boxes": [BOX] * 51},
        {"boxes": ["bolt"]},
        {"boxes": [{"Name": "bolt"}]},
        {"boxes": [{**BOX, "Confidence": 99}]},
        box(Left=-0.1),
        box(Left=0.6),
        box(Width=0),
        box(Width="0.5"),
        box(Height=True),
        {"labels": ["down"], "comment": "x" * 1001},
        {"labels": ["down"], "comment": "\x1b]0;title\x07"},
        {"labels": ["down"], "comment": None},
    ],
)
def test_a_bad_word_on_an_image_is_refused(stack, api, said):
    status, body = send(api, {"image": image(), **said})
    assert (status, body["code"]) == (422, "InvalidField")
    assert body["message"].endswith(".")
    assert not stored(stack)


@pytest.mark.parametrize("value", [None, [], "labels", {}, {"labels": None}, {"boxes": {}}, {"words": []}])
def test_what_is_no_word_at_all_is_a_value_error(value):
    with pytest.raises(ValueError, match=r"\.$"):
        feedback.read_said(value)


def test_a_line_has_each_label_or_all_boxes_in_pixels():
    line = json.loads(feedback.line_of("s3://b/i.png", feedback.read_said({"labels": ["a", "b"]}), 64, 64, NOW))
    assert [line[f"label{n}-metadata"]["class-name"] for n in ("", "1")] == ["a", "b"]
    line = json.loads(feedback.line_of("s3://b/i.png", feedback.read_said({"boxes": [BOX]}), 200, 100, NOW))
    (found,) = line["boxes"]["annotations"]
    assert found == {"class_id": 0, "left": 50, "top": 50, "width": 100, "height": 25}
    assert line["boxes-metadata"]["class-map"] == {"0": "bolt"}


@pytest.mark.parametrize("said", [{"labels": []}, {"boxes": []}, box(Width=0.004)])
def test_what_no_line_can_say_is_a_value_error(said):
    with pytest.raises(ValueError, match=r"\.$"):
        feedback.line_of("s3://b/i.png", feedback.read_said(said), 200, 100, NOW)


sides = st.floats(0, 1, allow_nan=False)


@given(sides, sides, sides, sides)
def test_a_box_that_is_accepted_lies_within_the_image_in_pixels(left, top, width, height):
    given_box = {"Left": left, "Top": top, "Width": width, "Height": height}
    try:
        said = feedback.read_said({"boxes": [{"Name": "bolt", "BoundingBox": given_box}]})
        line = json.loads(feedback.line_of("s3://b/i.png", said, 640, 480, NOW))
    except ValueError:
        return
    (found,) = line["boxes"]["annotations"]
    assert 0 <= found["left"] < found["left"] + found["width"] <= 640
    assert 0 <= found["top"] < found["top"] + found["height"] <= 480


def test_what_is_accepted_is_told_until_it_is_withdrawn(stack):
    one = feedback.Reviewed("ab12", "s3://data/images/reviewed/p/ab12.png", "{}", "2026-11-22", "arn", "id")
    feedback.accept(stack.table, PROJECT, one)
    assert list(feedback.reviewed(stack.table, PROJECT)) == [one]
    assert feedback.withdraw(stack.table, PROJECT, "ab12")
    assert not feedback.withdraw(stack.table, PROJECT, "ab12")
    assert not list(feedback.reviewed(stack.table, PROJECT))


def test_starting_the_model_is_refused_where_requests_may_not(stack, api):
    answer = api.handler({**event({}), "resource": "/model/start", "path": "/model/start"}, None)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (403, "WakeDisabled")


def test_without_a_live_model_there_is_none_to_start(stack):
    api = started(WAKE_FUNCTION="wake")
    answer = api.handler({**event({}), "resource": "/model/start", "path": "/model/start"}, None)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (404, "NoModel")
