"""The limits of the services around the workflow: each is set low here, and its breach shows as on AWS."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import cloud
from local.limits import Limits
from local.ministack import paths
from local.ministack.paths import delay
from local.ministack.payloads import size, task_name
from tests.unit.test_cloud import ROLE, Up

LOW = {
    "STATE_BYTES": "2000",
    "HISTORY_EVENTS": "40",
    "REQUEST_BYTES": "8000",
    "RESPONSE_BYTES": "9000",
    "EVENT_BYTES": "6000",
    "PACKAGE_BYTES": "50000",
    "UPLOAD_BYTES": "20000",
    "API_REQUEST_BYTES": "12000",
    "API_SECONDS": "3",
}
CODE = """
import json, time
def grow(event, context):
    return {"grown": "x" * event["size"]}
def proxy(event, context):
    query = event["queryStringParameters"] or {}
    time.sleep(float(query.get("sleep", 0)))
    if "crash" in query:
        raise RuntimeError("secret")
    return {"statusCode": 200, "body": "x" * int(query.get("size", 1))}
"""
LIMITED = "with a size exceeding the maximum number of bytes service limit."


def archive(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in {"handlers": CODE.encode(), **files}.items():
            package.writestr(f"{name}.py", data)
    return content.getvalue()


def function(name: str, **code: Any) -> dict[str, Any]:
    rest = {"Role": ROLE, "Runtime": "python3.11", "Handler": f"handlers.{name}", "Timeout": 30}
    return {"FunctionName": name, "Code": code, **rest}


@contextmanager
def limited_cloud(folder: Path) -> Iterator[Up]:
    """A local cloud with low limits and two functions, until the end of the block."""
    place = cloud.Place(cloud.free_port(), folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in LOW.items():
            patch.setenv(f"LOCAL_LIMIT_{name}", value)
        cloud.up(place.port, place.base)
    try:
        pid = cloud.running(place)
        assert pid is not None
        opened = Up(place, pid, {})
        opened.client("iam").create_role(RoleName="test", AssumeRolePolicyDocument="{}")
        for name in ("grow", "proxy"):
            created = opened.client("lambda").create_function(**function(name, ZipFile=archive()))
            opened.functions[name] = created["FunctionArn"]
        yield opened
    finally:
        cloud.down(place.port, place.base)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with limited_cloud(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


def refusal(call: Any, **parameters: Any) -> tuple[str, str, int]:
    """The code, message and status with which a request is refused."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


# The settings


def test_limits_are_awss_until_a_variable_says_otherwise() -> None:
    limits = Limits.from_environment(environment={"LOCAL_LIMIT_API_SECONDS": "0", "LOCAL_CLOUD_PORT": "1"})
    assert limits == Limits(api_seconds=0.0)
    assert (limits.state_bytes, limits.history_events) == (262_144, 25_000)
    assert (limits.request_bytes, limits.response_bytes, limits.event_bytes) == (6_291_456, 6_291_556, 1_048_576)
    assert (limits.package_bytes, limits.upload_bytes) == (262_144_000, 52_428_800)
    assert limits.api_request_bytes == 10_485_760
    assert all(item.metadata["doc"] for item in fields(Limits))


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("LOCAL_LIMIT_STATES", "1", "LOCAL_LIMIT_STATES is not a limit"),
        ("LOCAL_LIMIT_STATE_BYTES", "many", r"LOCAL_LIMIT_STATE_BYTES='many' is not a valid int, 0 or more: larg"),
        ("LOCAL_LIMIT_STATE_BYTES", "-1", "0 or more"),
        ("LOCAL_LIMIT_API_SECONDS", "nan", "0 or more"),
    ],
)
def test_a_variable_that_is_no_limit_is_named(variable: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Limits.from_environment(environment={variable: text})


# Step Functions


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"a": [1, 2]}, 11), ("ü", 4), (None, 4), ("\ud800", 5)],
    ids=["json", "utf", "null", "half"],
)
def test_sizes_are_counted_as_aws_counts_them(value: Any, expected: int) -> None:
    assert size(value) == expected


