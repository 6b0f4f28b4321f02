"""Datasets: creation, content, filters, updates, distribution."""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from local.rekognition.errors import (
    InvalidParameter,
    InvalidS3Object,
    ResourceAlreadyExists,
    ResourceInUse,
    ResourceNotFound,
    ResourceNotReady,
)

from .conftest import BUCKET, Desk, box_line, line


def test_a_dataset_from_a_manifest(desk: Desk) -> None:
    project = desk.project()
    source = desk.manifest("a.manifest", [line("1.png", "red"), line("2.png", "green"), line("3.png")])
    arn = desk("CreateDataset", ProjectArn=project, DatasetType="TRAIN", DatasetSource=source)["DatasetArn"]
    assert re.fullmatch(r"arn:aws:rekognition:[^:]+:\d{12}:project/parts/dataset/train/\d{13}", arn)
    assert desk.described(arn)["Status"] == "CREATE_IN_PROGRESS"
    assert "StatusMessageCode" not in desk.described(arn)
    for refused in ("ListDatasetEntries", "ListDatasetLabels"):
        with pytest.raises(ResourceNotReady):
            desk(refused, DatasetArn=arn)
    desk.wait()
    found = desk.described(arn)
    assert (found["Status"], found["StatusMessageCode"]) == ("CREATE_COMPLETE", "SUCCESS")
    stats = {"LabeledEntries": 2, "TotalEntries": 3, "TotalLabels": 2, "ErrorEntries": 0}
    assert found["DatasetStats"] == stats
    assert desk("DescribeProjects")["ProjectDescriptions"][0]["Datasets"][0]["DatasetArn"] == arn


def test_entries_are_the_lines_with_what_the_service_adds(desk: Desk) -> None:
    given = line("1.png", "red")
    arn = desk.dataset(desk.project(), "TRAIN", [given, line("2.png")])
    assert desk.entries(arn) == [
        {**given, "cl-metadata": {"is_labeled": True}},
        {**line("2.png"), "cl-metadata": {"is_labeled": False}},
    ]


def test_labels_and_how_many_images_use_them(desk: Desk) -> None:
    lines = [
        line("1.png", "red", "green"),
        line("2.png", "red"),
        box_line("3.png", (0, 1, 1, 9, 9), (0, 20, 20, 9, 9), (1, 50, 50, 9, 9)),
    ]
    arn = desk.dataset(desk.project(), "TRAIN", lines)
    assert desk("ListDatasetLabels", DatasetArn=arn)["DatasetLabelDescriptions"] == [
        {"LabelName": "bolt", "LabelStats": {"EntryCount": 1, "BoundingBoxCount": 1}},
        {"LabelName": "green", "LabelStats": {"EntryCount": 1}},
        {"LabelName": "red", "LabelStats": {"EntryCount": 2}},
        {"LabelName": "washer", "LabelStats": {"EntryCount": 1, "BoundingBoxCount": 1}},
    ]


def test_one_dataset_of_each_type(desk: Desk) -> None:
    project = desk.project()
    desk.dataset(project, "TRAIN")
    desk.dataset(project, "TEST")
    with pytest.raises(ResourceAlreadyExists):
        desk.dataset(project, "TEST")


@pytest.mark.parametrize("both", [True, False])
def test_a_source_is_exactly_one(desk: Desk, both: bool) -> None:
    project = desk.project()
    arn = desk.dataset(project, "TRAIN")
    source = {**desk.manifest("a.manifest", []), "DatasetArn": arn} if both else {}
    with pytest.raises(InvalidParameter, match="exactly one"):
        desk("CreateDataset", ProjectArn=project, DatasetType="TEST", DatasetSource=source)


def test_a_manifest_that_is_not_there(desk: Desk) -> None:
    source = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": "nothing.manifest"}}}
    with pytest.raises(InvalidS3Object):
        desk("CreateDataset", ProjectArn=desk.project(), DatasetType="TRAIN", DatasetSource=source)


def test_copying_a_dataset(desk: Desk) -> None:
    origin = desk.dataset(desk.project("a"), "TRAIN", [line("1.png", "red")])
    project = desk.project("b")
    source = {"DatasetArn": origin}
    copy = desk("CreateDataset", ProjectArn=project, DatasetType="TEST", DatasetSource=source)["DatasetArn"]
    desk.wait()
    assert desk.entries(copy) == desk.entries(origin)
    with pytest.raises(ResourceNotFound):
        desk("CreateDataset", ProjectArn=project, DatasetType="TRAIN", DatasetSource={"DatasetArn": f"{origin}0"})


