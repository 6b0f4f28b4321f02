"""What other people's workflows and scripts do with the service, where it differs from what ours do.

AWS's sample workflow seeds a new project with copies of two datasets, polls by `aws-sdk:` tasks and Choice states,
and reads the first version of a listing that names none; the developer guide's scripts list, edit and send back.
"""

import itertools
import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.contract.sockets import BUCKET, KEYS, LABELS, Socket

TASK = "arn:aws:states:::aws-sdk:rekognition:"


def copying(kind: str, origin: str) -> dict[str, Any]:
    """A branch that copies a dataset into the project at $.made, and polls until it is there or has failed."""
    status = "$.found.DatasetDescription.Status"
    source = {"ProjectArn.$": "$.made.ProjectArn", "DatasetType": kind, "DatasetSource": {"DatasetArn": origin}}
    copy = {"Type": "Task", "Resource": f"{TASK}createDataset", "Parameters": source, "ResultPath": "$.dataset"}
    look = {"Type": "Task", "Resource": f"{TASK}describeDataset", "ResultPath": "$.found"}
    choices = [
        {"Variable": status, "StringMatches": "CREATE_COMPLETE", "Next": f"{kind} is there"},
        {"Variable": status, "StringMatches": "*_FAILED", "Next": f"{kind} failed"},
    ]
    return {
        "StartAt": f"Copy {kind}",
        "States": {
            f"Copy {kind}": {**copy, "Next": f"Look at {kind}"},
            f"Look at {kind}": {
                **look,
                "Parameters": {"DatasetArn.$": "$.dataset.DatasetArn"},
                "Next": f"Is {kind} there?",
            },
            f"Is {kind} there?": {"Type": "Choice", "Choices": choices, "Default": f"Wait for {kind}"},
            f"Wait for {kind}": {"Type": "Wait", "Seconds": 5, "Next": f"Look at {kind}"},
            f"{kind} is there": {"Type": "Pass", "End": True},
            f"{kind} failed": {"Type": "Fail"},
        },
    }


def pipeline(train: str, test: str) -> dict[str, Any]:
    """From a project's name to a model that is starting, if its F1 is good enough."""
    newest = "$.versions.ProjectVersionDescriptions[0]"
    trained = {"OutputConfig": {"S3Bucket": BUCKET, "S3KeyPrefix": "output"}, "VersionName": "first"}
    project = {"ProjectArn.$": "$.project"}
    score = {"Variable": "$.EvaluationResult.F1Score", "NumericGreaterThanEquals": 0.85, "Next": "Start"}
    states = {
        "Create": {
            "Type": "Task",
            "Resource": f"{TASK}createProject",
            "Parameters": {"ProjectName": "seeded"},
            "ResultPath": "$.made",
            "Next": "Copy",
        },
        "Copy": {
            "Type": "Parallel",
            "Branches": [copying("TRAIN", train), copying("TEST", test)],
            "ResultSelector": {"project.$": "$[0].made.ProjectArn"},
            "Next": "Train",
        },
        "Train": {
            "Type": "Task",
            "Resource": f"{TASK}createProjectVersion",
            "Parameters": {**project, **trained},
            "ResultPath": "$.version",
            "Next": "Look",
        },
        "Look": {
            "Type": "Task",
            "Resource": f"{TASK}describeProjectVersions",
            "Parameters": project,
            "ResultPath": "$.versions",
            "Next": "Has it ended?",
        },
        "Has it ended?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": f"{newest}.Status", "StringMatches": "TRAINING_COMPLETED", "Next": "Is it good?"},
                {"Variable": f"{newest}.Status", "StringMatches": "TRAINING_FAILED", "Next": "It failed"},
            ],
            "Default": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": 5, "Next": "Look"},
        "Is it good?": {"Type": "Choice", "InputPath": newest, "Choices": [score], "Default": "It is not"},
        "Start": {
            "Type": "Task",
            "Resource": f"{TASK}startProjectVersion",
            "Parameters": {"ProjectVersionArn.$": "$.ProjectVersionArn", "MinInferenceUnits": 1},
            "End": True,
        },
        "It is not": {"Type": "Pass", "End": True},
        "It failed": {"Type": "Fail", "Error": "TrainingFailed"},
    }
    return {"StartAt": "Create", "States": states}


