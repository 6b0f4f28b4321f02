"""What the operator is told where no cloud can be asked, or where it refuses."""

import json

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from typer.testing import CliRunner, Result

from cli import desk, stack
from cli.__main__ import app
from cli.errors import explain, understood
from cli.exits import Exit
from local import cloud as local_cloud


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    "error",
    [
        UnauthorizedSSOTokenError(),
        TokenRetrievalError(provider="sso", error_msg="Token has expired"),
        CredentialRetrievalError(provider="custom-process", error_msg="it failed"),
    ],
)
def test_a_session_that_has_ended(error: BotoCoreError) -> None:
    told = understood(error, None)
    assert (told.exit, "sign in again" in str(told)) == (Exit.NotPermitted, True)


def test_ctrl_c_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(desk, "connect", interrupt)
    shown = call("status")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (130, "", "Interrupted.\n")
    told = json.loads(call("status", "--json").stdout)
    assert told == {"error": {"name": "Interrupted", "message": "Interrupted."}}


def test_what_typer_refuses_is_told_once_as_json() -> None:
    result = call("start", "--hours", "none", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["name"] == "Usage"
    assert "--hours" in json.loads(result.stdout)["error"]["message"]
    assert call("start", "--hours", "none").stdout == ""


NOTHING_ANSWERS = (
    "Nothing answers at http://127.0.0.1:1: start the local cloud with `LOCAL_CLOUD_PORT=1 make up`.\n"
)


def test_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    result = call("status")
    assert result.exit_code == Exit.Unreachable.code
    assert result.stderr == NOTHING_ANSWERS


def test_no_credentials_and_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_cloud.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    result = call("status")
    assert result.exit_code == Exit.NotPermitted.code
    assert result.stderr.startswith("No AWS credentials were found: run `aws configure`")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert "No AWS region is set" in call("status").stderr


def test_a_real_profile_does_not_matter_locally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2")
    monkeypatch.setenv("LOCAL_CLOUD_PORT", "1")
    result = call("status", "--local")
    assert result.stderr == NOTHING_ANSWERS
    assert stack.connect(True).client("s3").meta.endpoint_url == "http://127.0.0.1:1"
    assert "AWS_PROFILE must name a profile" in call("status").stderr
    monkeypatch.setenv("LOCAL_CLOUD_PORT", "http")
    assert call("status", "--local").exit_code == 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "have expired"),
        ("UnrecognizedClientException", "does not know these credentials"),
        ("AccessDeniedException", "use credentials that may call DescribeStacks"),
        ("Oddity", "DescribeStacks was refused with Oddity: No"),
    ],
)
def test_refusals_of_aws(code: str, said: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "No."}}, "DescribeStacks")
    assert said in explain(error, None)
