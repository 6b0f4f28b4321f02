"""POST /predictions against the Custom Labels service."""

import base64
import json

import pytest

from tests.images import picture
from tests.stack import BUCKET, TABLE, start
from tests.templates import environment

EVENT = {
    "headers": {"Content-Type": "text/plain"},
    "body": base64.b64encode(picture("down", 500)).decode(),
    "isBase64Encoded": False,
}


@pytest.fixture
def predict(stack):
    """The function with the environment that its template gives it, freshly started."""
    return start(
        "predict", environment("inference.yaml", "Predict", {"StateTableName": TABLE, "DataBucketName": BUCKET})
    )


def ask(predict, event=EVENT):
    answer = predict.handler(event, None)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def test_the_live_model_answers(stack, images, predict):
    stack.run(images, name="first")
    status, body, headers = ask(predict)
    assert status == 200
    assert body["Model"] == "first"
    assert body["Predictions"][0]["Name"] == "down"
    assert 0 < body["Predictions"][0]["Confidence"] <= 100
    assert headers["Content-Type"] == "application/json"


def test_options_are_passed_on(stack, images, predict):
    stack.run(images)
    body = json.dumps({"image": EVENT["body"], "minConfidence": 0})
    event = {"headers": {"Content-Type": "application/json"}, "body": body}
    assert len(ask(predict, event)[1]["Predictions"]) == 3
    event["body"] = json.dumps({"image": EVENT["body"], "minConfidence": 0, "maxResults": 2})
    assert len(ask(predict, event)[1]["Predictions"]) == 2


def test_without_a_live_model_the_client_is_asked_to_wait(stack, predict):
    status, body, headers = ask(predict)
    assert (status, body["code"]) == (503, "ModelNotRunning")
    assert headers["Retry-After"]


def test_a_stopped_model_is_told(stack, images, predict):
    output = stack.run(images).output
    stack.rekognition.stop_project_version(ProjectVersionArn=output["projectVersionArn"])
    assert ask(predict)[0] == 503


def test_a_switch_is_followed_at_once(stack, images, predict):
    stack.run(images, name="first")
    assert ask(predict)[1]["Model"] == "first"
    stack.run(images, name="second")
    assert ask(predict)[1]["Model"] == "second"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("ImageTooLargeException", 413, "ImageTooLarge"),
        ("InvalidImageFormatException", 400, "InvalidImage"),
        ("InvalidParameterException", 400, "InvalidImage"),
        ("ProvisionedThroughputExceededException", 429, "TooManyRequests"),
        ("ThrottlingException", 429, "TooManyRequests"),
        ("LimitExceededException", 429, "TooManyRequests"),
        ("ResourceNotReadyException", 503, "ModelNotRunning"),
        ("ResourceNotFoundException", 503, "ModelNotRunning"),
        ("InternalServerError", 503, "ServiceUnavailable"),
        ("AccessDeniedException", 503, "ServiceUnavailable"),
    ],
)
def test_each_error_of_the_service_has_its_answer(stack, images, predict, error, status, code):
    stack.run(images)
    stack.cloud.service.faults.add("DetectCustomLabels", error, call=None)
    answered, body, headers = ask(predict)
    assert (answered, body["code"]) == (status, code)
    assert ("Retry-After" in headers) is (status in (429, 503))


def test_a_picture_that_only_begins_as_one_is_refused(stack, images, predict):
    stack.run(images)
    broken = base64.b64encode(picture("down", 1)[:60]).decode()
    status, body, _ = ask(predict, {**EVENT, "body": broken})
    assert (status, body["code"]) == (400, "InvalidImage")


def test_a_table_that_does_not_answer_is_a_503(stack, predict):
    stack.table.delete()
    status, body, _ = ask(predict)
    assert (status, body["code"]) == (503, "ServiceUnavailable")