def test_unusable_lines_are_dropped_silently(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(json_line_characters=1000)
    lines: list[dict[str, Any] | str] = [
        line("1.png", "red"),
        line("1.png", "green"),  # the second of its image
        "{not json",
        "",
        {"tag": 0, "tag-metadata": {}},  # no source-ref
        {**line("2.png", "red"), "source-ref": "https://example.com/2.png"},
        {**line("3.png", "red"), "note": "x" * 1000},  # too long
    ]
    arn = desk.dataset(desk.project(), "TRAIN", lines)
    stats = {"LabeledEntries": 1, "TotalEntries": 1, "TotalLabels": 1, "ErrorEntries": 0}
    assert desk.described(arn)["DatasetStats"] == stats


def test_faulty_lines_are_kept_with_their_errors(desk: Desk) -> None:
    broken = line("2.png", "red")
    broken["colour0-metadata"]["type"] = "groundtruth/other"
    arn = desk.dataset(desk.project(), "TRAIN", [line("1.png", "red"), broken])
    assert desk.described(arn)["DatasetStats"]["ErrorEntries"] == 1
    (found,) = desk.entries(arn, HasErrors=True)
    assert [one["code"] for one in found["cl-errors"]] == ["ERROR_NO_VALID_LABEL_ATTRIBUTES"]
    assert [one["code"] for one in found["colour0-metadata"]["cl-errors"]] == ["ERROR_UNSUPPORTED_USE_CASE_TYPE"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00\x01", "The manifest file extension or contents are invalid."),
        (b"image,label\n1.png,red\n", "The manifest file extension or contents are invalid."),
        (
            json.dumps(line("1.png", "red")).encode()
            + b"\n"
            + json.dumps(line("1.png", bucket="others")).encode(),
            "The manifest file contains images from multiple S3 buckets.",
        ),
        (
            b"\n".join(json.dumps(line(f"{n}.png", "red")).encode() for n in range(4)),
            "The manifest file has too many",
        ),
    ],
)
def test_manifests_that_fail_as_a_whole(open_desk: Callable[..., Desk], content: bytes, message: str) -> None:
    desk = open_desk(manifest_lines=3)
    source = desk.manifest("a.manifest", [])
    desk.put("a.manifest", content)
    project = desk.project()
    arn = desk("CreateDataset", ProjectArn=project, DatasetType="TRAIN", DatasetSource=source)["DatasetArn"]
    desk.wait()
    found = desk.described(arn)
    assert (found["Status"], found["StatusMessageCode"]) == ("CREATE_FAILED", "CLIENT_ERROR")
    assert message in found["StatusMessage"]
    with pytest.raises(ResourceAlreadyExists):  # it still occupies its place
        desk.dataset(project, "TRAIN")


def test_a_planned_fault_of_a_dataset(desk: Desk) -> None:
    desk.service.faults.dataset("The manifest file has too many rows.")
    project = desk.project()
    found = desk.described(desk.dataset(project, "TRAIN", [line("1.png", "red")]))
    assert (found["Status"], found["StatusMessage"]) == ("CREATE_FAILED", "The manifest file has too many rows.")
    assert desk.described(desk.dataset(project, "TEST"))["Status"] == "CREATE_COMPLETE"


def test_filters_narrow_each_other(desk: Desk) -> None:
    lines = [line("a/1.png", "red"), line("a/2.png", "green"), line("b/3.png", "red"), line("b/4.png")]
    arn = desk.dataset(desk.project(), "TRAIN", lines)

    def names(**filters: Any) -> str:
        return "".join(entry["source-ref"][-5] for entry in desk.entries(arn, **filters))

    assert names() == "1234"
    assert names(ContainsLabels=["red"]) == "13"
    assert names(ContainsLabels=["red", "green"]) == "123"
    assert names(Labeled=False) == "4"
    assert names(SourceRefContains="b/") == "34"
    assert names(SourceRefContains="b/", Labeled=True) == "3"
    assert names(HasErrors=True) == ""
    first = desk("ListDatasetEntries", DatasetArn=arn, ContainsLabels=["red"], MaxResults=1)
    assert len(first["DatasetEntries"]) == 1
    token = first["NextToken"]
    second = desk("ListDatasetEntries", DatasetArn=arn, ContainsLabels=["red"], MaxResults=1, NextToken=token)
    assert "3.png" in second["DatasetEntries"][0]
    assert "NextToken" not in second


def test_an_update_replaces_by_source_ref_and_appends(desk: Desk) -> None:
    arn = desk.dataset(desk.project(), "TRAIN", [line("1.png", "red"), line("2.png", "red")])
    listed = desk.entries(arn)[0]  # as a caller would: what the service added is sent back
    changes = [{**listed, **line("1.png", "green")}, line("3.png", "blue")]
    body = "\n".join(json.dumps(one) for one in changes).encode()
    desk("UpdateDatasetEntries", DatasetArn=arn, Changes={"GroundTruth": body})
    assert desk.described(arn)["Status"] == "UPDATE_IN_PROGRESS"
    for refused in ("ListDatasetEntries", "DeleteDataset"):
        with pytest.raises(ResourceInUse):
            desk(refused, DatasetArn=arn)
    desk.wait()
    assert desk.described(arn)["Status"] == "UPDATE_COMPLETE"
    found = [(entry["source-ref"][-5], entry["colour0-metadata"]["class-name"]) for entry in desk.entries(arn)]
    assert found == [("1", "green"), ("2", "red"), ("3", "blue")]


