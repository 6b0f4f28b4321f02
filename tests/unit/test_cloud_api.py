"""REST APIs of the local cloud: their limits, the errors of their functions, and preflight requests."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.test_cloud import Up, until
from tests.unit.test_cloud_limits import limited_cloud


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with limited_cloud(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


@pytest.fixture(scope="module")
def api(up: Up) -> str:
    """The URL of an API of the function `proxy`, as SAM writes it: with a preflight and gateway responses."""
    origin = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}
    invocations = (
        f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{up.functions['proxy']}/invocations"
    )
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": invocations}
    cors = {
        "Allow-Methods": "'POST,OPTIONS'",
        "Allow-Headers": "'x-api-key'",
        "Allow-Origin": "'https://one.example'",
    }
    headers = {f"method.response.header.Access-Control-{name}": value for name, value in cors.items()}
    preflight = {
        "type": "mock",
        "requestTemplates": {"application/json": '{\n  "statusCode" : 200\n}\n'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseParameters": headers,
                "responseTemplates": {"application/json": "{}\n"},
            }
        },
    }
    extension = "x-amazon-apigateway-integration"
    quick = {**integration, "timeoutInMillis": 100}
    body = {
        "openapi": "3.0.1",
        "info": {"title": "proxied", "version": "1"},
        "paths": {
            "/proxy": {"post": {extension: integration}, "options": {extension: preflight}},
            "/quick": {"post": {extension: quick}},
        },
        "x-amazon-apigateway-gateway-responses": {"DEFAULT_5XX": {"responseParameters": origin}},
    }
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}},
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "v1"},
        },
    }
    stacks = up.client("cloudformation")
    outputs = {"Api": {"Value": {"Ref": "Api"}}}
    stacks.create_stack(StackName="api", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    stacks.get_waiter("stack_create_complete").wait(StackName="api", WaiterConfig={"Delay": 1})
    identity = stacks.describe_stacks(StackName="api")["Stacks"][0]["Outputs"][0]["OutputValue"]
    url = f"{up.place.endpoint}/restapis/{identity}/v1/_user_request_"
    until(lambda: ask(f"{url}/proxy")[0] == 200)  # a first call starts the function
    return url


def ask(url: str, body: bytes = b"{}", method: str = "POST") -> tuple[int, Any, str]:
    """The status, the headers and the body of an answer."""
    request = urllib.request.Request(url, body if method == "POST" else None, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def test_a_body_that_is_too_large_is_refused(api: str) -> None:
    status, _, text = ask(f"{api}/proxy", b"x" * 12_001)
    assert (status, text) == (413, "HTTP content length exceeded 12000 bytes.")


def test_an_event_that_lambda_would_not_take_is_refused(api: str) -> None:
    assert ask(f"{api}/proxy", b"x" * 5000)[0] == 200
    status, headers, text = ask(f"{api}/proxy", b"x" * 8000)
    assert (status, json.loads(text)) == (413, {"message": "Request Too Long"})
    assert headers["x-amzn-ErrorType"] == "BadRequestException"


@pytest.mark.parametrize("query", ["crash=1", "size=9000"])
def test_a_function_that_fails_shows_no_trace(api: str, query: str) -> None:
    status, headers, text = ask(f"{api}/proxy?{query}")
    assert (status, json.loads(text)) == (502, {"message": "Internal server error"})
    assert headers["Access-Control-Allow-Origin"] == "*", "the gateway response DEFAULT_5XX holds"


def test_a_preflight_answer_has_its_headers(api: str) -> None:
    status, headers, _ = ask(f"{api}/proxy", method="OPTIONS")
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "https://one.example"
    assert headers["Access-Control-Allow-Methods"] == "POST,OPTIONS"
    assert headers["Access-Control-Allow-Headers"] == "x-api-key"


@pytest.mark.parametrize(("path", "least"), [("proxy", 3), ("quick", 0.1)])
def test_an_integration_that_takes_too_long_is_not_waited_for(api: str, path: str, least: float) -> None:
    began = time.monotonic()
    status, headers, text = ask(f"{api}/{path}?sleep=15")
    assert (status, json.loads(text)) == (504, {"message": "Endpoint request timed out"})
    assert least <= time.monotonic() - began < 15
    assert headers["Access-Control-Allow-Origin"] == "*"
