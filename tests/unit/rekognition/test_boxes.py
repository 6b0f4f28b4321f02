"""A model for boxes: what it learns and finds, how it is judged, and the files that say so."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from moto import mock_aws

from local.rekognition.evaluation import evaluate_boxes
from local.rekognition.rectangles import overlaps
from local.rekognition.settings import Settings
from local.rekognition.tasks import Found, Placed

from .conftest import Desk
from .scenes import LABELS, boxes_line, detect, iou, place, put, scene, share, train

DETAILS = "rekognition-custom-labels-evaluation-details"


class Model(NamedTuple):
    desk: Desk
    version: dict[str, Any]
    arn: str

    def documents(self, *path: Any) -> list[dict[str, Any]]:
        """The JSON documents of an output file that the version points to, one a line."""
        pointer: Any = self.version
        for step in path:
            pointer = pointer[step]
        return [json.loads(one) for one in self.desk.read(pointer).splitlines()]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A running model of two labels, trained on 24 scenes and tested on 10."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        desk = Desk(Settings(workers=0), tmp_path_factory.mktemp("boxes"))
        without = boxes_line("scenes/900.png", [])
        desk.put("scenes/900.png", scene(900, ())[0])
        version, arn = train(desk, [*put(desk, range(24)), without], put(desk, range(100, 110)))
        yield Model(desk, version, arn)
        desk.service.close()


def test_what_is_learned_holds_on_the_test_images(model: Model) -> None:
    (summary,) = model.documents("EvaluationResult", "Summary")
    means, labels = summary["AggregatedEvaluationResults"], summary["LabelEvaluationResults"]
    assert model.version["EvaluationResult"]["F1Score"] == means["F1Score"] >= 0.8
    assert {one["Label"] for one in labels} == set(LABELS)
    assert (summary["EvaluationDetails"]["NumberOfTrainingImages"]) == 24
    for name in ("Precision", "Recall", "F1Score"):
        assert means[name] == pytest.approx(np.mean([one["Metrics"][name] for one in labels]))
    assert 0.8 <= means["AveragePrecision"] <= means["AverageRecall"] <= 1
    assert "ConfusionMatrix" not in means
    assert all(0 < one["Metrics"]["Threshold"] < 1 for one in labels)


def test_objects_of_unseen_images_are_found_where_they_are(model: Model) -> None:
    overlap = []
    for number in range(200, 206):
        data, truth = scene(number)
        found = detect(model.desk, model.arn, data)
        for label, box in truth:
            overlap.append(
                max((iou(share(box), place(one)) for one in found if one["Name"] == label), default=0.0)
            )
        assert all(set(one["Geometry"]) == {"BoundingBox"} for one in found)
    assert np.mean([one >= 0.5 for one in overlap]) >= 0.8
    assert np.median(overlap) >= 0.75


def test_confidence_and_number_of_results(model: Model) -> None:
    data, _ = scene(201)
    every = detect(model.desk, model.arn, data, MinConfidence=0)
    confidences = [one["Confidence"] for one in every]
    assert confidences == sorted(confidences, reverse=True)
    assert detect(model.desk, model.arn, data, MinConfidence=0, MaxResults=1) == every[:1]
    assert detect(model.desk, model.arn, data, MinConfidence=confidences[0]) == every[:1]
    assert detect(model.desk, model.arn, data, MinConfidence=100) == []
    (summary,) = model.documents("EvaluationResult", "Summary")
    thresholds = {one["Label"]: one["Metrics"]["Threshold"] for one in summary["LabelEvaluationResults"]}
    chosen = [one for one in every if one["Confidence"] >= thresholds[one["Name"]] * 100]
    assert detect(model.desk, model.arn, data) == chosen
    boxes = np.array([place(one) for one in every])
    common = overlaps(boxes, boxes) - np.eye(len(every))
    assert common.max() <= model.desk.service.settings.box_suppression


def test_an_image_without_objects(model: Model) -> None:
    data, found = scene(901, ())
    assert found == []
    assert detect(model.desk, model.arn, data) == []
    lines = model.documents("TrainingDataResult", "Validation", "Assets", 0, "GroundTruthManifest")
    assert [one["code"] for one in lines[-1]["warnings"]] == ["WARNING_NO_ANNOTATIONS"]
    (summary,) = model.documents("ManifestSummary")
    training = summary["statistics"]["training"]
    assert (training["use_case"], training["ignored_json_lines"]) == ("OBJECT_LOCALIZATION", 1)


def test_the_evaluation_manifests_hold_boxes_and_what_they_are_worth(model: Model) -> None:
    path = ("Output", "Assets", 0, "GroundTruthManifest")
    training = model.documents("TrainingDataResult", *path)
    assert len(training) == 24
    truth = [box for _, box in scene(0)[1]]
    first = training[0]["rekognition-custom-labels-training-0"]
    assert first["image_size"] == [{"width": 112, "height": 88, "depth": 3}]
    assert [tuple(one[key] for key in ("left", "top", "width", "height")) for one in first["annotations"]] == truth
    counts = dict.fromkeys(("true-positive", "false-positive", "false-negative"), 0)
    boxes = 0
    for judged in model.documents("TestingDataResult", *path):
        metadata = judged["rekognition-custom-labels-evaluation-metadata"]
        annotations = judged["rekognition-custom-labels-evaluation"]["annotations"]
        assert (metadata["type"], metadata["human-annotated"]) == ("groundtruth/object-detection", "no")
        assert len(annotations) == len(metadata["objects"])
        assert {metadata["class-map"][str(one["class_id"])] for one in annotations} <= set(LABELS)
        boxes += len(judged["rekognition-custom-labels-training-0"]["annotations"])
        for one in metadata["objects"]:
            details = one[DETAILS]
            (kind,) = (kind for kind in counts if details[f"is-{kind}"])
            counts[kind] += 1
            assert details["is-present-in-ground-truth"] == (kind != "false-positive")
            assert details["ground-truth-labelling-jobs"] == ["rekognition-custom-labels-training-job"]
    assert counts["true-positive"] + counts["false-negative"] == boxes
    assert counts["true-positive"] >= 0.8 * boxes


def placed(*boxes: tuple[int, float, float]) -> list[Placed]:
    """Squares a tenth wide: index of the label, left, top."""
    return [Placed(label, (left, top, left + 0.1, top + 0.1)) for label, left, top in boxes]


def found(*boxes: tuple[str, float, float, float]) -> list[Found]:
    """Squares a tenth wide: label, score, left, top."""
    return [Found(label, score, (left, top, left + 0.1, top + 0.1)) for label, score, left, top in boxes]


def test_boxes_are_matched_once_by_the_surest() -> None:
    truth = [placed((0, 0.1, 0.1), (1, 0.5, 0.5)), placed((0, 0.2, 0.2))]
    guesses = [
        found(("a", 0.6, 0.1, 0.1), ("a", 0.9, 0.11, 0.1), ("b", 0.8, 0.5, 0.9), ("a", 0.7, 0.5, 0.5)),
        found(("a", 0.4, 0.2, 0.2)),
    ]
    evaluation, matched = evaluate_boxes(["a", "b"], truth, guesses, "highest", 0.5)
    assert [[one.truth for one in image] for image in matched] == [[0, None, None, None], [0]]
    a, b = evaluation.labels
    # a: hits at 0.9 and 0.4, misses at 0.7 and 0.6, two boxes: F1 is 2/3 after the first and after the last.
    assert (a.label, a.images, a.f1, a.precision, a.recall) == ("a", 2, pytest.approx(2 / 3), 1.0, 0.5)
    assert a.threshold == pytest.approx(0.8)
    assert (b.f1, b.precision, b.recall) == (0.0, 0.0, 0.0)
    assert evaluation.f1 == pytest.approx(1 / 3)
    assert evaluation.average_precision == pytest.approx((0.5 * 1 + 0.5 * 0.5) / 2)
    assert evaluation.average_recall == pytest.approx(0.5)


def test_labels_that_nothing_was_found_of() -> None:
    evaluation, matched = evaluate_boxes(["a", "b"], [placed((0, 0.1, 0.1))], [[]], "highest", 0.5, 0.4)
    assert matched == [[]]
    assert [(one.label, one.f1) for one in evaluation.labels] == [("a", 0.0)]
    assert evaluation.thresholds == {"a": 0.4, "b": 0.4}


def test_the_overlap_that_counts_is_a_setting() -> None:
    truth, guesses = [placed((0, 0.1, 0.1))], [found(("a", 0.9, 0.13, 0.1))]  # IoU 0.07 / 0.13
    assert evaluate_boxes(["a"], truth, guesses, "highest", 0.5)[0].f1 == 1
    assert evaluate_boxes(["a"], truth, guesses, "highest", 0.6)[0].f1 == 0
