"""Training: what it learns, the files it writes, and what makes it fail."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from local.rekognition.errors import (
    InvalidParameter,
    LimitExceeded,
    ResourceInUse,
    ResourceNotFound,
    ServiceQuotaExceeded,
)
from local.rekognition.evaluation import evaluate

from .conftest import BUCKET, Desk, box_line, line, png

POINTERS = {
    "TrainingGroundTruth": ("TrainingDataResult", "Output", "Assets", 0, "GroundTruthManifest"),
    "TestingGroundTruth": ("TestingDataResult", "Output", "Assets", 0, "GroundTruthManifest"),
    "TrainingManifestWithValidation": ("TrainingDataResult", "Validation", "Assets", 0, "GroundTruthManifest"),
    "TestingManifestWithValidation": ("TestingDataResult", "Validation", "Assets", 0, "GroundTruthManifest"),
    "EvaluationResultSummary": ("EvaluationResult", "Summary"),
    "ManifestSummary": ("ManifestSummary",),
}


def pointer(version: dict[str, Any], name: str) -> dict[str, Any]:
    found: Any = version
    for step in POINTERS[name]:
        found = found[step]
    return dict(found)


def documents(desk: Desk, version: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The JSON documents of an output file, one a line."""
    return [json.loads(one) for one in desk.read(pointer(version, name)).splitlines()]


def failed(desk: Desk, train: list[Any], test: list[Any]) -> dict[str, Any]:
    """The version that a training with those lines ends in, which must be a failure."""
    project = desk.project()
    desk.dataset(project, "TRAIN", train)
    desk.dataset(project, "TEST", test)
    desk.train(project)
    version = desk.version(project)
    assert version["Status"] == "TRAINING_FAILED"
    assert "EvaluationResult" not in version
    assert "BillableTrainingTimeInSeconds" not in version
    return version


def test_a_training_ends_in_a_described_model(desk: Desk) -> None:
    project, arn = desk.trained()
    found = desk.version(project)
    assert found["ProjectVersionArn"] == arn
    assert (found["Status"], found["StatusMessage"]) == ("TRAINING_COMPLETED", "The model is ready to run.")
    assert found["EvaluationResult"]["F1Score"] == 1.0
    assert found["BillableTrainingTimeInSeconds"] >= 1
    assert found["TrainingEndTimestamp"] >= found["CreationTimestamp"]
    assert found["TrainingDataResult"]["Input"] == {}
    assert found["TestingDataResult"]["Input"] == {"AutoCreate": False}
    assert found["TestingDataResult"]["Output"]["AutoCreate"] is False
    for name in POINTERS:
        key = f"output/here/{name}-parts-v1.json"
        assert pointer(found, name) == {"S3Object": {"Bucket": BUCKET, "Name": key}}


def test_the_evaluation_summary_holds_unweighted_means(desk: Desk) -> None:
    project, arn = desk.trained("red", "green", "blue")
    (summary,) = documents(desk, desk.version(project), "EvaluationResultSummary")
    details, means = summary["EvaluationDetails"], summary["AggregatedEvaluationResults"]
    assert details["ProjectVersionArn"] == arn
    assert details["Labels"] == ["blue", "green", "red"]
    assert (details["NumberOfTrainingImages"], details["NumberOfTestingImages"]) == (18, 9)
    results = summary["LabelEvaluationResults"]
    assert [one["NumberOfTestingImages"] for one in results] == [3, 3, 3]
    for name in ("Precision", "Recall", "F1Score"):
        assert means[name] == pytest.approx(np.mean([one["Metrics"][name] for one in results]))
    assert all(0 < one["Metrics"]["Threshold"] < 1 for one in results)
    diagonal = {(one["GroundTruthLabel"], one["PredictedLabel"]): one["Value"] for one in means["ConfusionMatrix"]}
    assert diagonal == {(label, label): 1.0 for label in ("blue", "green", "red")}
    assert desk.version(project)["EvaluationResult"]["F1Score"] == means["F1Score"]


def test_metrics_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(3)
    truth = random.random((60, 3)) < 0.4
    scores = np.clip(truth * 0.3 + random.random((60, 3)) * 0.7, 0, 1)
    result = evaluate(["a", "b", "c"], truth, scores, "highest", "count")
    means = []
    for one in result.labels:
        index = "abc".index(one.label)
        chosen = scores[:, index] >= one.threshold
        assert one.precision == pytest.approx(precision_score(truth[:, index], chosen))
        assert one.recall == pytest.approx(recall_score(truth[:, index], chosen))
        assert one.f1 == pytest.approx(f1_score(truth[:, index], chosen))
        best = max(f1_score(truth[:, index], scores[:, index] >= cut) for cut in scores[:, index])
        assert one.f1 == pytest.approx(best)
        means.append(one.f1)
    assert result.f1 == pytest.approx(np.mean(means))
    assert [one.f1 for one in result.labels] == sorted(means, reverse=True)