def test_a_result_that_is_too_large_fails_its_task(up: Up) -> None:
    task = {"Type": "Task", "Resource": up.functions["grow"], "ResultPath": None, "End": True}
    found = up.run(task, {"size": 3000})
    assert (found["status"], found["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert found["cause"] == f"The state/task '{up.functions['grow']}' returned a result {LIMITED}"
    assert up.run(task, {"size": 1900})["status"] == "SUCCEEDED"


def test_data_limit_is_caught_by_its_name_only(up: Up) -> None:
    task = {"Type": "Task", "Resource": up.functions["grow"], "ResultPath": "$.result", "End": True}
    result, output = {"size": 3000}, {"size": 1200, "kept": "x" * 1000}
    for payload in (result, output):
        everything = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
        assert up.run({**task, "Catch": everything}, payload)["error"] == "States.DataLimitExceeded"
        named = [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "Caught", "ResultPath": "$.error"}]
        found = up.run({**task, "Catch": named}, payload)
        assert json.loads(found["output"])["error"]["Error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize("kind", ["Pass", "Parallel", "Map"])
def test_an_output_that_is_too_large_fails_its_state(up: Up, kind: str) -> None:
    step = {"StartAt": "Step", "States": {"Step": {"Type": "Pass", "End": True}}}
    half: dict[str, Any] = {"a.$": "$.text", "b.$": "$.text"}
    state = {
        "Pass": {"Parameters": half},
        "Parallel": {"Branches": [step, step]},
        "Map": {"ItemProcessor": step, "ItemSelector": {"item.$": "$.text"}, "ItemsPath": "$.two"},
    }[kind]
    found = up.run({"Type": kind, **state, "End": True}, {"text": "x" * 1200, "two": [1, 2]})
    assert found["error"] == "States.DataLimitExceeded"
    assert "'Only'" in found["cause"]


def test_an_input_that_is_too_large_starts_nothing(up: Up) -> None:
    machine = up.machine({"StartAt": "Only", "States": {"Only": {"Type": "Succeed"}}})
    start = up.client("stepfunctions").start_execution
    code, message, status = refusal(start, stateMachineArn=machine, input=json.dumps("x" * 2000))
    assert (code, status) == ("ValidationException", 400)
    assert message.endswith(
        "at 'input' failed to satisfy constraint: Member must have length less than or equal to 2000"
    )
    start(stateMachineArn=machine, input=json.dumps("x" * 1998))


def test_tasks_are_named_as_in_awss_causes() -> None:
    prefix = "arn:aws:states:::"
    names = [task_name(f"{prefix}{each}") for each in ("lambda:invoke.waitForTaskToken", "aws-sdk:s3:getObject")]
    assert names == ["lambda", "aws-sdk:s3"]
    activity = "arn:aws:states:us-east-1:123456789012:activity:one"
    assert task_name(activity) == activity


def test_a_history_that_is_too_long_ends_the_execution(up: Up) -> None:
    caught = [{"ErrorEquals": ["States.ALL", "States.Runtime"], "Next": "Only"}]
    loop = {"StartAt": "Loop", "States": {"Loop": {"Type": "Pass", "Next": "Again"}}}
    again = {"Type": "Choice", "Choices": [{"Variable": "$", "IsPresent": True, "Next": "Loop"}]}
    loop["States"]["Again"] = again  # type: ignore[index]
    for state in ({"Type": "Pass", "Next": "Only"}, {"Type": "Parallel", "Branches": [loop], "Catch": caught}):
        found = up.run({"Next": "Caught", **state})
        assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
        assert found["cause"] == "The execution reached the maximum number of history events (40)."
        history = up.client("stepfunctions").get_execution_history(
            executionArn=found["executionArn"], maxResults=99
        )
        assert (history["events"][-1]["type"], len(history["events"])) == ("ExecutionFailed", 40)


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Parameters": {"inner": {"none.$": "$.nope.deep"}}},
        {"Type": "Pass", "Parameters": {"inner": {"none.$": "$$.Execution.Nope"}}},
        {"Type": "Pass", "Parameters": {"none.$": "States.Format('{}', $.nope)"}},
        {"Type": "Pass", "Parameters": {"none.$": "$.list[0:1]"}},
        {"Type": "Pass", "InputPath": "$.nope"},
        {"Type": "Wait", "SecondsPath": "$.nope"},
    ],
    ids=["field", "context", "intrinsic", "unknown syntax", "InputPath", "SecondsPath"],
)
def test_a_path_that_leads_nowhere_fails(up: Up, state: dict[str, Any]) -> None:
    found = up.run({**state, "Next": "Caught"}, {"other": 1, "list": []})
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    if "inner" in state.get("Parameters", {}) and "$.nope.deep" in str(state):
        specified = "The JSONPath '$.nope.deep' specified for the field 'none.$'"
        assert found["cause"] == f'{specified} could not be found in the input \'{{"other":1,"list":[]}}\''


def test_null_past_the_end_and_wildcards_are_no_failures(up: Up) -> None:
    given = {"null.$": "$.null", "end.$": "$.list[3]", "all.$": "$.list[*].name", "name.$": "$.list[0].name"}
    found = up.run({"Type": "Pass", "Parameters": given, "End": True}, {"null": None, "list": [{"name": 1}]})
    assert json.loads(found["output"]) == {"null": None, "end": None, "all": [1], "name": 1}


