"""The JSON 1.1 wire: constraints of the API model, encodings, errors; and a real boto3 client against it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.wire import Wire, service_model

from .conftest import ACCOUNT, BUCKET, REGION, Desk, line, png

PROJECT = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/parts/1800000000000"


class Answer:
    """A wire's answer, decoded."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.content = status, headers, json.loads(body)


def send(wire: Wire, operation: str, content: Any) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(*wire.handle(f"RekognitionService.{operation}", body, account=ACCOUNT, region=REGION))


@pytest.fixture
def wire(desk: Desk) -> Wire:
    return Wire(desk.service)


@pytest.fixture
def client(wire: Wire, desk: Desk) -> Iterator[BaseClient]:
    """A boto3 client whose requests go to the wire."""
    made = boto3.client("rekognition", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")

    class Raw:
        def __init__(self, body: bytes) -> None:
            self.body = body

        def stream(self) -> Iterator[bytes]:
            yield self.body

    def answer(request: Any, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = target.decode() if isinstance(target, bytes) else target
        status, headers, body = wire.handle(name, request.body, account=ACCOUNT, region=REGION)
        return AWSResponse(request.url, status, headers, Raw(body))

    made.meta.events.register_first("before-send.rekognition", answer)
    yield made
    made.close()


def test_an_answer_is_json_1_1(wire: Wire) -> None:
    answer = send(wire, "CreateProject", {"ProjectName": "parts", "Unknown": 1, "Tags": None})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-RequestId"]
    assert answer.content["ProjectArn"].endswith("project/parts/1800000000000")
    described = send(wire, "DescribeProjects", b"").content["ProjectDescriptions"][0]
    assert described["CreationTimestamp"] == 1_800_000_000.0


def test_an_error_has_all_its_names(wire: Wire) -> None:
    answer = send(wire, "DeleteProject", {"ProjectArn": PROJECT})
    assert answer.status == 400
    assert answer.content["__type"] == answer.content["Code"] == "ResourceNotFoundException"
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert answer.content["Logref"] == answer.headers["x-amzn-RequestId"]
    assert PROJECT in answer.content["Message"]


def test_a_server_fault_is_500_and_has_no_suffix(wire: Wire) -> None:
    wire.service.faults.add("DescribeProjects", "InternalServerError")
    answer = send(wire, "DescribeProjects", {})
    assert (answer.status, answer.content["__type"]) == (500, "InternalServerError")


@pytest.mark.parametrize(
    ("operation", "content", "member"),
    [
        ("CreateProject", {}, "ProjectName is required"),
        ("CreateProject", {"ProjectName": 1}, "ProjectName is not a string"),
        ("CreateProject", {"ProjectName": ""}, "ProjectName has 0 characters"),
        ("CreateProject", {"ProjectName": "x" * 256}, "ProjectName has 256 characters"),
        ("CreateProject", {"ProjectName": "a b"}, "ProjectName does not match"),
        ("CreateProject", {"ProjectName": "a", "Feature": "LABELS"}, "Feature is 'LABELS', not one of"),
        ("CreateProject", {"ProjectName": "a", "Tags": {"aws:x": "1"}}, "Tags (key) does not match"),
        ("CreateProject", {"ProjectName": "a", "Tags": []}, "Tags is not an object"),
        ("CreateProject", b"{", "not valid JSON"),
        ("CreateProject", [], "the request is not an object"),
        ("DescribeProjects", {"MaxResults": 0}, "MaxResults is 0"),
        ("DescribeProjects", {"MaxResults": 1.5}, "MaxResults is not a whole number"),
        ("DescribeProjects", {"ProjectNames": []}, "ProjectNames has 0 items"),
        ("DescribeProjects", {"ProjectNames": ["a", "b c"]}, "ProjectNames[1] does not match"),
        (
            "DeleteProject",
            {"ProjectArn": "arn:aws:rekognition:eu-west-1:1:project/a/1"},
            "ProjectArn does not match",
        ),
        ("CreateDataset", {"ProjectArn": PROJECT, "DatasetType": "train"}, "DatasetType is 'train'"),
        ("DistributeDatasetEntries", {"Datasets": []}, "Datasets has 0 items; 2 to 2"),
        (
            "StartProjectVersion",
            {"ProjectVersionArn": PROJECT, "MinInferenceUnits": 1},
            "ProjectVersionArn does not",
        ),
        ("UpdateDatasetEntries", {"DatasetArn": PROJECT, "Changes": {"GroundTruth": "x"}}, "DatasetArn does not"),
    ],
)
def test_constraints_of_the_model(wire: Wire, operation: str, content: Any, member: str) -> None:
    answer = send(wire, operation, content)
    assert (answer.status, answer.content["__type"]) == (400, "InvalidParameterException")
    assert member in answer.content["Message"]


def test_constraints_on_images_and_numbers(wire: Wire) -> None:
    arn = PROJECT.replace("parts/", "parts/version/v1/")

    def refused(**content: Any) -> str:
        answer = send(wire, "DetectCustomLabels", {"ProjectVersionArn": arn, "Image": {}, **content})
        assert answer.content["__type"] == "InvalidParameterException"
        return str(answer.content["Message"])

    assert "Image.Bytes is not base64" in refused(Image={"Bytes": "***"})
    assert "Image.Bytes has 0 bytes" in refused(Image={"Bytes": ""})
    assert "Image.S3Object.Bucket has 1 characters" in refused(Image={"S3Object": {"Bucket": "x"}})
    assert "MinConfidence is 101" in refused(MinConfidence=101)
    assert "MinConfidence is not a number" in refused(MinConfidence="50")
    assert "MinConfidence is not a number" in refused(MinConfidence=True)


def test_a_page_above_the_maximum_is_a_validation_exception(wire: Wire) -> None:
    answer = send(wire, "DescribeProjects", {"MaxResults": 101})
    assert (answer.status, answer.content["__type"]) == (400, "ValidationException")


@pytest.mark.parametrize("target", ["RekognitionService.DetectFaces", "Other.CreateProject", ""])
def test_what_is_not_served(wire: Wire, target: str) -> None:
    answer = Answer(*wire.handle(target, b"{}", account=ACCOUNT, region=REGION))
    assert (answer.status, answer.content["__type"]) == (400, "UnknownOperationException")
    assert "CreateProjectVersion" in answer.content["Message"]


def test_blobs_arrive_as_bytes(wire: Wire, desk: Desk) -> None:
    arn = desk.dataset(desk.project(), "TRAIN")
    body = base64.b64encode(json.dumps(line("1.png", "red")).encode()).decode()
    answer = send(wire, "UpdateDatasetEntries", {"DatasetArn": arn, "Changes": {"GroundTruth": body}})
    assert (answer.status, answer.content) == (200, {})
    desk.wait()
    assert len(send(wire, "ListDatasetEntries", {"DatasetArn": arn}).content["DatasetEntries"]) == 1


def test_every_operation_of_the_service_is_in_the_model(wire: Wire) -> None:
    from local.rekognition.service import OPERATIONS

    assert set(OPERATIONS) <= set(service_model().operation_names)


def test_boto3_trains_and_detects(client: Any, desk: Desk) -> None:
    project = client.create_project(ProjectName="parts")["ProjectArn"]
    for kind, start in (("TRAIN", 0), ("TEST", 100)):
        source = desk.manifest(f"{kind}.manifest", desk.pictures(5, "red", "green", start=start))
        client.create_dataset(ProjectArn=project, DatasetType=kind, DatasetSource=source)
    desk.wait()
    output = {"S3Bucket": BUCKET}
    arn = client.create_project_version(ProjectArn=project, VersionName="v1", OutputConfig=output)
    arn = arn["ProjectVersionArn"]
    desk.wait()
    client.get_waiter("project_version_training_completed").wait(ProjectArn=project, VersionNames=["v1"])
    found = client.describe_project_versions(ProjectArn=project)["ProjectVersionDescriptions"][0]
    assert found["EvaluationResult"]["F1Score"] == 1.0
    assert found["CreationTimestamp"].year == 2027
    client.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
    desk.wait()
    client.get_waiter("project_version_running").wait(ProjectArn=project, VersionNames=["v1"])
    labels = client.detect_custom_labels(ProjectVersionArn=arn, Image={"Bytes": png("green", 7)})["CustomLabels"]
    assert labels[0]["Name"] == "green"
    pages = client.get_paginator("list_dataset_entries").paginate(
        DatasetArn=client.describe_projects()["ProjectDescriptions"][0]["Datasets"][0]["DatasetArn"],
        PaginationConfig={"PageSize": 3},
    )
    assert sum(len(page["DatasetEntries"]) for page in pages) == 10
    with pytest.raises(client.exceptions.ResourceInUseException):
        client.delete_project_version(ProjectVersionArn=arn)
    with pytest.raises(ClientError, match="ResourceInUseException"):
        client.delete_project(ProjectArn=project)
