"""The life cycles of projects, datasets and versions: what each call leads to in each state, or refuses with.

At one socket: the states are the service's. The tests of answers live a life through at each of them.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.sockets import BUCKET, LABELS, Socket, manifest
from tests.images import picture

IN_USE, NOT_READY, NOT_FOUND = "ResourceInUseException", "ResourceNotReadyException", "ResourceNotFoundException"
INVALID, EXISTS = "InvalidParameterException", "ResourceAlreadyExistsException"
ELSEWHERE = json.dumps({"source-ref": "s3://elsewhere/1.png"}).encode()
pytestmark = pytest.mark.parametrize("open_socket", ["standalone"], indirect=True)
Arns = tuple[str, str]  # of a project, and of a dataset or a version of it


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


# Versions


def in_training(socket: Socket, fault: str | None = None) -> Arns:
    project = socket.project()
    for kind in ("TRAIN", "TEST"):
        socket.dataset(project, kind)
    socket.wait()
    if fault:
        socket.admin("POST", "faults", {"training": fault})
    return project, socket.train(project)


def started(socket: Socket) -> Arns:
    project, version = socket.trained()
    socket.client.start_project_version(ProjectVersionArn=version, MinInferenceUnits=1)
    return project, version


def copied(socket: Socket, bucket: str = BUCKET) -> Arns:
    project, version = socket.trained()
    other = socket.project("other")
    return other, socket.copy(project, version, other, bucket)


def stopping(socket: Socket) -> Arns:
    project, version = settled(started)(socket)
    socket.client.stop_project_version(ProjectVersionArn=version)
    return project, version


def deleting(socket: Socket) -> Arns:
    project, version = socket.trained()
    socket.client.delete_project_version(ProjectVersionArn=version)
    return project, version


def failed_start(socket: Socket) -> Arns:
    socket.admin("POST", "faults", {"start": "No capacity."})
    return settled(started)(socket)


def settled(make: Callable[[Socket], Arns]) -> Callable[[Socket], Arns]:
    def made(socket: Socket) -> Arns:
        arns = make(socket)
        socket.wait()
        return arns

    return made


VERSIONS: dict[str, Callable[[Socket], Arns]] = {
    "TRAINING_IN_PROGRESS": in_training,
    "TRAINING_COMPLETED": settled(in_training),
    "TRAINING_FAILED": settled(lambda socket: in_training(socket, "The manifest file is empty.")),
    "COPYING_IN_PROGRESS": copied,
    "COPYING_COMPLETED": settled(copied),
    "COPYING_FAILED": settled(lambda socket: copied(socket, "nobodys")),
    "STARTING": started,
    "RUNNING": settled(started),
    "FAILED": failed_start,
    "STOPPING": stopping,
    "STOPPED": settled(stopping),
    "DELETING": deleting,
}
STARTABLE = ("TRAINING_COMPLETED", "COPYING_COMPLETED", "STOPPED", "FAILED")
STOPPABLE = ("RUNNING", "STARTING")
DELETABLE = (*STARTABLE, "TRAINING_FAILED", "COPYING_FAILED")
UNTRAINED = ("TRAINING_IN_PROGRESS", "TRAINING_FAILED", "COPYING_IN_PROGRESS", "COPYING_FAILED")
MOVES = [
    *((state, "start", "STARTING", "RUNNING") for state in STARTABLE),
    *((state, "stop", "STOPPING", "STOPPED") for state in STOPPABLE),
    *((state, "delete", "DELETING", None) for state in DELETABLE),
]


def version_calls(socket: Socket, arn: str) -> dict[str, Callable[[], Any]]:
    client, image = socket.client, {"Bytes": picture(LABELS[0], 7)}
    return {
        "start": lambda: client.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1),
        "stop": lambda: client.stop_project_version(ProjectVersionArn=arn),
        "delete": lambda: client.delete_project_version(ProjectVersionArn=arn),
        "detect": lambda: client.detect_custom_labels(ProjectVersionArn=arn, Image=image),
    }


@pytest.mark.parametrize("state", VERSIONS)
def test_what_a_version_refuses(socket: Socket, state: str) -> None:
    project, arn = VERSIONS[state](socket)
    assert socket.version(arn)["Status"] == state
    calls = version_calls(socket, arn)
    legal = {call for allowed, call, *_ in MOVES if allowed == state} | (
        {"detect"} if state == "RUNNING" else set()
    )
    for name in calls.keys() - legal:
        assert refusal(calls[name]) == (NOT_READY if name == "detect" else IN_USE), name
        assert socket.version(arn)["Status"] == state, name
    if state == "RUNNING":
        assert calls["detect"]()["CustomLabels"]
    refused = {**dict.fromkeys(UNTRAINED, INVALID), "DELETING": IN_USE}.get(state)
    third = socket.project("third")
    if refused is not None:
        assert refusal(lambda: socket.copy(project, arn, third)) == refused
    else:
        assert socket.version(socket.copy(project, arn, third))["Status"] == "COPYING_IN_PROGRESS"
    assert refusal(lambda: socket.client.delete_project(ProjectArn=project)) == IN_USE


@pytest.mark.parametrize(("state", "call", "then", "last"), MOVES)
def test_what_a_version_becomes(socket: Socket, state: str, call: str, then: str, last: str | None) -> None:
    _, arn = VERSIONS[state](socket)
    assert version_calls(socket, arn)[call]()["Status"] == then
    assert socket.version(arn)["Status"] == then
    socket.wait()
    assert socket.version(arn).get("Status") == last
    if last is None:
        assert {refusal(gone) for gone in version_calls(socket, arn).values()} == {NOT_FOUND}


# Datasets


def creating(socket: Socket, *, empty: bool = False) -> Arns:
    project = socket.project()
    return project, socket.dataset(project, "TRAIN", empty=empty)


def failed_creation(socket: Socket) -> Arns:
    socket.admin("POST", "faults", {"dataset": "The manifest file has too many rows."})
    return settled(creating)(socket)


def updating(socket: Socket, changes: bytes | None = None) -> Arns:
    project, arn = settled(creating)(socket)
    good = socket.s3.get_object(Bucket=BUCKET, Key="TEST.manifest")["Body"].read()
    socket.client.update_dataset_entries(DatasetArn=arn, Changes={"GroundTruth": changes or good})
    return project, arn


def leaving(socket: Socket) -> Arns:
    project, arn = settled(creating)(socket)
    socket.client.delete_dataset(DatasetArn=arn)
    return project, arn


DATASETS: dict[str, Callable[[Socket], Arns]] = {
    "CREATE_IN_PROGRESS": creating,
    "CREATE_COMPLETE": settled(creating),
    "CREATE_FAILED": failed_creation,
    "UPDATE_IN_PROGRESS": updating,
    "UPDATE_COMPLETE": settled(updating),
    "UPDATE_FAILED": settled(lambda socket: updating(socket, ELSEWHERE)),
    "DELETE_IN_PROGRESS": leaving,
}
READY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED")


def status(socket: Socket, arn: str) -> str:
    return str(socket.client.describe_dataset(DatasetArn=arn)["DatasetDescription"]["Status"])


def dataset_calls(socket: Socket, arn: str, test: str) -> dict[str, Callable[[], Any]]:
    client = socket.client
    good = socket.s3.get_object(Bucket=BUCKET, Key="TEST.manifest")["Body"].read()
    return {
        "update": lambda: client.update_dataset_entries(DatasetArn=arn, Changes={"GroundTruth": good}),
        "distribute": lambda: client.distribute_dataset_entries(Datasets=[{"Arn": arn}, {"Arn": test}]),
        "delete": lambda: client.delete_dataset(DatasetArn=arn),
        "entries": lambda: client.list_dataset_entries(DatasetArn=arn),
        "labels": lambda: client.list_dataset_labels(DatasetArn=arn),
    }


def refusals(state: str) -> dict[str, str]:
    """The calls that a dataset refuses in a state, with the error."""
    refused = {} if state in READY else {"update": IN_USE, "distribute": NOT_READY}
    if state.endswith("IN_PROGRESS"):
        refused["delete"] = IN_USE
        refused |= dict.fromkeys(("entries", "labels"), IN_USE if state.startswith("UPDATE") else NOT_READY)
    return refused


@pytest.mark.parametrize("state", DATASETS)
def test_what_a_dataset_refuses(socket: Socket, state: str) -> None:
    other = socket.project("first")
    test = socket.dataset(other, "TEST", empty=True)
    socket.wait()
    project, arn = DATASETS[state](socket)
    assert status(socket, arn) == state
    if state not in READY:
        test = socket.dataset(project, "TEST", empty=True)
    calls = dataset_calls(socket, arn, test)
    for name, code in refusals(state).items():
        assert refusal(calls[name]) == code, name
        assert status(socket, arn) == state, name
    for name in {"entries", "labels"} - refusals(state).keys():
        calls[name]()
    assert refusal(lambda: socket.dataset(project, "TRAIN")) == EXISTS
    assert refusal(lambda: socket.client.delete_project(ProjectArn=project)) == IN_USE


@pytest.mark.parametrize(
    ("state", "call", "then", "last"),
    [
        *((state, "update", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE") for state in READY),
        *((state, "distribute", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE") for state in READY),
        *((state, "delete", "DELETE_IN_PROGRESS", None) for state in (*READY, "CREATE_FAILED")),
    ],
)
def test_what_a_dataset_becomes(socket: Socket, state: str, call: str, then: str, last: str | None) -> None:
    project, arn = DATASETS[state](socket)
    test = socket.dataset(project, "TEST", empty=True)
    socket.wait()
    dataset_calls(socket, arn, test)[call]()
    moved = (arn, test) if call == "distribute" else (arn,)
    assert {status(socket, each) for each in moved} == {then}
    socket.wait()
    if last is None:
        assert refusal(lambda: status(socket, arn)) == NOT_FOUND
        socket.dataset(project, "TRAIN")
    else:
        assert {status(socket, each) for each in moved} == {last}


def test_a_version_is_copied_to_another_project_only(socket: Socket) -> None:
    project, version = socket.trained()
    assert refusal(lambda: socket.copy(project, version, project)) == INVALID
    other = socket.project("other")
    assert refusal(lambda: socket.copy(other, version, project)) == NOT_FOUND
    assert socket.version(socket.copy(project, version, other))["Status"] == "COPYING_IN_PROGRESS"


def test_a_copy_of_a_dataset_needs_one_that_is_ready(socket: Socket) -> None:
    _, arn = creating(socket)
    other = socket.project("other")
    source = {"DatasetSource": {"DatasetArn": arn}}
    copy = {"ProjectArn": other, "DatasetType": "TEST", **source}
    assert refusal(lambda: socket.client.create_dataset(**copy)) == INVALID
    socket.wait()
    copied_to = socket.client.create_dataset(**copy)["DatasetArn"]
    socket.wait()
    assert status(socket, copied_to) == "CREATE_COMPLETE"


# Projects


def test_a_project_from_its_creation_to_its_end(socket: Socket) -> None:
    project = socket.project()
    described = socket.client.describe_projects()["ProjectDescriptions"][0]
    assert described["Status"] == "CREATED"
    assert socket.client.delete_project(ProjectArn=project)["Status"] == "DELETING"
    assert socket.client.describe_projects()["ProjectDescriptions"][0]["Status"] == "DELETING"
    assert refusal(lambda: socket.client.delete_project(ProjectArn=project)) == IN_USE
    assert refusal(lambda: socket.train(project)) == IN_USE
    assert refusal(lambda: socket.dataset(project, "TRAIN")) == NOT_FOUND
    assert refusal(socket.project) == IN_USE
    socket.wait()
    assert socket.client.describe_projects()["ProjectDescriptions"] == []
    assert refusal(lambda: socket.client.describe_project_versions(ProjectArn=project)) == NOT_FOUND
    assert socket.project() != project


def test_a_training_needs_datasets_that_are_ready(socket: Socket) -> None:
    project = socket.project()
    assert refusal(lambda: socket.train(project)) == INVALID
    socket.dataset(project, "TRAIN")
    socket.wait()
    assert refusal(lambda: socket.train(project)) == INVALID
    socket.dataset(project, "TEST")
    assert refusal(lambda: socket.train(project)) == IN_USE
    socket.wait()
    socket.train(project)
    assert refusal(lambda: socket.train(project)) == IN_USE  # the name
    data = {"Assets": [manifest("TRAIN")]}
    given = {"TrainingData": data, "TestingData": data, "OutputConfig": {"S3Bucket": BUCKET}}
    request = {"ProjectArn": project, "VersionName": "v2", **given}
    assert refusal(lambda: socket.client.create_project_version(**request)) == INVALID
