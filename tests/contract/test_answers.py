"""Every operation answers, what it answers is of the model, and boto3's waiters and paginators work with it."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import WaiterError

from local.rekognition.service import OPERATIONS
from tests.contract.model import parsed
from tests.contract.sockets import BUCKET, LABELS, Socket
from tests.images import picture

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "rekognition:CopyProjectVersion", "Resource": "*"}
    ],
}


@pytest.fixture
def passing(socket: Socket) -> Iterator[list[float]]:
    """Sleeping of waiters lets the service's clock pass instead; the seconds of each sleep."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        socket.wait(seconds)

    with patch("botocore.waiter.time.sleep", sleep):
        yield slept


def test_every_operation_answers(socket: Socket) -> None:
    socket.seen.clear()
    client = socket.client
    project, version = socket.trained()
    client.tag_resource(ResourceArn=version, Tags={"stage": "test"})
    assert client.list_tags_for_resource(ResourceArn=version)["Tags"] == {"stage": "test"}
    client.untag_resource(ResourceArn=version, TagKeys=["stage"])
    client.put_project_policy(ProjectArn=project, PolicyName="copy", PolicyDocument=json.dumps(POLICY))
    assert client.list_project_policies(ProjectArn=project)["ProjectPolicies"][0]["PolicyName"] == "copy"
    client.delete_project_policy(ProjectArn=project, PolicyName="copy")
    other = socket.project("other")
    copied = socket.copy(project, version, other)
    socket.wait()
    described = socket.version(copied)
    assert (described["Status"], described["SourceProjectVersionArn"]) == ("COPYING_COMPLETED", version)

    train = socket.dataset(other, "TRAIN", empty=True)
    test = socket.dataset(other, "TEST", empty=True)
    socket.wait()
    lines = socket.s3.get_object(Bucket=BUCKET, Key="TRAIN.manifest")["Body"].read()
    client.update_dataset_entries(DatasetArn=train, Changes={"GroundTruth": lines})
    socket.wait()
    client.distribute_dataset_entries(Datasets=[{"Arn": train}, {"Arn": test}])
    socket.wait()
    stats = client.describe_dataset(DatasetArn=test)["DatasetDescription"]["DatasetStats"]
    assert (stats["TotalEntries"], stats["TotalLabels"]) == (2, 2)
    assert len(client.list_dataset_entries(DatasetArn=train)["DatasetEntries"]) == 8
    labels = client.list_dataset_labels(DatasetArn=train)["DatasetLabelDescriptions"]
    assert [label["LabelName"] for label in labels] == sorted(LABELS)

    client.start_project_version(ProjectVersionArn=version, MinInferenceUnits=1, MaxInferenceUnits=2)
    socket.wait()
    image = {"Bytes": picture(LABELS[0], 99)}
    found = client.detect_custom_labels(ProjectVersionArn=version, Image=image, MinConfidence=0)["CustomLabels"]
    assert [label["Name"] for label in found] == list(LABELS)
    client.stop_project_version(ProjectVersionArn=version)
    socket.wait()
    for arn in (version, copied):
        assert client.delete_project_version(ProjectVersionArn=arn)["Status"] == "DELETING"
    for description in client.describe_projects()["ProjectDescriptions"]:
        for dataset in description["Datasets"]:
            client.delete_dataset(DatasetArn=dataset["DatasetArn"])
    socket.wait()
    for arn in (project, other):
        client.delete_project(ProjectArn=arn)
    socket.wait()
    assert client.describe_projects()["ProjectDescriptions"] == []
    assert socket.seen == set(OPERATIONS)


def test_an_answer_parses_back(socket: Socket) -> None:
    project, version = socket.trained()
    answer = socket.raw("DescribeProjectVersions", {"ProjectArn": project})
    body = json.dumps(answer.content).encode()
    back = parsed("DescribeProjectVersions", answer.status, dict(answer.headers), body)
    described = back["ProjectVersionDescriptions"][0]
    raw = answer.content["ProjectVersionDescriptions"][0]
    assert described.keys() == raw.keys()
    assert described["CreationTimestamp"].timestamp() == raw["CreationTimestamp"]
    assert described["CreationTimestamp"].timestamp() * 1000 == pytest.approx(int(version.rsplit("/", 1)[1]))
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-RequestId"]