@pytest.mark.parametrize("open_socket", ["moto", "ministack"], indirect=True)
@pytest.mark.parametrize("fault", [None, "The manifest file is empty."])
def test_a_workflow_of_sdk_tasks(socket: Socket, fault: str | None) -> None:
    source = socket.project("source")
    train, test = (socket.dataset(source, kind) for kind in ("TRAIN", "TEST"))
    socket.wait()
    if fault:
        socket.admin("POST", "faults", {"training": fault})
    iam, states = (boto3.client(name, endpoint_url=socket.endpoint, **KEYS) for name in ("iam", "stepfunctions"))
    name = f"others-{bool(fault)}"
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    definition = json.dumps(pipeline(train, test))
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    deadline = time.monotonic() + 30
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        socket.wait(20)
        time.sleep(0.05)
    if fault:
        assert (found["status"], found["error"]) == ("FAILED", "TrainingFailed")
        return
    assert (found["status"], json.loads(found["output"])["Status"]) == ("SUCCEEDED", "STARTING")
    socket.wait()
    seeded = socket.client.describe_projects(ProjectNames=["seeded"])["ProjectDescriptions"][0]["ProjectArn"]
    versions = socket.client.describe_project_versions(ProjectArn=seeded)["ProjectVersionDescriptions"]
    assert [version["Status"] for version in versions] == ["RUNNING"]


def test_scripts_that_list_edit_and_send_back(socket: Socket) -> None:
    """Find a project by its name in pages, or make it; relabel an image; delete everything, as the guide does."""
    client = socket.client
    for _ in range(2):
        try:
            client.create_project(ProjectName="parts")
        except client.exceptions.ResourceInUseException:
            pages = client.get_paginator("describe_projects").paginate(PaginationConfig={"PageSize": 1})
            listed = itertools.chain.from_iterable(page["ProjectDescriptions"] for page in pages)
            project = next(one for one in listed if one["ProjectArn"].split("/")[1] == "parts")
    arn = project["ProjectArn"]
    dataset = socket.dataset(arn, "TRAIN")
    socket.wait()

    chosen = client.list_dataset_entries(DatasetArn=dataset, ContainsLabels=[LABELS[0]], SourceRefContains="0.png")
    (entry,) = [json.loads(text) for text in chosen["DatasetEntries"]]
    entry["label-metadata"]["class-name"] = "crossed"
    client.update_dataset_entries(DatasetArn=dataset, Changes={"GroundTruth": json.dumps(entry).encode()})
    socket.wait()
    found = client.describe_dataset(DatasetArn=dataset)["DatasetDescription"]
    assert (found["Status"], found["DatasetStats"]["TotalEntries"]) == ("UPDATE_COMPLETE", 10)
    labels = client.list_dataset_labels(DatasetArn=dataset)["DatasetLabelDescriptions"]
    assert {one["LabelName"]: one["LabelStats"]["EntryCount"] for one in labels} == {
        LABELS[0]: 4,
        "crossed": 1,
        LABELS[1]: 5,
    }
    assert len(client.list_dataset_entries(DatasetArn=dataset, HasErrors=True)["DatasetEntries"]) == 0

    client.delete_dataset(DatasetArn=dataset)
    gone = None
    while gone is None:
        try:
            client.describe_dataset(DatasetArn=dataset)
            socket.wait(5)
        except ClientError as error:
            gone = error.response["Error"]["Code"]
    assert gone == "ResourceNotFoundException"
    assert client.delete_project(ProjectArn=arn)["Status"] == "DELETING"
    while client.describe_projects(ProjectNames=["parts"])["ProjectDescriptions"]:
        socket.wait(5)
