"""The routes of api.py against the Custom Labels service, S3 and the state table."""

import base64
import io
import json
import logging
import re
from urllib.parse import urlsplit

import pytest

from tests.images import picture
from tests.stack import BUCKET, TABLE, start
from tests.templates import environment

ROUTES = ("customlabels.routes.model", "customlabels.routes.uploads", "customlabels.routes.about")
ERROR = {"code", "message"}


def started(**variables):
    given = environment("inference.yaml", "ApiRoutes", {"StateTableName": TABLE, "DataBucketName": BUCKET})
    for module in ROUTES:
        start(module, {**given, **variables})  # their settings and clients are an earlier test's
    return start("api", {**given, **variables})


@pytest.fixture
def api(stack):
    """The function beside a stack that is deployed."""
    return started()


@pytest.fixture(scope="module")
def alone():
    """The function with no service behind it: what is refused, or signed, asks none."""
    variables = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables.items():
            patched.setenv(name, value)
        yield started()


def ask(api, method, path, body=None, headers=None, **event):
    """Status, body and headers of one request, as API Gateway hands it over."""
    given = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"} if headers is None else headers,
        "multiValueHeaders": {},
        "requestContext": {"requestId": "gateway", "stage": "v1"},
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        **event,
    }
    answer = api.handler(given, None)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def test_health_says_that_the_api_answers_and_nothing_else(alone):
    assert ask(alone, "GET", "/health")[:2] == (200, {"status": "ok"})


def test_the_document_is_the_file_that_ships(alone):
    status, body, headers = ask(alone, "GET", "/openapi.json")
    assert (status, body["openapi"]) == (200, "3.1.0")
    assert headers["Content-Type"] == "application/json"


def test_the_live_model_is_told_with_its_labels_and_metrics(stack, images, api):
    output = stack.run(images, name="first").output
    status, body, _ = ask(api, "GET", "/model")
    assert status == 200
    assert (body["name"], body["status"], body["project"]) == ("first", "RUNNING", "custom-labels")
    assert body["since"] == stack.live["since"]
    assert body["trained"] < body["since"] or "T" in body["trained"]
    assert sorted(one["name"] for one in body["labels"]) == ["across", "checks", "down"]
    assert body["metrics"]["f1"] == pytest.approx(output["metrics"]["f1"])
    assert body["metrics"]["testImages"] == 9
    stack.rekognition.stop_project_version(ProjectVersionArn=output["projectVersionArn"])
    assert ask(api, "GET", "/model")[1]["status"] == "RUNNING", "an answer is kept for some seconds"
    again = started()
    assert ask(again, "GET", "/model")[1]["status"] in ("STOPPING", "STOPPED")


def test_a_model_without_a_readable_evaluation_is_told_all_the_same(stack, images, api):
    stack.run(images, name="first")
    for page in stack.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="training-output/"):
        for one in page["Contents"]:
            stack.s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    status, body, _ = ask(api, "GET", "/model")
    assert (status, body["name"], body["labels"], body["metrics"]) == (200, "first", None, None)


def test_without_a_live_model_there_is_none_to_tell_of(api):
    status, body, _ = ask(api, "GET", "/model")
    assert (status, body["code"]) == (404, "NoModel")


def test_a_service_that_fails_is_a_503(stack, images, api):
    stack.run(images)
    stack.cloud.service.faults.add("DescribeProjects", "AccessDeniedException", call=None)
    status, body, headers = ask(api, "GET", "/model")
    assert (status, body["code"]) == (503, "ServiceUnavailable")
    assert headers["Retry-After"]


def test_an_upload_takes_one_key_one_type_and_15_mb(alone):
    status, body, _ = ask(alone, "POST", "/uploads", {"contentType": "image/jpeg"})
    assert status == 201
    assert re.fullmatch(r"uploads/[0-9a-f]{32}\.jpg", body["key"])
    assert body["fields"]["key"] == body["key"]
    assert body["fields"]["Content-Type"] == "image/jpeg"
    policy = json.loads(base64.b64decode(body["fields"]["policy"]))
    assert ["content-length-range", 1, 15 * 1024 * 1024] in policy["conditions"]
    assert {"Content-Type": "image/jpeg"} in policy["conditions"]
    assert {"bucket": BUCKET} in policy["conditions"]
    assert {"key": body["key"]} in policy["conditions"]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_an_upload_goes_to_the_regions_own_address(alone, monkeypatch, region):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    body = ask(started(), "POST", "/uploads", {"contentType": "image/png"})[1]
    assert urlsplit(body["url"]).hostname == f"{BUCKET}.s3.{region}.amazonaws.com"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (None, None, 422, "InvalidField"),
        ("", None, 422, "InvalidField"),
        ("{", None, 400, "InvalidBody"),
        ("[" * 50_000, None, 400, "InvalidBody"),
        ("[]", None, 422, "InvalidField"),
        ("null", None, 422, "InvalidField"),
        ({}, None, 422, "InvalidField"),
        ({"contentType": "image/gif"}, None, 422, "InvalidField"),
        ({"contentType": 1}, None, 422, "InvalidField"),
        ({"contentType": "image/png", "key": "images/mine.png"}, None, 422, "InvalidField"),
        ({"contentType": "image/png", "bucket": "other"}, None, 422, "InvalidField"),
        ({"contentType": "image/png"}, {"Content-Type": "text/plain"}, 415, "UnsupportedMediaType"),
        ({"contentType": "image/png"}, {}, 415, "UnsupportedMediaType"),
    ],
)
def test_a_bad_wish_for_an_upload_is_refused(alone, body, headers, status, code):
    answered, said, _ = ask(alone, "POST", "/uploads", body, headers)
    assert (answered, said["code"]) == (status, code)
    assert said.keys() == ERROR
    assert said["message"].endswith(".")