def test_a_result_selector_reads_the_context_object(up: Up) -> None:
    selector = {"name.$": "$$.State.Name", "grown.$": "$.grown"}
    task = {"Type": "Task", "Resource": up.functions["grow"], "ResultSelector": selector, "End": True}
    assert json.loads(up.run(task, {"size": 1})["output"]) == {"name": "Only", "grown": "x"}
    branch = {"StartAt": "Inner", "States": {"Inner": {**task}}}
    parallel = {
        "Type": "Parallel",
        "Branches": [branch],
        "ResultSelector": {"name.$": "$$.State.Name"},
        "End": True,
    }
    assert json.loads(up.run(parallel, {"size": 1})["output"]) == {"name": "Only"}


def test_retries_wait_no_longer_than_told(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    retry = {"IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 10}
    assert [delay(retry, count) for count in range(3)] == [2, 6, 10]
    jittered = {delay({**retry, "JitterStrategy": "FULL"}, 2) for _ in range(50)}
    assert len(jittered) > 1
    assert all(0 <= each <= 10 for each in jittered)
    policy = [{"ErrorEquals": ["KeyError"], "IntervalSeconds": 300, "MaxDelaySeconds": 1, "MaxAttempts": 10}]
    engine = SimpleNamespace(_find_matching_retrier=lambda retriers, *_: (retriers[0], 0))
    monkeypatch.setattr(paths, "module", lambda _: engine)
    paths.wait_as_told()
    found, index = engine._find_matching_retrier(policy, "KeyError", {0: 9})
    assert (found["IntervalSeconds"] * found["BackoffRate"] ** 9, found["MaxAttempts"], index) == (1, 10, 0)
    retried = {"Type": "Task", "Resource": up.functions["grow"], "Retry": policy, "End": True}
    assert up.run(retried)["error"] == "KeyError"


# Lambda


def test_payloads_that_are_too_large_are_refused(up: Up) -> None:
    invoke = up.client("lambda").invoke
    large = json.dumps({"size": 1, "rest": "x" * 8000})
    message = "Request must be smaller than 8000 bytes for the InvokeFunction operation"
    assert refusal(invoke, FunctionName="grow", Payload=large) == ("RequestEntityTooLargeException", message, 413)
    event = large[:6000] + '"}'
    message = "6002 byte payload is too large for the Event invocation type (limit 6000 bytes)"
    refused = refusal(invoke, FunctionName="grow", InvocationType="Event", Payload=event)
    assert refused == ("RequestEntityTooLargeException", message, 413)
    assert invoke(FunctionName="grow", Payload=event)["StatusCode"] == 200


def test_an_answer_that_is_too_large_is_an_error_of_the_function(up: Up) -> None:
    invoke = up.client("lambda").invoke
    answer = invoke(FunctionName="grow", Payload=json.dumps({"size": 9000}))
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"]) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (9000 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert "FunctionError" not in invoke(FunctionName="grow", Payload=json.dumps({"size": 8900}))


def test_packages_that_are_too_large_are_refused(up: Up) -> None:
    client, s3 = up.client("lambda"), up.client("s3")
    unzipped, zipped = archive(zeros=bytes(50_000)), archive(noise=os.urandom(20_000))
    message = "Unzipped size must be smaller than 50000 bytes"
    refused = refusal(client.create_function, **function("large", ZipFile=unzipped))
    assert refused == ("InvalidParameterValueException", message, 400)
    refused = refusal(client.update_function_code, FunctionName="grow", ZipFile=unzipped)
    assert refused == ("InvalidParameterValueException", message, 400)
    message = "Zipped size must be smaller than 20000 bytes"
    refused = refusal(client.create_function, **function("large", ZipFile=zipped))
    assert refused == ("InvalidParameterValueException", message, 400)
    refused = refusal(client.update_function_code, FunctionName="grow", ZipFile=zipped)
    assert refused == ("InvalidParameterValueException", message, 400)

    s3.create_bucket(Bucket="packages")
    s3.put_object(Bucket="packages", Key="zipped", Body=zipped)
    s3.put_object(Bucket="packages", Key="unzipped", Body=unzipped)
    by_s3 = function("by-s3", S3Bucket="packages", S3Key="zipped")
    assert client.create_function(**by_s3)["CodeSize"] == len(zipped)
    properties = function("by-stack", S3Bucket="packages", S3Key="unzipped")
    reason = failure(up, {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}})
    assert "Unzipped size must be smaller than 50000 bytes (Service: Lambda, Status Code: 400)" in reason


def failure(up: Up, resources: dict[str, Any]) -> str:
    """Why a stack of these resources cannot be created."""
    stacks = up.client("cloudformation")
    stacks.create_stack(StackName="refused", TemplateBody=json.dumps({"Resources": resources}))
    with pytest.raises(Exception, match="Waiter StackCreateComplete failed"):
        stacks.get_waiter("stack_create_complete").wait(StackName="refused", WaiterConfig={"Delay": 1})
    events = stacks.describe_stack_events(StackName="refused")["StackEvents"]
    return " ".join(event.get("ResourceStatusReason", "") for event in events)
