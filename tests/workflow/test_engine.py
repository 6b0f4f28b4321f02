"""The test cloud itself: what a definition does on it is what the same definition does on AWS."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local import moto
from tests.workflow import engine

CREATE = "arn:${Partition}:states:::aws-sdk:rekognition:createProject"


class TrainingFailed(Exception):
    """What a handler of a real function raises."""


def refuse(event: Any, _context: Any) -> Any:
    raise TrainingFailed(f"{event['project']} has no images.")


def look(_event: Any, context: Any) -> Any:
    return {"left": context.get_remaining_time_in_millis()}


def sleep(_event: Any, _context: Any) -> None:
    time.sleep(1.5)


def stop(event: Any, _context: Any) -> Any:
    """Stop the execution that waits for this."""
    boto3.client("stepfunctions").stop_execution(executionArn=event["execution"])
    if event["fails"]:
        raise TrainingFailed("It was stopped.")


# Five states, and two in each branch; every name that AWS substitutes stands inside a string.
WORKFLOW: dict[str, Any] = {
    "StartAt": "CreateProject",
    "States": {
        "CreateProject": {
            "Type": "Task",
            "Resource": CREATE,
            "InputPath": "$.request",
            "ResultPath": "$.created",
            "Catch": [
                {
                    "ErrorEquals": ["Rekognition.ResourceInUseException"],
                    "ResultPath": "$.failed.CreateProject",
                    "Next": "Settle",
                }
            ],
            "Next": "Settle",
        },
        "Settle": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Datasets"},
        "Datasets": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Train",
                    "States": {
                        "Train": {
                            "Type": "Task",
                            "Resource": "${RefuseArn}",
                            "Parameters": {"project.$": "$.request.ProjectName"},
                            "Retry": [{"ErrorEquals": ["TrainingFailed"], "MaxAttempts": 0}],
                            "Catch": [
                                {
                                    "ErrorEquals": ["TrainingFailed"],
                                    "ResultPath": "$.failed.Train",
                                    "Next": "Refused",
                                }
                            ],
                            "End": True,
                        },
                        "Refused": {"Type": "Pass", "End": True},
                    },
                },
                {
                    "StartAt": "Test",
                    "States": {
                        "Test": {"Type": "Task", "Resource": "${LookArn}", "End": True},
                    },
                },
            ],
            "ResultSelector": {"train.$": "$[0].failed", "left.$": "$[1].left"},
            "ResultPath": "$.datasets",
            "Next": "Known",
        },
        "Known": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.request.Absent", "IsPresent": True, "Next": "Never"}],
            "Default": "Done",
        },
        "Never": {"Type": "Fail"},
        "Done": {"Type": "Succeed"},
    },
}
REQUEST = {"request": {"ProjectName": "a-parts"}, "seconds": 3600}


@pytest.fixture(scope="module")
def cloud() -> Iterator[moto.Cloud]:
    with moto.cloud(functions={"Refuse": refuse, "Look": look, "Sleep": sleep, "Stop": stop}) as opened:
        yield opened


@pytest.fixture(scope="module")
def machine(cloud: moto.Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Machine]:
    folder = tmp_path_factory.mktemp("statemachine")
    (folder / "workflow.asl.json").write_text(json.dumps(WORKFLOW))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "DEFINITIONS", folder)
        arns = {f"{name}Arn": arn for name, arn in cloud.functions.items()}
        yield engine.Machine(cloud, "workflow", {"Partition": "aws", **arns})


def run(cloud: moto.Cloud, state: dict[str, Any], payload: Any = None, **others: Any) -> engine.Result:
    definition = {"StartAt": "Only", "States": {"Only": state, "Caught": {"Type": "Succeed"}}, **others}
    return engine.Machine(cloud, definition, {"Partition": "aws"}).run(payload)


def test_states_of_branches_errors_by_name_and_waits_without_waiting(
    cloud: moto.Cloud, machine: engine.Machine
) -> None:
    before = cloud.clock()
    first = machine.run(REQUEST)
    assert first.status == "SUCCEEDED"
    assert first.states[:3] == ["CreateProject", "Settle", "Datasets"]
    assert sorted(first.states[3:6]) == ["Refused", "Test", "Train"]
    assert first.states[6:] == ["Known", "Done"]
    assert cloud.clock() - before >= 3600
    assert first.output["created"]["ProjectArn"].startswith(
        "arn:aws:rekognition:us-east-1:123456789012:project/a-parts/"
    )
    assert isinstance(first.output["datasets"]["left"], int)

    refused = first.output["datasets"]["train"]["Train"]
    assert refused["Error"] == "TrainingFailed"
    cause = json.loads(refused["Cause"])
    assert cause["errorMessage"] == "a-parts has no images."
    assert cause["errorType"] == "TrainingFailed"
    assert [line for line in cause["stackTrace"] if "in refuse" in line]

    again = machine.run(REQUEST)
    assert again.status == "SUCCEEDED"
    caught = again.output["failed"]["CreateProject"]
    assert caught["Error"] == "Rekognition.ResourceInUseException"
    assert "Service: Rekognition, Status Code: 400, Request ID: " in caught["Cause"]


def test_an_execution_is_stopped_where_it_is_told(cloud: moto.Cloud, machine: engine.Machine) -> None:
    stopped = machine.run(REQUEST, stop_at="Settle")
    assert stopped.status == "ABORTED"
    assert stopped.states == ["CreateProject", "Settle"]
    in_a_branch = machine.run(REQUEST, stop_at="Refused")
    assert in_a_branch.status == "ABORTED"
    assert "Known" not in in_a_branch.states
    assert cloud.entered == []


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("others", [{"End": True}, {"Next": "Caught"}])
def test_a_stopped_execution_is_aborted_however_its_state_ends(
    cloud: moto.Cloud, fails: bool, branch: bool, others: dict[str, Any]
) -> None:
    stopping: dict[str, Any] = {
        "Type": "Task",
        "Resource": cloud.functions["Stop"],
        "Parameters": {"execution.$": "$$.Execution.Id", "fails": fails},
        **others,
    }
    if branch:
        states = {"Stop": stopping, "Caught": {"Type": "Succeed"}}
        stopping = {"Type": "Parallel", "Branches": [{"StartAt": "Stop", "States": states}], **others}
    assert run(cloud, stopping).status == "ABORTED"


def test_dates_of_results_are_strings(cloud: moto.Cloud) -> None:
    cloud.client("rekognition").create_project(ProjectName="dated")
    describe = "arn:aws:states:::aws-sdk:rekognition:describeProjects"
    found = run(
        cloud, {"Type": "Task", "Resource": describe, "Parameters": {"ProjectNames": ["dated"]}, "End": True}
    )
    assert found.output["ProjectDescriptions"][0]["CreationTimestamp"].endswith("Z")


def test_an_absent_variable_fails_a_choice(cloud: moto.Cloud) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.live", "IsNull": True, "Next": "Caught"}]}
    assert run(cloud, choice, {"live": None}).states == ["Only", "Caught"]
    absent = run(cloud, choice, {})
    assert (absent.status, absent.error) == ("FAILED", "States.Runtime")


def test_states_all_does_not_catch_what_aws_does_not_let_it_catch(cloud: moto.Cloud) -> None:
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    unknown = {"Type": "Task", "Resource": CREATE, "Parameters": {"Project": "a"}, "Catch": caught, "End": True}
    refused = run(cloud, unknown)
    assert refused.error == "States.Runtime"
    assert refused.cause is not None
    assert "The field 'Project' is not supported by Step Functions" in refused.cause


def test_a_machine_times_out(cloud: moto.Cloud) -> None:
    sleeping = {"Type": "Task", "Resource": cloud.functions["Sleep"], "End": True}
    assert run(cloud, sleeping, TimeoutSeconds=1).status == "TIMED_OUT"


def test_an_execution_that_does_not_end_is_an_error(cloud: moto.Cloud) -> None:
    sleeping = {"Type": "Task", "Resource": cloud.functions["Sleep"], "End": True}
    machine = engine.Machine(cloud, {"StartAt": "Sleep", "States": {"Sleep": sleeping}})
    with pytest.raises(TimeoutError, match=r"it entered \['Sleep'\]"):
        machine.run(seconds=0.2)


def test_a_substitution_without_a_value_is_an_error(cloud: moto.Cloud) -> None:
    with pytest.raises(KeyError):
        engine.Machine(cloud, WORKFLOW, {"Partition": "aws"})
    assert engine.names(WORKFLOW) == {"Partition", "RefuseArn", "LookArn"}


def test_one_test_cloud_at_a_time(cloud: moto.Cloud) -> None:
    assert cloud.endpoint.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="one at a time"), moto.cloud():
        pass


def test_clients_reach_no_other_aws(cloud: moto.Cloud) -> None:
    assert os.environ["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert boto3.client("sts").get_caller_identity()["Account"] == moto.ACCOUNT
