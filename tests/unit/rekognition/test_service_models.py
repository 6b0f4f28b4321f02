"""Models: start, stop, delete, copy, and detection."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from local.rekognition.errors import (
    AccessDenied,
    ImageTooLarge,
    InvalidImageFormat,
    InvalidParameter,
    InvalidS3Object,
    LimitExceeded,
    ResourceInUse,
    ResourceNotFound,
    ResourceNotReady,
)

from .conftest import BUCKET, Desk, png
from .test_service_projects import POLICY


def start(desk: Desk, arn: str, least: int = 1, **more: Any) -> Any:
    return desk("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=least, **more)


def detect(desk: Desk, arn: str, image: Any = None, **more: Any) -> list[dict[str, Any]]:
    given = {"Bytes": png("red", 500)} if image is None else image
    answer = desk("DetectCustomLabels", ProjectVersionArn=arn, Image=given, **more)
    return list(answer["CustomLabels"])


def encoded(size: tuple[int, int], format_: str = "PNG") -> dict[str, bytes]:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, format_)
    return {"Bytes": file.getvalue()}


def test_the_life_of_a_model(desk: Desk) -> None:
    project, arn = desk.trained()
    with pytest.raises(ResourceInUse):
        desk("StopProjectVersion", ProjectVersionArn=arn)
    with pytest.raises(ResourceNotReady):
        detect(desk, arn)
    assert start(desk, arn, 1, MaxInferenceUnits=2) == {"Status": "STARTING"}
    found = desk.version(project)
    assert (found["Status"], found["MinInferenceUnits"], found["MaxInferenceUnits"]) == ("STARTING", 1, 2)
    for refused in ("StartProjectVersion", "DeleteProjectVersion"):
        units = {"MinInferenceUnits": 1} if refused == "StartProjectVersion" else {}
        with pytest.raises(ResourceInUse):
            desk(refused, ProjectVersionArn=arn, **units)
    desk.wait()
    assert desk.version(project)["Status"] == "RUNNING"
    with pytest.raises(ResourceInUse):
        desk("DeleteProjectVersion", ProjectVersionArn=arn)
    assert desk("StopProjectVersion", ProjectVersionArn=arn) == {"Status": "STOPPING"}
    with pytest.raises(ResourceNotReady):
        detect(desk, arn)
    desk.wait()
    assert desk.version(project)["Status"] == "STOPPED"
    assert desk("DeleteProjectVersion", ProjectVersionArn=arn) == {"Status": "DELETING"}
    desk.wait()
    assert desk.version(project) == {}
    with pytest.raises(ResourceNotFound):
        start(desk, arn)


def test_a_project_with_models_is_not_deleted(desk: Desk) -> None:
    project, _ = desk.trained()
    with pytest.raises(ResourceInUse, match="models"):
        desk("DeleteProject", ProjectArn=project)


def test_a_failed_training_cannot_be_started_but_deleted(desk: Desk) -> None:
    desk.service.faults.training("no")
    _, arn = desk.trained()
    with pytest.raises(ResourceInUse, match="TRAINING_FAILED"):
        start(desk, arn)
    desk("DeleteProjectVersion", ProjectVersionArn=arn)


def test_a_failed_start_can_be_tried_again(desk: Desk) -> None:
    project, arn = desk.trained()
    desk.service.faults.start("No capacity.")
    start(desk, arn)
    desk.wait()
    found = desk.version(project)
    assert (found["Status"], found["StatusMessage"]) == ("FAILED", "No capacity.")
    start(desk, arn)
    desk.wait()
    assert desk.version(project)["Status"] == "RUNNING"


@pytest.mark.parametrize("allowed", [True, False])
def test_stopping_what_is_starting(open_desk: Callable[..., Desk], allowed: bool) -> None:
    desk = open_desk(stop_while_starting=allowed)
    project, arn = desk.trained()
    start(desk, arn)
    if not allowed:
        with pytest.raises(ResourceInUse):
            desk("StopProjectVersion", ProjectVersionArn=arn)
        return
    desk("StopProjectVersion", ProjectVersionArn=arn)
    desk.wait()
    assert desk.version(project)["Status"] == "STOPPED"


def test_quotas_of_running_models_and_units(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(running_models_quota=1)
    project, first = desk.trained()
    second = desk.train(project, "v2")
    with pytest.raises(LimitExceeded, match="units"):
        start(desk, first, 6)
    with pytest.raises(InvalidParameter, match="below"):
        start(desk, first, 2, MaxInferenceUnits=1)
    start(desk, first)
    with pytest.raises(LimitExceeded, match="running"):
        start(desk, second)
    desk.wait()
    desk("StopProjectVersion", ProjectVersionArn=first)
    start(desk, second)


def test_detection(desk: Desk) -> None:
    _, arn = desk.running("red", "green", "blue")
    every = detect(desk, arn, MinConfidence=0)
    assert every[0]["Name"] == "red"
    confidences = [one["Confidence"] for one in every]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(100)
    assert len(every) == 3
    assert detect(desk, arn, MinConfidence=0, MaxResults=1) == every[:1]
    assert detect(desk, arn, MinConfidence=0, MaxResults=0) == []
    assert detect(desk, arn, MinConfidence=confidences[0]) == every[:1]
    assert detect(desk, arn, MinConfidence=100) == []
    assert detect(desk, arn) == every[:1]  # each label by its own threshold


def test_detection_in_s3_and_in_other_formats(desk: Desk) -> None:
    _, arn = desk.running()
    stored = {"S3Object": {"Bucket": BUCKET, "Name": "green/100.png"}}
    assert detect(desk, arn, stored)[0]["Name"] == "green"
    assert detect(desk, arn, {"Bytes": png("green", 9, format_="JPEG")})[0]["Name"] == "green"
    for mode in ("L", "RGBA", "P", "I;16", "CMYK"):
        file = io.BytesIO()
        Image.new(mode, (64, 64)).save(file, "JPEG" if mode == "CMYK" else "PNG")
        assert len(detect(desk, arn, {"Bytes": file.getvalue()}, MinConfidence=0)) == 2


def test_images_that_are_refused(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(image_s3_bytes=20_000)
    _, arn = desk.running()
    desk.put("large.png", bytes(20_001))
    refused: list[tuple[dict[str, Any], type[Exception]]] = [
        ({}, InvalidParameter),
        ({"Bytes": b"x", "S3Object": {"Bucket": BUCKET, "Name": "x"}}, InvalidParameter),
        ({"S3Object": {"Bucket": BUCKET}}, InvalidParameter),
        ({"S3Object": {"Bucket": BUCKET, "Name": "nothing.png"}}, InvalidS3Object),
        ({"Bytes": b"no image"}, InvalidImageFormat),
        ({"Bytes": png("red", 1)[:-200]}, InvalidImageFormat),
        (encoded((64, 64), "BMP"), InvalidImageFormat),
        (encoded((63, 64)), InvalidImageFormat),
        (encoded((64, 1300)), InvalidImageFormat),
        (encoded((4097, 300)), ImageTooLarge),
        ({"Bytes": bytes(4 * 1024**2 + 1)}, ImageTooLarge),
        ({"S3Object": {"Bucket": BUCKET, "Name": "large.png"}}, ImageTooLarge),
    ]
    for image, error in refused:
        with pytest.raises(error):
            detect(desk, arn, image)


def test_a_copy_is_a_model_of_its_own(desk: Desk) -> None:
    project, origin = desk.trained()
    other = desk.project("other")
    request = {
        "SourceProjectArn": project,
        "SourceProjectVersionArn": origin,
        "DestinationProjectArn": other,
        "VersionName": "copy",
        "OutputConfig": {"S3Bucket": BUCKET, "S3KeyPrefix": "copies/"},
    }
    arn = desk("CopyProjectVersion", **request)["ProjectVersionArn"]
    assert desk.version(other, "copy")["Status"] == "COPYING_IN_PROGRESS"
    desk.wait()
    found = desk.version(other, "copy")
    assert (found["Status"], found["SourceProjectVersionArn"]) == ("COPYING_COMPLETED", origin)
    summary = found["EvaluationResult"]["Summary"]["S3Object"]
    assert summary["Name"] == "copies/EvaluationResultSummary-other-copy.json"
    assert desk.read(found["EvaluationResult"]["Summary"])
    desk("DeleteProjectVersion", ProjectVersionArn=origin)
    desk.wait()
    start(desk, arn)
    desk.wait()
    assert detect(desk, arn)[0]["Name"] == "red"


def test_a_copy_to_another_account_needs_a_policy(desk: Desk) -> None:
    project, origin = desk.trained()
    theirs = "210987654321"
    destination = desk("CreateProject", account=theirs, ProjectName="theirs")["ProjectArn"]
    request = {
        "account": theirs,
        "SourceProjectArn": project,
        "SourceProjectVersionArn": origin,
        "DestinationProjectArn": destination,
        "VersionName": "copy",
        "OutputConfig": {"S3Bucket": BUCKET},
    }
    with pytest.raises(AccessDenied):
        desk("CopyProjectVersion", **request)
    desk("PutProjectPolicy", ProjectArn=project, PolicyName="copy", PolicyDocument=POLICY)
    desk("CopyProjectVersion", **request)
    desk.wait()
    found = desk("DescribeProjectVersions", account=theirs, ProjectArn=destination)["ProjectVersionDescriptions"]
    assert [one["Status"] for one in found] == ["COPYING_COMPLETED"]
