"""Every code of the developer guide's lists of errors is one that the service gives, or is known not to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import rekognition
from local.rekognition.errors import ProvisionedThroughputExceeded

from .conftest import BUCKET, Desk, line, png

LINE = [
    "ERROR_MISSING_SOURCE_REF",
    "ERROR_INVALID_SOURCE_REF_FORMAT",
    "ERROR_NO_LABEL_ATTRIBUTES",
    "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT",
    "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
    "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE",
    "ERROR_MISSING_CLASS_MAP_ID",
    "ERROR_INVALID_JSON_LINE",
    "ERROR_NO_VALID_LABEL_ATTRIBUTES",
    "ERROR_UNSUPPORTED_USE_CASE_TYPE",
    "ERROR_INVALID_LABEL_NAME_LENGTH",
    "ERROR_INVALID_IMAGE",
    "ERROR_INVALID_IMAGE_DIMENSION",
    "ERROR_INVALID_BOUNDING_BOX",
    "ERROR_BOUNDING_BOX_TOO_SMALL",
    "ERROR_TOO_MANY_BOUNDING_BOXES",
    "ERROR_NO_VALID_ANNOTATIONS",
    "WARNING_UNANNOTATED_RECORD",
    "WARNING_NO_ANNOTATIONS",
    "WARNING_NO_ATTRIBUTE_ANNOTATIONS",
]
TRAINING = [
    "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT",
    "ERROR_EMPTY_MANIFEST",
    "ERROR_MANIFEST_SIZE_TOO_LARGE",
    "ERROR_CANNOT_WRITE_OUTPUT_S3_BUCKET",
    "ERROR_INVALID_PERMISSIONS_MANIFEST_S3_BUCKET",
    "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST",
    "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS",
    "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_AUTOSPLIT",
    "ERROR_MANIFEST_TOO_FEW_LABELS",
    "ERROR_MANIFEST_TOO_MANY_LABELS",
    "ERROR_INSUFFICIENT_LABEL_OVERLAP",
    "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS",
    "ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP",
    "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM",
]
# Nobody's permissions and owners are checked here, and images are not copied; docs/local-cloud.md says so.
ONLY_AS_FAULTS = [
    "ERROR_INVALID_PERMISSIONS_IMAGES_S3_BUCKET",
    "ERROR_INVALID_IMAGES_S3_BUCKET_OWNER",
    "ERROR_FAILED_IMAGES_S3_COPY",
]


def test_every_code_is_in_the_service() -> None:
    folder = Path(rekognition.__file__).parent
    code = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    assert [name for name in (*LINE, *TRAINING) if f'"{name}"' not in code] == []
    page = (folder.parents[1] / "docs" / "local-cloud.md").read_text(encoding="utf-8")
    assert [name for name in ONLY_AS_FAULTS if name not in page] == []


def failed(desk: Desk, train: list[Any], test: list[Any] | None = None) -> str:
    """The StatusMessage of a training from manifests, which must fail."""
    project = desk.project()
    training = {"Assets": [desk.manifest("train.manifest", train)]}
    lines = desk.pictures(2, "red", "green", start=100) if test is None else test
    testing = {"Assets": [desk.manifest("test.manifest", lines)]}
    desk.train(project, TrainingData=training, TestingData=testing)
    version = desk.version(project)
    assert version["Status"] == "TRAINING_FAILED"
    return str(version["StatusMessage"])


def dataset(desk: Desk, lines: list[Any]) -> dict[str, Any]:
    return desk.described(desk.dataset(desk.project("of-datasets"), "TRAIN", lines))


def test_a_manifest_that_is_no_manifest(desk: Desk) -> None:
    assert failed(desk, ["label,image", "red,1.png"]) == "The manifest file extension or contents are invalid."


def test_a_manifest_that_cannot_be_read_for_a_training(desk: Desk) -> None:
    project = desk.project()
    missing = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": "nothing.manifest"}}}
    data = {"Assets": [missing]}
    desk.train(project, TrainingData=data, TestingData=data)
    assert desk.version(project)["StatusMessage"] == "The S3 bucket permissions are incorrect."


def test_a_manifest_that_is_gone_before_it_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.s3, "head_object", lambda **_: {})
    source = desk.manifest("gone.manifest", [])
    desk.s3.delete_object(Bucket=BUCKET, Key="gone.manifest")
    project = desk.project()
    arn = desk("CreateDataset", ProjectArn=project, DatasetType="TRAIN", DatasetSource=source)["DatasetArn"]
    desk.wait()
    found = desk.described(arn)
    assert (found["Status"], found["StatusMessage"]) == (
        "CREATE_FAILED",
        "The S3 bucket permissions are incorrect.",
    )


def test_manifests_that_are_too_large(open_desk: Callable[..., Desk]) -> None:
    message = "The manifest file size exceeds the maximum supported size."
    desk = open_desk(manifest_bytes=100)
    assert failed(desk, [line("1.png", "red")]) == message
    found = dataset(desk, [line("1.png", "red")])
    assert (found["Status"], found["StatusMessage"]) == ("CREATE_FAILED", message)


def test_manifests_with_too_many_lines(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(manifest_lines=3)
    assert failed(desk, desk.pictures(2, "red", "green")) == "The manifest file has too many rows."


def test_too_many_labels(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(labels_maximum=2)
    lines = desk.pictures(2, "red", "green", "blue")
    assert "more than 2 labels" in failed(desk, lines, desk.pictures(2, "red", "green", "blue", start=100))
    found = dataset(desk, lines)
    assert (found["Status"], found["StatusMessage"]) == ("CREATE_FAILED", "The manifest file has too many labels.")


def test_too_many_records_in_error(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(dataset_error_ratio=0.4)
    broken = {**line("2.png", "red"), "colour0": "red"}
    found = dataset(desk, [line("1.png", "red"), broken])
    message = "The manifest file has too many records in error."
    assert (found["Status"], found["StatusMessage"]) == ("CREATE_FAILED", message)


def test_labels_overlap_only_in_unusable_images(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(invalid_lines_ratio=0.9)
    test = [*desk.pictures(2, "red", start=100), line("missing.png", "green"), line("missing2.png", "blue")]
    assert "1 of the training dataset's 3 labels" in failed(desk, desk.pictures(2, "red", "green", "blue"), test)


@pytest.mark.parametrize("code", ONLY_AS_FAULTS)
def test_what_only_a_fault_can_cause(desk: Desk, code: str) -> None:
    desk.service.faults.training(code)
    project, _ = desk.trained()
    assert desk.version(project)["StatusMessage"] == code


def test_units_bound_the_detections_of_a_model(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(detections_per_unit=2)
    project, version = desk.trained()
    desk("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=1)
    desk.wait()
    request = {"ProjectVersionArn": version, "Image": {"Bytes": png("red", 500)}}
    for _ in range(2):
        desk("DetectCustomLabels", **request)
    with pytest.raises(ProvisionedThroughputExceeded):
        desk("DetectCustomLabels", **request)
    desk.wait(1)
    desk("DetectCustomLabels", **request)
    desk("StopProjectVersion", ProjectVersionArn=version)
    desk.wait()
    desk("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=2)
    desk.wait()
    for _ in range(4):
        desk("DetectCustomLabels", **request)
    with pytest.raises(ProvisionedThroughputExceeded):
        desk("DetectCustomLabels", **request)
    assert desk.version(project)["Status"] == "RUNNING"
