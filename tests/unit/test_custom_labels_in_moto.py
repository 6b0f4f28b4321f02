"""The service within moto's mock_aws, in two lines and without a port."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from customlabels.manifests import folder_line
from moto import mock_aws

from local import moto
from local.rekognition.settings import Settings
from tests.images import picture

LABELS = ("across", "down")


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv(
        "AWS_ENDPOINT_URL", "http://127.0.0.1:1"
    )  # nothing may be asked there but by its own client
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")


def source(name: str, numbers: range) -> dict[str, Any]:
    """A manifest with pictures in moto's S3."""
    s3, lines = boto3.client("s3"), []
    for label in LABELS:
        for number in numbers:
            key = f"{label}/{number}.png"
            s3.put_object(Bucket="pictures", Key=key, Body=picture(label, number))
            lines.append(folder_line(f"s3://pictures/{key}", label, datetime.now(UTC)))
    s3.put_object(Bucket="pictures", Key=name, Body="\n".join(lines).encode())
    return {"GroundTruthManifest": {"S3Object": {"Bucket": "pictures", "Name": name}}}


def lived_through() -> str:
    """The likeliest label of a picture, by a model that was made for it."""
    rekognition = boto3.client("rekognition")
    place = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3").create_bucket(Bucket="pictures", CreateBucketConfiguration=place)
    project = rekognition.create_project(ProjectName="parts")["ProjectArn"]
    assert project.startswith(f"arn:aws:rekognition:eu-central-1:{moto.ACCOUNT}:project/parts/")
    for kind, numbers in (("TRAIN", range(5)), ("TEST", range(50, 52))):
        rekognition.create_dataset(ProjectArn=project, DatasetType=kind, DatasetSource=source(kind, numbers))
    output = {"S3Bucket": "pictures", "S3KeyPrefix": "output"}
    made = rekognition.create_project_version(ProjectArn=project, VersionName="v1", OutputConfig=output)
    names: dict[str, Any] = {"ProjectArn": project, "VersionNames": ["v1"]}
    rekognition.get_waiter("project_version_training_completed").wait(**names)
    rekognition.start_project_version(ProjectVersionArn=made["ProjectVersionArn"], MinInferenceUnits=1)
    rekognition.get_waiter("project_version_running").wait(**names)
    image = {"S3Object": {"Bucket": "pictures", "Name": "down/50.png"}}
    found = rekognition.detect_custom_labels(ProjectVersionArn=made["ProjectVersionArn"], Image=image)
    listed = boto3.client("s3").list_objects_v2(Bucket="pictures", Prefix="output/")
    assert listed["KeyCount"] == 6
    return str(found["CustomLabels"][0]["Name"])


@mock_aws
def test_inside_mock_aws() -> None:
    with moto.custom_labels():
        assert lived_through() == "down"
    assert boto3.client("s3").list_buckets()["Buckets"], "mock_aws goes on"


@moto.custom_labels()
def test_around_mock_aws() -> None:
    with mock_aws():
        assert lived_through() == "down"


def test_alone_with_faults_and_time() -> None:
    with moto.custom_labels(Settings(workers=0, project_seconds=60)) as labels:
        rekognition = boto3.client("rekognition")
        labels.service.faults.add("CreateProject", "LimitExceededException")
        with pytest.raises(rekognition.exceptions.LimitExceededException):
            rekognition.create_project(ProjectName="parts")
        rekognition.create_project(ProjectName="parts")
        assert rekognition.describe_projects()["ProjectDescriptions"][0]["Status"] == "CREATING"
        labels.clock.advance(60)
        assert rekognition.describe_projects()["ProjectDescriptions"][0]["Status"] == "CREATED"


def test_each_time_is_a_new_service_and_moto_is_itself_again() -> None:
    for _ in range(2):
        with moto.custom_labels():
            rekognition = boto3.client("rekognition")
            assert rekognition.describe_projects()["ProjectDescriptions"] == []
            rekognition.create_project(ProjectName="parts")
    arn = "arn:aws:rekognition:eu-central-1:123456789012:project/parts/version/v1/1800000000000"
    with mock_aws():
        canned = boto3.client("rekognition").detect_custom_labels(ProjectVersionArn=arn, Image={"Bytes": b"x"})
        assert json.dumps(canned["CustomLabels"]).count("MyLogo") == 1
