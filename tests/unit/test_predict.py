"""POST /predictions against the Custom Labels service."""

import base64
import json
import socket
import time

import pytest
from botocore.config import Config
from customlabels.clients import WAKE

from tests.images import picture
from tests.proof.faults import RESET, TIMEOUT, Plan, faults, installed, tell
from tests.stack import BUCKET, TABLE, start
from tests.templates import environment, source

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


@pytest.fixture
def silent():
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def metrics(capsys):
    """What was counted since the last look."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    (found,) = [line for line in lines if "Latency" in line]
    return found


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


def test_some_labels_only_are_told(stack, images, predict):
    stack.run(images)
    asked = {"image": EVENT["body"], "labels": ["across", "checks"], "minConfidence": 0, "maxResults": 1}
    event = {"headers": {"Content-Type": "application/json"}, "body": json.dumps(asked)}
    (found,) = ask(predict, event)[1]["Predictions"]
    assert found["Name"] in ("across", "checks")


def test_answers_are_counted_by_project_and_by_model_version(stack, images, predict, capsys):
    stack.run(images, name="first")
    ask(predict)
    answered = metrics(capsys)
    assert answered["Requests"] == 1
    assert answered["LowConfidence"] in (0, 1)
    assert answered["Latency"] > 0
    assert (answered["project"], answered["version"]) == ("custom-labels", "first")
    told, asked = answered["_aws"]["CloudWatchMetrics"]
    assert told["Dimensions"] == [["service", "project"], ["service", "project", "version"]]
    assert asked["Dimensions"] == [["project"]]
    assert [metric["Name"] for metric in asked["Metrics"]] == ["Requests"]
    assert {metric["Name"] for metric in told["Metrics"]} <= answered.keys()
    ask(predict, {**EVENT, "body": "%"})
    refused = metrics(capsys)
    assert (refused["ClientErrors"], refused["ServerErrors"], refused["Throttles"]) == (1, 0, 0)
    assert "version" not in refused


def test_a_request_that_finds_no_model_running_is_counted(stack, images, predict, capsys):
    arn = stack.run(images).output["projectVersionArn"]
    stack.rekognition.stop_project_version(ProjectVersionArn=arn)
    assert ask(predict)[1]["code"] == "ModelNotRunning"
    refused = metrics(capsys)
    assert (refused["Requests"], refused["project"]) == (1, "custom-labels")
    assert ["project"] in [one for told in refused["_aws"]["CloudWatchMetrics"] for one in told["Dimensions"]]


def test_a_request_id_is_in_the_answer_and_in_the_log(predict, capsys):
    event = {**EVENT, "headers": {**EVENT["headers"], "x-request-id": "order-4711"}, "body": "%"}
    event["requestContext"] = {"requestId": "gateway"}
    assert ask(predict, event)[2]["X-Request-Id"] == "order-4711"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = [line for line in lines if "message" in line]
    assert logged
    assert {(line["request_id"], line["correlation_id"]) for line in logged} == {("order-4711", "gateway")}
    # Another request's lines say nothing of this one.
    ask(predict, {**event, "headers": EVENT["headers"], "requestContext": {"requestId": "next"}})
    assert "order-4711" not in capsys.readouterr().out


def test_a_model_that_does_not_answer_in_time_is_a_504(stack, images, predict, silent):
    stack.run(images)
    assert ask(predict)[0] == 200
    brief = Config(retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=1, read_timeout=0.2)
    predict.rekognition = predict.session.create_client("rekognition", endpoint_url=silent, config=brief)
    status, body, headers = ask(predict)
    assert (status, body["code"]) == (504, "TimedOut")
    assert headers["Retry-After"]


def test_a_table_that_does_not_answer_in_time_is_a_504_soon(predict, silent):
    predict.dynamodb = predict.session.create_client("dynamodb", endpoint_url=silent, config=predict.TABLE.config)
    began = time.monotonic()
    assert ask(predict)[0] == 504
    assert time.monotonic() - began < 28, "before the function's own limit"


def test_a_switch_is_not_followed_when_no_time_is_left(stack, images, predict, monkeypatch):
    stack.run(images, name="first")
    assert ask(predict)[0] == 200
    stack.run({**images, "force": True}, name="second")
    follow_seconds = predict.FOLLOW_SECONDS
    monkeypatch.setattr(predict, "LIVE_SECONDS", 3600)  # however long the second run took
    monkeypatch.setattr(predict, "FOLLOW_SECONDS", -1)
    assert ask(predict)[1]["code"] == "ModelNotRunning"
    timeout = source("inference.yaml")["Globals"]["Function"]["Timeout"]
    assert follow_seconds + predict.TABLE.longest + predict.MODEL.longest < timeout
    assert follow_seconds + predict.TABLE.longest + WAKE.longest < timeout


def test_a_fault_of_ours_is_a_500_that_quotes_nothing(predict, monkeypatch, capsys):
    hidden = base64.b64encode(b"what a client sent").decode()  # the trace quotes the code, and may quote no value

    def fail(*_):
        raise RuntimeError(hidden)

    monkeypatch.setattr(predict, "_detect", fail)
    status, body, _ = ask(predict)
    said = capsys.readouterr().out
    assert (status, body["code"]) == (500, "InternalError")
    assert "RuntimeError" in said
    assert hidden not in said + json.dumps(body)


def test_an_origin_is_named_only_if_the_template_names_one(stack, predict):
    assert "Access-Control-Allow-Origin" not in ask(predict, {**EVENT, "body": "%"})[2]
    given = environment("inference.yaml", "Predict", {"StateTableName": TABLE, "DataBucketName": BUCKET})
    other = start("predict", {**given, "CORS_ORIGIN": "https://one.example"})
    assert ask(other, {**EVENT, "body": "%"})[2]["Access-Control-Allow-Origin"] == "https://one.example"


def test_without_a_live_model_the_client_is_asked_to_wait(stack, predict):
    status, body, headers = ask(predict)
    assert (status, body["code"]) == (503, "ModelNotRunning")
    assert headers["Retry-After"]


def test_a_stopped_model_is_told(stack, images, predict):
    output = stack.run(images).output
    stack.rekognition.stop_project_version(ProjectVersionArn=output["projectVersionArn"])
    status, body, headers = ask(predict)
    assert (status, body["code"]) == (503, "ModelNotRunning")
    assert "asleep" in body["message"]
    assert headers["Retry-After"]


def test_a_switch_is_followed_at_once(stack, images, predict, monkeypatch):
    monkeypatch.setattr(predict, "LIVE_SECONDS", 3600)  # only Rekognition's answer can tell of it
    stack.run(images, name="first")
    assert ask(predict)[1]["Model"] == "first"
    stack.run({**images, "force": True}, name="second")
    assert ask(predict)[1]["Model"] == "second"


# What the API's document says of each; one that botocore's model adds fails until it is decided here.
ANSWERS = {
    "ImageTooLargeException": (413, "ImageTooLarge"),
    "InvalidImageFormatException": (400, "InvalidImage"),
    "InvalidParameterException": (400, "InvalidImage"),
    "InvalidS3ObjectException": (404, "ImageNotFound"),
    "ProvisionedThroughputExceededException": (429, "TooManyRequests"),
    "ThrottlingException": (429, "TooManyRequests"),
    "LimitExceededException": (429, "TooManyRequests"),
    "ResourceNotReadyException": (503, "ModelNotRunning"),
    "ResourceNotFoundException": (503, "ModelNotRunning"),
    "InternalServerError": (503, "ServiceUnavailable"),
    "AccessDeniedException": (503, "ServiceUnavailable"),
    RESET: (503, "ServiceUnavailable"),
    TIMEOUT: (504, "TimedOut"),
}


def test_each_error_of_the_service_has_its_answer(stack, images, predict):
    stack.run(images)
    model = predict.rekognition.meta.service_model.operation_model("DetectCustomLabels")
    point, plan = ("Predict", "rekognition", "DetectCustomLabels"), Plan()
    with installed(plan):
        for fault in faults(model):
            plan.add(point, fault, times=None)
            status, body, headers = ask(predict)
            tell("always", point, fault, (status, body["code"]) == ANSWERS[fault.error])
            assert (status, body["code"]) == ANSWERS[fault.error], fault
            assert ("Retry-After" in headers) is (status in (429, 503, 504))
            plan.clear()
            if fault.passes:
                plan.add(point, fault)
                status = ask(predict)[0]
                tell("once", point, fault, status == 200)
                assert status == 200, fault


def test_a_picture_that_only_begins_as_one_is_refused(stack, images, predict):
    stack.run(images)
    broken = base64.b64encode(picture("down", 1)[:60]).decode()
    status, body, _ = ask(predict, {**EVENT, "body": broken})
    assert (status, body["code"]) == (400, "InvalidImage")


def test_a_table_that_does_not_answer_is_a_503(stack, predict):
    stack.table.delete()
    status, body, _ = ask(predict)
    assert (status, body["code"]) == (503, "ServiceUnavailable")