def test_a_body_that_is_no_text_is_refused(alone):
    status, body, _ = ask(alone, "POST", "/uploads", "//8=", isBase64Encoded=True)
    assert (status, body["code"]) == (400, "InvalidBody")


@pytest.mark.parametrize("path", ["/page", "/nothing", "/model/start"])
def test_an_unknown_path_is_a_404(alone, path):
    status, body, _ = ask(alone, "GET", path)
    assert (status, body["code"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("order-4711", "order-4711"),
        ("", "gateway"),
        ("a b", "gateway"),
        ("x\nlevel: ERROR", "gateway"),
        ("é", "gateway"),
    ],
)
def test_a_request_id_comes_back_if_it_can_forge_no_log(alone, given, expected):
    assert ask(alone, "GET", "/health", headers={"x-request-id": given})[2]["X-Request-Id"] == expected


@pytest.fixture
def heard(alone):
    """The lines of the log: each message, and what stands beside it."""
    lines, handler = [], logging.Handler()
    handler.emit = lambda record: lines.append((record.getMessage(), alone.logger.get_current_keys()))
    logger = logging.getLogger(alone.settings.service)
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


@pytest.mark.parametrize(("given", "expected"), [("order-4711", "order-4711"), ("a b", "gateway")])
def test_every_line_of_the_log_says_which_request_it_is_about(alone, heard, given, expected):
    ask(alone, "GET", "/health", headers={"x-request-id": given})
    ((message, keys),) = heard
    assert message == "answered"
    assert (keys["request_id"], keys["correlation_id"]) == (expected, "gateway")


def test_an_origin_is_named_only_if_the_template_names_one(alone):
    assert "Access-Control-Allow-Origin" not in ask(alone, "GET", "/health")[2]
    with_origin = started(CORS_ORIGIN="https://one.example")
    for path, method in (("/health", "GET"), ("/uploads", "POST"), ("/nothing", "GET")):
        assert ask(with_origin, method, path)[2]["Access-Control-Allow-Origin"] == "https://one.example"


def test_a_fault_of_ours_is_a_500_that_quotes_nothing(alone, monkeypatch, caplog):
    hidden = base64.b64encode(b"what a client sent").decode()  # the trace quotes the code, and may quote no value

    def fail(*_):
        raise RuntimeError(hidden)

    monkeypatch.setattr(alone.uploads, "presign", fail)
    status, body, _ = ask(alone, "POST", "/uploads", {"contentType": "image/png"})
    assert (status, body["code"]) == (500, "InternalError")
    (failed,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failed.error == "RuntimeError"
    assert hidden not in json.dumps([failed.getMessage(), failed.error, failed.trace, body])


def test_requests_are_counted_by_project(alone, capsys):
    ask(alone, "GET", "/health")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metrics,) = [line for line in lines if "_aws" in line]
    assert (metrics["ApiRequests"], metrics["project"]) == ([1.0], "custom-labels")


def test_an_upload_and_its_prediction_meet_in_one_object(stack, images, api):
    """The form's policy is S3's to enforce, which tests/local lets it do; here its key is where Predict reads."""
    stack.run(images, name="first")
    key = ask(api, "POST", "/uploads", {"contentType": "image/png"})[1]["key"]
    stack.s3.upload_fileobj(io.BytesIO(picture("down", 500)), BUCKET, key)
    given = environment("inference.yaml", "Predict", {"StateTableName": TABLE, "DataBucketName": BUCKET})
    predict = start("predict", given)
    event = {"headers": {"Content-Type": "application/json"}, "body": json.dumps({"s3": {"key": key}})}
    answer = predict.handler(event, None)
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["Predictions"][0]["Name"] == "down"