def test_labels_without_test_images_do_not_count() -> None:
    truth = np.array([[True, False], [True, False]])
    result = evaluate(["a", "b"], truth, np.array([[0.9, 0.1], [0.8, 0.2]]), "highest", "share")
    assert [one.label for one in result.labels] == ["a"]
    assert (result.f1, result.thresholds["b"]) == (1.0, 0.5)


def test_equal_thresholds_are_chosen_as_set() -> None:
    truth = np.array([[True], [False], [False], [True]])  # F1 is 2/3 after the first and after the last image
    scores = np.array([[0.9], [0.7], [0.5], [0.3]])
    assert evaluate(["a"], truth, scores, "highest", "share").thresholds["a"] == pytest.approx(0.8)
    assert evaluate(["a"], truth, scores, "lowest", "share").thresholds["a"] == pytest.approx(0.15)


def test_ground_truth_files_hold_labels_and_predictions(desk: Desk) -> None:
    project, _ = desk.trained()
    version = desk.version(project)
    training = documents(desk, version, "TrainingGroundTruth")
    assert len(training) == 12
    first = training[0]["rekognition-custom-labels-training-0-metadata"]
    assert (first["class-name"], first["job-name"]) == ("red", "rekognition-custom-labels-training-job")
    for judged in documents(desk, version, "TestingGroundTruth"):
        truth = judged["rekognition-custom-labels-training-0-metadata"]["class-name"]
        evaluation = judged["rekognition-custom-labels-evaluation-0-metadata"]
        assert (evaluation["class-name"], evaluation["human-annotated"]) == (truth, "no")
        assert 0.5 < evaluation["confidence"] <= 1
        details = evaluation["rekognition-custom-labels-evaluation-details"]
        assert (details["is-true-positive"], details["is-present-in-ground-truth"]) == (True, True)


def test_validation_files_hold_what_was_wrong(desk: Desk) -> None:
    broken = line("red/1.png", "red")
    broken["source-ref"] += ".jpg"
    train = [*desk.pictures(8, "red", "green"), broken, line("unlabelled.png")]
    desk.put("red/1.png.jpg", b"no image")
    project = desk.project()
    desk.dataset(project, "TRAIN", train)
    desk.dataset(project, "TEST", desk.pictures(3, "red", "green", start=100))
    desk.train(project)
    version = desk.version(project)
    assert version["Status"] == "TRAINING_COMPLETED"
    lines = documents(desk, version, "TrainingManifestWithValidation")
    assert [one["code"] for one in lines[16]["errors"]] == ["ERROR_INVALID_IMAGE"]
    assert [one["code"] for one in lines[17]["warnings"]] == ["WARNING_UNANNOTATED_RECORD"]
    assert "cl-metadata" not in lines[0]
    (summary,) = documents(desk, version, "ManifestSummary")
    assert summary["statistics"]["training"] == {
        "use_case": "IMAGE_LEVEL_LABELS",
        "total_json_lines": 18,
        "valid_json_lines": 16,
        "invalid_json_lines": 1,
        "ignored_json_lines": 1,
        "error_json_line_indices": [17],  # the first line is number 1
        "errors": [],
    }
    assert summary["errors"] == []
    assert len(documents(desk, version, "TrainingGroundTruth")) == 16


