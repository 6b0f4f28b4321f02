"""The admin endpoint, which is the same at every socket."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.rekognition.settings import Settings
from tests.contract.sockets import TIMES, Socket


def code(caught: Any) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_fault_of_a_call(socket: Socket) -> None:
    fault = {
        "operation": "CreateProject",
        "error": "LimitExceeded",
        "call": 2,
        "effect": "after",
        "message": "No.",
    }
    planned = socket.admin("POST", "faults", fault)
    assert (planned.status, planned.content) == (200, {"faults": [{**fault, "seen": 0}]})
    socket.project("a")
    assert socket.admin("GET", "faults").content == {"faults": [{**fault, "seen": 1}]}
    with pytest.raises(ClientError) as caught:
        socket.project("b")
    assert (code(caught), caught.value.response["Error"]["Message"]) == ("LimitExceededException", "No.")
    assert len(socket.client.describe_projects()["ProjectDescriptions"]) == 2
    assert socket.admin("GET", "faults").content == {"faults": []}


def test_faults_of_what_goes_on_after_a_call(socket: Socket) -> None:
    faults = [{"dataset": "Too many rows."}, {"training": "Too few labels."}, {"start": "No capacity."}]
    assert len(socket.admin("POST", "faults", faults).content["faults"]) == 3
    broken = socket.project("broken")
    dataset = socket.dataset(broken, "TRAIN")
    project, version = socket.trained()
    found = socket.client.describe_dataset(DatasetArn=dataset)["DatasetDescription"]
    assert (found["Status"], found["StatusMessage"]) == ("CREATE_FAILED", "Too many rows.")
    assert socket.version(version)["StatusMessage"] == "Too few labels."
    second = socket.train(project, "v2")
    socket.wait()
    socket.client.start_project_version(ProjectVersionArn=second, MinInferenceUnits=1)
    socket.wait()
    assert (socket.version(second)["Status"], socket.version(second)["StatusMessage"]) == (
        "FAILED",
        "No capacity.",
    )


def test_faults_are_forgotten(socket: Socket) -> None:
    socket.admin("POST", "faults", {"operation": "DescribeProjects", "error": "InvalidParameter", "call": None})
    for _ in range(2):
        with pytest.raises(ClientError):
            socket.client.describe_projects()
    assert socket.admin("DELETE", "faults").content == {"faults": []}
    socket.client.describe_projects()


def test_settings_are_told(socket: Socket) -> None:
    settings = socket.admin("GET", "settings").content["settings"]
    assert settings["start_seconds"] == {
        "value": TIMES.start_seconds,
        "default": Settings.start_seconds,
        "doc": "shortest time a version is STARTING",
    }


def test_time_passes_when_told(socket: Socket) -> None:
    before = socket.admin("POST", "advance", {"seconds": 0}).content["now"]
    assert socket.admin("POST", "advance", {"seconds": 3600}).content["now"] == pytest.approx(
        before + 3600, abs=60
    )


@pytest.mark.parametrize(
    ("method", "name", "content", "status", "sentence"),
    [
        ("GET", "nothing", None, 404, "/_custom-labels/faults, /_custom-labels/settings"),
        ("PUT", "faults", {}, 405, "takes GET and POST and DELETE, not PUT"),
        ("POST", "faults", b"{", 400, "not valid JSON"),
        ("POST", "faults", 1, 400, "A fault is an object"),
        ("POST", "faults", {"error": "LimitExceeded"}, 400, "is not a fault"),
        ("POST", "faults", {"operation": "Create", "error": "LimitExceeded"}, 400, "Create is not an operation"),
        ("POST", "faults", {"operation": "CreateProject", "error": "No"}, 400, "unknown error code 'No'"),
        ("POST", "faults", {"operation": "CreateProject", "error": "LimitExceeded", "call": 0}, 400, "from 1"),
        ("POST", "faults", {"operation": "CreateProject", "error": "LimitExceeded", "call": 1.5}, 400, "whole"),
        (
            "POST",
            "faults",
            {"operation": "CreateProject", "error": "LimitExceeded", "effect": 1},
            400,
            "effect is",
        ),
        ("POST", "faults", {"operation": "CreateProject", "error": 1}, 400, "error is a string"),
        ("POST", "faults", {"training": None}, 400, "not a string"),
        ("POST", "advance", {"seconds": -1}, 400, "not below 0"),
        ("POST", "advance", [], 400, "not below 0"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    socket: Socket, method: str, name: str, content: Any, status: int, sentence: str
) -> None:
    answer = socket.admin(method, name, content)
    assert (answer.status, sentence in answer.content["message"]) == (status, True), answer.content
    assert answer.content["message"].endswith(".")
    assert socket.admin("GET", "faults").content == {"faults": []}
