"""Trainings of boxes: one label, full images, mixed datasets, and what is kept for the next one."""

import json
from collections.abc import Callable

import pytest

from .conftest import Desk, line, png
from .scenes import LABELS, boxes_line, detect, iou, place, put, scene, share, train


def test_one_label_is_enough(desk: Desk) -> None:
    version, arn = train(desk, put(desk, range(12), ("washer",)), put(desk, range(100, 106), ("washer",)))
    assert version["EvaluationResult"]["F1Score"] >= 0.8
    data, truth = scene(202, ("washer",))
    found = detect(desk, arn, data, MaxResults=1)
    assert [one["Name"] for one in found] == ["washer"]
    assert max(iou(share(box), place(found[0])) for _, box in truth) >= 0.5


def test_objects_that_fill_their_images(desk: Desk) -> None:
    lines = []
    for number, colour in enumerate(("red", "green") * 3):
        desk.put(f"{number}.png", png(colour, number))
        whole = [(LABELS[number % 2], (0, 0, 64, 64))]
        lines.append(boxes_line(f"{number}.png", whole, (64, 64)))
    _, arn = train(desk, lines, lines)
    (found,) = detect(desk, arn, png("green", 70), MaxResults=1, MinConfidence=0)
    assert found["Name"] == "washer"
    assert iou(place(found), [0, 0, 1, 1]) > 0.7


def test_a_second_training_reads_no_image_again_and_learns_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = train(desk, put(desk, range(6)), put(desk, range(100, 103)))
    read: list[str] = []
    get_object = desk.s3.get_object
    monkeypatch.setattr(desk.s3, "get_object", lambda **more: read.append(more["Key"]) or get_object(**more))
    project = desk("DescribeProjects")["ProjectDescriptions"][0]["ProjectArn"]
    desk.train(project, "v2")
    assert not [key for key in read if key.startswith("scenes/")]
    assert desk.version(project, "v2")["EvaluationResult"]["F1Score"] == first["EvaluationResult"]["F1Score"]


@pytest.mark.parametrize(
    ("choice", "expected"), [("image", "IMAGE_LEVEL_LABELS"), ("object", "OBJECT_LOCALIZATION")]
)
def test_mixed_datasets_by_the_setting(open_desk: Callable[..., Desk], choice: str, expected: str) -> None:
    desk = open_desk(mixed_use_case=choice)
    lines = [*put(desk, range(5)), *desk.pictures(4, "red", "green")]
    tests = [*put(desk, range(100, 103)), *desk.pictures(2, "red", "green", start=50)]
    project = desk.project()
    desk.dataset(project, "TRAIN", lines)
    desk.dataset(project, "TEST", tests)
    arn = desk.train(project)
    summary = json.loads(desk.read(desk.version(project)["ManifestSummary"]))["statistics"]["training"]
    assert summary["use_case"] == expected
    assert summary["ignored_json_lines"] == (5 if choice == "image" else 8)
    desk("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=1)
    desk.wait()
    found = detect(desk, arn, scene(200)[0], MinConfidence=0)
    assert all(("Geometry" in one) == (choice == "object") for one in found)


def test_image_labels_and_boxes_of_the_same_images(desk: Desk) -> None:
    numbers = [*range(12), *range(100, 106)]
    every = dict(zip(numbers, put(desk, range(12)) + put(desk, range(100, 106)), strict=True))
    train(desk, [every[one] for one in range(12)], [every[one] for one in range(100, 106)])
    labels = [line(f"scenes/{one}.png", "even" if one % 2 == 0 else "odd") for one in numbers]
    version, arn = train(desk, labels[:12], labels[12:], "other")
    assert version["EvaluationResult"]["F1Score"] > 0
    assert "Geometry" not in detect(desk, arn, scene(3)[0], MinConfidence=0)[0]