def test_several_labels_an_image(desk: Desk) -> None:
    train, test = [], []
    for seed in range(12):
        for number, labels in enumerate((("red", "warm"), ("green",), ("blue", "cold"))):
            key = f"{labels[0]}/{seed}.png"
            desk.put(key, png(labels[0], seed + number))
            (train if seed < 8 else test).append(line(key, *labels))
    project = desk.project()
    desk.dataset(project, "TRAIN", train)
    desk.dataset(project, "TEST", test)
    arn = desk.train(project)
    assert desk.version(project)["EvaluationResult"]["F1Score"] == 1.0
    desk("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=1)
    desk.wait()
    found = desk("DetectCustomLabels", ProjectVersionArn=arn, Image={"Bytes": png("red", 99)})["CustomLabels"]
    assert {one["Name"] for one in found} == {"red", "warm"}


def test_training_from_manifests_with_a_split(desk: Desk) -> None:
    project = desk.project()
    asset = desk.manifest("all.manifest", desk.pictures(10, "red", "green"))
    arn = desk.train(project, TrainingData={"Assets": [asset]}, TestingData={"AutoCreate": True})
    version = desk.version(project)
    assert (version["ProjectVersionArn"], version["Status"]) == (arn, "TRAINING_COMPLETED")
    assert version["TrainingDataResult"]["Input"] == {"Assets": [asset]}
    assert version["TestingDataResult"]["Input"] == {"AutoCreate": True}
    judged = documents(desk, version, "TestingGroundTruth")
    labels = Counter(one["rekognition-custom-labels-training-0-metadata"]["class-name"] for one in judged)
    assert labels == {"red": 2, "green": 2}
    assert len(documents(desk, version, "TrainingGroundTruth")) == 16


def test_a_split_needs_enough_images_of_every_label(desk: Desk) -> None:
    project = desk.project()
    lines = [*desk.pictures(5, "red"), *desk.pictures(1, "green")]
    asset = desk.manifest("all.manifest", lines)
    desk.train(project, TrainingData={"Assets": [asset]}, TestingData={"AutoCreate": True})
    version = desk.version(project)
    assert version["Status"] == "TRAINING_FAILED"
    (summary,) = documents(desk, version, "ManifestSummary")
    codes = [one["code"] for one in summary["statistics"]["training"]["errors"]]
    assert codes == ["ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_AUTOSPLIT"]


def test_without_a_test_dataset_a_training_is_refused_or_split(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(split_without_test=True)
    project = desk.project()
    with pytest.raises(InvalidParameter, match="no training dataset"):
        desk.train(project)
    desk.dataset(project, "TRAIN", desk.pictures(5, "red", "green"))
    desk.train(project)
    assert desk.version(project)["Status"] == "TRAINING_COMPLETED"


def test_requests_that_cannot_be_trained(desk: Desk) -> None:
    project = desk.project()
    asset = desk.manifest("a.manifest", desk.pictures(2, "red", "green"))
    data = {"Assets": [asset]}
    with pytest.raises(InvalidParameter, match="need each other"):
        desk.train(project, TrainingData=data)
    with pytest.raises(InvalidParameter, match="more than one asset"):
        desk.train(project, TrainingData={"Assets": [asset, asset]}, TestingData=data)
    with pytest.raises(InvalidParameter, match="exactly one of an asset and AutoCreate"):
        desk.train(project, TrainingData=data, TestingData={})
    with pytest.raises(InvalidParameter, match="S3Bucket"):
        desk("CreateProjectVersion", ProjectArn=project, VersionName="v", OutputConfig={})
    desk.dataset(project, "TRAIN", [])
    with pytest.raises(InvalidParameter, match="has datasets"):
        desk.train(project, TrainingData=data, TestingData=data)
    with pytest.raises(InvalidParameter, match="no test dataset"):
        desk.train(project)
    desk("CreateDataset", ProjectArn=project, DatasetType="TEST")
    with pytest.raises(ResourceInUse, match="CREATE_IN_PROGRESS"):
        desk.train(project)
    with pytest.raises(ResourceNotFound):
        desk.train(f"{project}9")


def test_a_version_name_is_used_once(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(models_quota=2)
    project, _ = desk.trained()
    with pytest.raises(ResourceInUse, match="v1"):
        desk.train(project, "v1")
    desk.train(project, "v2")
    with pytest.raises(ServiceQuotaExceeded):
        desk.train(project, "v3")
    listed = desk("DescribeProjectVersions", ProjectArn=project)["ProjectVersionDescriptions"]
    assert [one["ProjectVersionArn"].split("/")[3] for one in listed] == ["v2", "v1"]
    assert desk.version(project, "v9") == {}


def test_trainings_at_a_time(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(concurrent_trainings=1, training_minimum_seconds=60)
    project, arn = desk.trained()
    assert desk.version(project)["Status"] == "TRAINING_IN_PROGRESS"
    with pytest.raises(LimitExceeded):
        desk.train(project, "v2")
    with pytest.raises(ResourceInUse):
        desk("DeleteProjectVersion", ProjectVersionArn=arn)
    desk.wait(60)
    desk.train(project, "v2")


def test_a_planned_fault_of_a_training(desk: Desk) -> None:
    desk.service.faults.training("The manifest file is empty.")
    project, _ = desk.trained()
    found = desk.version(project)
    assert (found["Status"], found["StatusMessage"]) == ("TRAINING_FAILED", "The manifest file is empty.")
    desk.train(project, "v2")
    assert desk.version(project, "v2")["Status"] == "TRAINING_COMPLETED"


def test_file_level_errors_write_no_files(desk: Desk) -> None:
    version = failed(desk, [], [])
    assert version["StatusMessage"] == "The manifest file is empty."
    assert "ManifestSummary" not in version


def test_an_output_bucket_that_is_not_there(desk: Desk) -> None:
    project = desk.project()
    desk.dataset(project, "TRAIN", desk.pictures(2, "red", "green"))
    desk.dataset(project, "TEST", desk.pictures(2, "red", "green"))
    desk.train(project, OutputConfig={"S3Bucket": "nobodys"})
    assert desk.version(project)["StatusMessage"] == "Unable to write to output S3 bucket."


@pytest.mark.parametrize(
    ("train", "test", "side", "code"),
    [
        (["red"], ["red"], "training", "ERROR_MANIFEST_TOO_FEW_LABELS"),
        (["red", "green", "blue"], ["red"], None, "ERROR_INSUFFICIENT_LABEL_OVERLAP"),
    ],
)
def test_content_level_errors(desk: Desk, train: list[str], test: list[str], side: str | None, code: str) -> None:
    version = failed(desk, desk.pictures(2, *train), desk.pictures(2, *test, start=100))
    (summary,) = documents(desk, version, "ManifestSummary")
    errors = summary["statistics"][side]["errors"] if side else summary["errors"]
    assert [one["code"] for one in errors] == [code]
    assert errors[0]["message"] == version["StatusMessage"]
    assert len(documents(desk, version, "TestingManifestWithValidation")) == 2 * len(test)


def test_more_than_a_fifth_of_invalid_lines(desk: Desk) -> None:
    train = [*desk.pictures(4, "red", "green"), *(line(f"missing/{number}.png", "red") for number in range(3))]
    version = failed(desk, train, desk.pictures(2, "red", "green", start=100))
    assert "too many invalid rows: 3 of 11" in version["StatusMessage"]
    (summary,) = documents(desk, version, "ManifestSummary")
    assert summary["statistics"]["training"]["error_json_line_indices"] == [9, 10, 11]


def test_labels_that_only_unusable_images_have(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(invalid_lines_ratio=0.9)
    train = [*desk.pictures(4, "red"), line("missing.png", "green")]
    version = failed(desk, train, desk.pictures(2, "red", "green", start=100))
    (summary,) = documents(desk, version, "ManifestSummary")
    codes = [one["code"] for one in summary["statistics"]["training"]["errors"]]
    assert codes == ["ERROR_MANIFEST_TOO_FEW_USABLE_LABELS"]


def test_images_of_several_buckets_in_manifests(desk: Desk) -> None:
    train = [*desk.pictures(2, "red", "green"), line("1.png", "red", bucket="others")]
    training = {"Assets": [desk.manifest("train.manifest", train)]}
    testing = {"Assets": [desk.manifest("test.manifest", desk.pictures(2, "red", "green"))]}
    project = desk.project()
    desk.train(project, TrainingData=training, TestingData=testing)
    assert desk.version(project)["StatusMessage"] == "The manifest file contains images from multiple S3 buckets."


def test_lines_of_the_other_kind_are_ignored(desk: Desk) -> None:
    train = [*desk.pictures(4, "red", "green"), box_line("boxes.png", (0, 1, 1, 99, 99))]
    project = desk.project()
    desk.dataset(project, "TRAIN", train)
    desk.dataset(project, "TEST", desk.pictures(2, "red", "green", start=100))
    desk.train(project)
    (summary,) = documents(desk, desk.version(project), "ManifestSummary")
    training = summary["statistics"]["training"]
    assert (training["valid_json_lines"], training["ignored_json_lines"]) == (8, 1)


def test_a_second_training_reads_no_image_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = desk.trained()
    read: list[str] = []
    get_object = desk.s3.get_object
    monkeypatch.setattr(desk.s3, "get_object", lambda **more: read.append(more["Key"]) or get_object(**more))
    desk.put("red/0.png", png("red", 77))
    desk.train(project, "v2")
    assert desk.version(project, "v2")["Status"] == "TRAINING_COMPLETED"
    assert read == ["red/0.png"]


def test_the_same_training_gives_the_same_model(desk: Desk) -> None:
    project, first = desk.trained()
    second = desk.train(project, "v2")
    answers = []
    for arn in (first, second):
        desk("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=1)
        desk.wait()
        image = {"Bytes": png("red", 300)}
        answers.append(desk("DetectCustomLabels", ProjectVersionArn=arn, Image=image, MinConfidence=0))
    assert answers[0] == answers[1]