def test_an_error_parses_back(socket: Socket) -> None:
    project = socket.project()
    with pytest.raises(socket.client.exceptions.ResourceInUseException) as caught:
        socket.project()
    metadata = caught.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], caught.value.response["Error"]["Code"]) == (400, "ResourceInUseException")
    assert "parts" in caught.value.response["Error"]["Message"]
    answer = socket.raw("DeleteProject", {"ProjectArn": f"{project}9"})
    assert answer.content["Logref"] == answer.headers["x-amzn-RequestId"]


def test_the_waiter_for_a_training(socket: Socket, passing: list[float]) -> None:
    project = socket.project()
    for kind in ("TRAIN", "TEST"):
        socket.dataset(project, kind)
    socket.wait()
    socket.train(project)
    waiter = socket.client.get_waiter("project_version_training_completed")
    waiter.wait(ProjectArn=project, VersionNames=["v1"])
    assert passing == [120], "one look in vain, then one that succeeds"

    socket.admin("POST", "faults", {"training": "The manifest file is empty."})
    socket.train(project, "v2")
    with pytest.raises(WaiterError, match="terminal failure") as caught:
        waiter.wait(ProjectArn=project, VersionNames=["v2"])
    failed = caught.value.last_response["ProjectVersionDescriptions"][0]
    assert failed["StatusMessage"] == "The manifest file is empty."

    # A version that does not exist is never in a state that the waiter knows, and so it gives up in the end.
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        waiter.wait(ProjectArn=project, VersionNames=["v3"], WaiterConfig={"MaxAttempts": 3})


def test_the_waiter_for_a_running_model(socket: Socket, passing: list[float]) -> None:
    project, version = socket.trained()
    waiter = socket.client.get_waiter("project_version_running")
    socket.admin("POST", "faults", {"start": "No capacity."})
    socket.client.start_project_version(ProjectVersionArn=version, MinInferenceUnits=1)
    with pytest.raises(WaiterError, match="terminal failure"):
        waiter.wait(ProjectArn=project, VersionNames=["v1"])
    passing.clear()
    socket.client.start_project_version(ProjectVersionArn=version, MinInferenceUnits=1)
    waiter.wait(ProjectArn=project, VersionNames=["v1"])
    assert passing == [30, 30]


def test_paginators_page(socket: Socket) -> None:
    for number in range(5):
        socket.project(f"p{number}")
    project = socket.client.describe_projects()["ProjectDescriptions"][0]["ProjectArn"]
    dataset = socket.dataset(project, "TRAIN")
    socket.dataset(project, "TEST")
    socket.wait()
    for number in range(3):
        socket.train(project, f"v{number}")
        socket.wait()
        name = {"PolicyName": f"p{number}", "PolicyDocument": json.dumps(POLICY)}
        socket.client.put_project_policy(ProjectArn=project, **name)
    expected: dict[str, tuple[str, dict[str, Any], int]] = {
        "describe_projects": ("ProjectDescriptions", {}, 5),
        "describe_project_versions": ("ProjectVersionDescriptions", {"ProjectArn": project}, 3),
        "list_dataset_entries": ("DatasetEntries", {"DatasetArn": dataset}, 10),
        "list_dataset_labels": ("DatasetLabelDescriptions", {"DatasetArn": dataset}, 2),
        "list_project_policies": ("ProjectPolicies", {"ProjectArn": project}, 3),
    }
    for operation, (member, request, total) in expected.items():
        assert socket.client.can_paginate(operation)
        pages = [page[member] for page in _pages(socket.client, operation, request, 2)]
        assert [len(page) for page in pages] == [2] * (total // 2) + [1] * (total % 2)
        whole = next(iter(_pages(socket.client, operation, request, None)))[member]
        assert [item for page in pages for item in page] == whole


def _pages(client: Any, operation: str, request: dict[str, Any], size: int | None) -> Any:
    return client.get_paginator(operation).paginate(**request, PaginationConfig={"PageSize": size})


def test_a_token_of_another_listing_is_refused(socket: Socket) -> None:
    for number in range(3):
        socket.project(f"p{number}")
    token = socket.client.describe_projects(MaxResults=1)["NextToken"]
    with pytest.raises(socket.client.exceptions.InvalidPaginationTokenException):
        socket.client.describe_projects(MaxResults=1, NextToken=token, ProjectNames=["p0", "p1"])