def test_a_failed_update_leaves_the_content(desk: Desk) -> None:
    arn = desk.dataset(desk.project(), "TRAIN", [line("1.png", "red")])
    body = json.dumps(line("2.png", "red", bucket="others")).encode()
    desk("UpdateDatasetEntries", DatasetArn=arn, Changes={"GroundTruth": body})
    desk.wait()
    found = desk.described(arn)
    assert (found["Status"], found["StatusMessageCode"]) == ("UPDATE_FAILED", "CLIENT_ERROR")
    assert found["StatusMessage"] == "The manifest file contains images from multiple S3 buckets."
    assert found["DatasetStats"]["TotalEntries"] == 1


def test_distribution_moves_a_fifth_of_every_label(desk: Desk) -> None:
    project = desk.project()
    lines = [
        line(f"{label}/{n}.png", label) for label, count in (("red", 20), ("green", 10)) for n in range(count)
    ]
    train = desk.dataset(project, "TRAIN", [*lines, line("unlabelled.png")])
    test = desk.dataset(project, "TEST")
    desk("DistributeDatasetEntries", Datasets=[{"Arn": test}, {"Arn": train}])
    assert {desk.described(arn)["Status"] for arn in (train, test)} == {"UPDATE_IN_PROGRESS"}
    desk.wait()
    assert {desk.described(arn)["Status"] for arn in (train, test)} == {"UPDATE_COMPLETE"}
    moved, kept = desk.entries(test), desk.entries(train)
    assert Counter(entry["colour0-metadata"]["class-name"] for entry in moved) == {"red": 4, "green": 2}
    assert len(kept) == 25
    assert not {entry["source-ref"] for entry in moved} & {entry["source-ref"] for entry in kept}
    with pytest.raises(InvalidParameter, match="empty"):
        desk("DistributeDatasetEntries", Datasets=[{"Arn": test}, {"Arn": train}])


def test_distribution_needs_enough_images_of_every_label(desk: Desk) -> None:
    project = desk.project()
    train = desk.dataset(project, "TRAIN", [line("1.png", "red"), line("2.png", "red"), line("3.png", "green")])
    test = desk.dataset(project, "TEST")
    desk("DistributeDatasetEntries", Datasets=[{"Arn": train}, {"Arn": test}])
    desk.wait()
    for arn, entries in ((train, 3), (test, 0)):
        found = desk.described(arn)
        assert (found["Status"], found["DatasetStats"]["TotalEntries"]) == ("UPDATE_FAILED", entries)
        assert "green" in found["StatusMessage"]


def test_distribution_is_between_the_datasets_of_one_project(desk: Desk) -> None:
    project = desk.project()
    train = desk.dataset(project, "TRAIN", [line("1.png", "red")])
    other = desk.dataset(desk.project("other"), "TEST")
    for second in (other, train):
        with pytest.raises(InvalidParameter):
            desk("DistributeDatasetEntries", Datasets=[{"Arn": train}, {"Arn": second}])
    test = desk("CreateDataset", ProjectArn=project, DatasetType="TEST")["DatasetArn"]
    with pytest.raises(ResourceNotReady):
        desk("DistributeDatasetEntries", Datasets=[{"Arn": train}, {"Arn": test}])


def test_deleting_a_dataset(desk: Desk) -> None:
    project = desk.project()
    arn = desk("CreateDataset", ProjectArn=project, DatasetType="TRAIN")["DatasetArn"]
    with pytest.raises(ResourceInUse):
        desk("DeleteDataset", DatasetArn=arn)
    desk.wait()
    assert desk("DeleteDataset", DatasetArn=arn) == {}
    assert desk.described(arn)["Status"] == "DELETE_IN_PROGRESS"
    desk.wait()
    with pytest.raises(ResourceNotFound):
        desk.described(arn)
    desk.dataset(project, "TRAIN")


@pytest.mark.parametrize("checked", [False, True])
def test_missing_images_are_dataset_errors_only_if_set(open_desk: Callable[..., Desk], checked: bool) -> None:
    desk = open_desk(dataset_checks_images=checked)
    desk.put("there.png", b"")
    arn = desk.dataset(desk.project(), "TRAIN", [line("missing.png", "red"), line("there.png", "red")])
    found = [entry["source-ref"][-11:] for entry in desk.entries(arn, HasErrors=True)]
    assert found == (["missing.png"] if checked else [])
