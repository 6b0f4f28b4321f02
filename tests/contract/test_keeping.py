"""A local cloud that keeps its state: stopped and started, it goes on with buckets, stacks and the live model."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import cloud
from tests.contract.sockets import BUCKET, KEYS, TIMES, Socket
from tests.images import picture

TEMPLATE = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "of-the-stack"}},
        "State": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "state",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "project", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "project", "KeyType": "HASH"}],
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "echo", "AssumeRolePolicyDocument": {"Statement": []}},
        },
        "Echo": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "echo",
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": "def handler(event, context):\n    return {'echo': event}\n"},
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "machine",
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": {
                    "Fn::Sub": json.dumps(
                        {
                            "StartAt": "Echo",
                            "States": {"Echo": {"Type": "Task", "Resource": "${Echo.Arn}", "End": True}},
                        }
                    )
                },
            },
        },
    },
    "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}},
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[cloud.Place]:
    for name, seconds in (("DATASET", 0), ("TRAINING_MINIMUM", 0), ("START", 0)):
        monkeypatch.setenv(f"CUSTOM_LABELS_{name}_SECONDS", str(seconds))
    monkeypatch.setenv("CUSTOM_LABELS_WORKERS", str(TIMES.workers))
    monkeypatch.setenv("LOCAL_CLOUD_PORT", str(cloud.free_port()))
    monkeypatch.setenv("LOCAL_CLOUD_FOLDER", str(tmp_path))
    found = cloud.Place.from_environment()
    yield found
    cloud.down(found.port, found.base)


def client(place: cloud.Place, name: str) -> Any:
    return boto3.client(name, endpoint_url=place.endpoint, **KEYS)  # type: ignore[call-overload]


def echo(place: cloud.Place) -> Any:
    """What the stack's state machine says, by way of its function."""
    states = client(place, "stepfunctions")
    stack = client(place, "cloudformation").describe_stacks(StackName="kept")["Stacks"][0]
    started = states.start_execution(stateMachineArn=stack["Outputs"][0]["OutputValue"], input='{"a": 1}')
    while (found := states.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
        time.sleep(0.05)
    return found.get("output") or found.get("cause")


def test_down_and_up_go_on(
    place: cloud.Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud.main(["up"]) == 0
    assert "keeps" not in capsys.readouterr().out
    assert cloud.main(["down"]) == 0
    assert not place.kept.exists(), "what nobody has asked for"

    monkeypatch.setenv("LOCAL_CLOUD_KEEP", "1")
    assert cloud.main(["up"]) == 0
    assert f"keeps its state in {place.kept}; LOCAL_CLOUD_KEEP=0 starts" in capsys.readouterr().out
    opened = Socket("ministack", place.endpoint, place.endpoint)
    opened.fill()
    _, version = opened.trained()
    opened.client.start_project_version(ProjectVersionArn=version, MinInferenceUnits=1)
    before = opened.version(version)
    assert before["Status"] == "RUNNING"
    client(place, "cloudformation").create_stack(StackName="kept", TemplateBody=json.dumps(TEMPLATE))
    live = {"project": {"S": "parts"}, "live": {"S": version}}
    client(place, "cloudformation").get_waiter("stack_create_complete").wait(StackName="kept")
    client(place, "dynamodb").put_item(TableName="state", Item=live)
    said = echo(place)
    assert json.loads(said) == {"echo": {"a": 1}}
    opened.close()

    monkeypatch.delenv("LOCAL_CLOUD_KEEP")  # once asked for, it is remembered
    assert cloud.main(["down"]) == 0
    assert "goes on from there" in capsys.readouterr().out
    assert cloud.main(["up"]) == 0
    assert opened.version(version) == before
    image = {"Bytes": picture("across", 77)}
    found = opened.client.detect_custom_labels(ProjectVersionArn=version, Image=image)["CustomLabels"]
    assert found[0]["Name"] == "across"
    assert opened.s3.get_object(Bucket=BUCKET, Key="across/0.png")["Body"].read() == picture("across", 0)
    table = client(place, "dynamodb").get_item(TableName="state", Key={"project": {"S": "parts"}})
    assert table["Item"] == live
    assert echo(place) == said
    client(place, "s3").put_object(Bucket="of-the-stack", Key="new", Body=b"")

    assert cloud.main(["down"]) == 0
    monkeypatch.setenv("LOCAL_CLOUD_KEEP", "0")
    assert cloud.main(["up"]) == 0
    assert opened.client.describe_projects()["ProjectDescriptions"] == []
    assert client(place, "s3").list_buckets()["Buckets"] == []
    assert not place.kept.exists()


def test_a_choice_that_is_none_is_refused(
    place: cloud.Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_CLOUD_KEEP", "yes")
    assert cloud.main(["up"]) == 1
    assert "LOCAL_CLOUD_KEEP is 1 (keep what the cloud holds) or 0 (forget it)" in capsys.readouterr().err
