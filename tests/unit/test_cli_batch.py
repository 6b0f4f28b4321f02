"""`python -m cli batch`, as a process, against the test cloud."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from cli import stack as cli_stack
from cli.batch_command import request
from cli.errors import CommandError
from tests.images import LABELS, picture
from tests.stack import BUCKET, PROJECT, TABLE, Stack
from tests.templates import ROOT

IMAGES = f"s3://{BUCKET}/shots/"


def describe(stack: Stack) -> None:
    """Let CloudFormation tell of the test cloud's stack what the command asks it."""
    outputs = {"DataBucketName": BUCKET, "StateTableName": TABLE, "BatchStateMachineArn": stack.batch.arn}
    template = {
        "Parameters": {"Project": {"Type": "String", "Default": PROJECT}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    stack.cloud.client("cloudformation").create_stack(
        StackName=cli_stack.configured_name("default"), TemplateBody=json.dumps(template)
    )


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "batch", *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_batch_is_started_and_watched(stack: Stack, images: dict[str, Any]) -> None:
    assert stack.run(images, name="one").status == "SUCCEEDED"
    describe(stack)
    for number in range(6):
        body = b"no image" if number == 5 else picture(LABELS[number % 3], number)
        stack.s3.put_object(Bucket=BUCKET, Key=f"shots/{number}.png", Body=body)
    output = f"s3://{BUCKET}/batch/cli/"

    waited = process(IMAGES, "--output", output, "--tolerated", "0.5", "--min-confidence", "0", "--wait")
    assert waited.returncode == 0, waited.stderr
    for said in (
        "SUCCEEDED",
        "predicted",
        "6: 5 answered, 1 failed",
        "InvalidImageFormatException 1",
        f"results    {output}one/",
        "images a second",
    ):
        assert said in waited.stdout
    assert all(len(line["Predictions"]) == 3 for line in stack.lines("batch/cli/") if "error" not in line)

    failed = process(IMAGES, "--output", output, "--wait", "--json", "--name", "again")
    assert failed.returncode == 11, failed.stderr
    ended = json.loads(failed.stdout)
    assert (ended["name"], ended["status"], ended["error"]["name"]) == ("again", "FAILED", "TooManyFailures")

    begun = process(IMAGES, "--project", PROJECT, "--json")
    assert begun.returncode == 0, begun.stderr
    arn = json.loads(begun.stdout)["executionArn"]
    given = json.loads(stack.cloud.client("stepfunctions").describe_execution(executionArn=arn)["input"])
    assert given == {"images": IMAGES, "project": PROJECT}
    assert stack.batch.result(arn).error == "TooManyFailures"  # one in six is more than a twentieth


def test_what_lies_elsewhere_is_refused(stack: Stack) -> None:
    describe(stack)
    refused = process("photos/")
    assert (refused.returncode, "is not in S3" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (("s3://a/b/", None, None, None, None), {"images": "s3://a/b/"}),
        (("s3://a/b", None, 0.0, 0.0, "parts"), {"images": "s3://a/b", "minConfidence": 0, "tolerated": 0}),
        (("s3://a/b.manifest", "s3://a/batch/c/", None, None, None), {"manifest": "s3://a/b.manifest"}),
    ],
)
def test_the_options_become_the_executions_input(given: Any, made: dict[str, Any]) -> None:
    more = {"output": given[1], "project": given[4]}
    assert request(*given) == {**made, **{key: value for key, value in more.items() if value}}


def test_an_address_is_needed() -> None:
    with pytest.raises(CommandError, match="is not in S3"):
        request("photos", None, None, None, None)
