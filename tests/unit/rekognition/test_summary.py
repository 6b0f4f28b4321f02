"""The evaluation summary against scikit-learn's metrics of the predictions that the evaluation manifest holds."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from customlabels.comparing import METRICS, Measured
from customlabels.evaluation import Evaluation, known_labels, read_summary
from customlabels.measuring import GivenUp, ask
from customlabels.outcomes import Count, mean_rate, rate, total
from customlabels.snapshots import outcomes, read_images
from sklearn.metrics import precision_recall_fscore_support

from .conftest import Desk, line
from .scenes import put, train

TRAIN = "rekognition-custom-labels-training-"
PLACE = {"Left": 0.1, "Top": 0.1, "Width": 0.2, "Height": 0.2}
JUDGED = "rekognition-custom-labels-evaluation-"


def files(desk: Desk, version: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The evaluation summary, and the lines of the evaluation manifest."""
    summary = json.loads(desk.read(version["EvaluationResult"]["Summary"]))
    (asset,) = version["TestingDataResult"]["Output"]["Assets"]
    return summary, desk.read(asset["GroundTruthManifest"]).splitlines()


def of_label(evaluation: Evaluation) -> dict[str, list[float]]:
    return {one.label: [one.precision, one.recall, one.f1] for one in evaluation.labels}


@pytest.fixture
def confused(desk: Desk) -> dict[str, Any]:
    """A version that errs: some test images bear the name of another colour, some the names of two."""
    project = desk.project()
    colours = ("red", "green", "blue")
    desk.dataset(project, "TRAIN", desk.pictures(6, *colours))
    lines = desk.pictures(8, *colours, start=100)
    for index, colour in ((0, "green"), (1, "blue"), (9, "red"), (17, "green"), (20, "red")):
        lines[index] = line(lines[index]["source-ref"].split("/", 3)[3], colour)
    for index, other in ((4, "green"), (12, "blue")):
        own = lines[index]["colour0-metadata"]["class-name"]
        lines[index] = line(lines[index]["source-ref"].split("/", 3)[3], own, other)
    desk.dataset(project, "TEST", lines)
    desk.train(project)
    return desk.version(project)


def test_the_summary_agrees_with_scikit_learn(desk: Desk, confused: dict[str, Any]) -> None:
    summary, lines = files(desk, confused)
    evaluation = read_summary(summary)
    thresholds = {one.label: one.threshold for one in evaluation.labels}
    names = sorted(thresholds)
    truth, said = np.zeros((len(lines), 3), bool), np.zeros((len(lines), 3), bool)
    for row, text in enumerate(lines):
        for name, metadata in json.loads(text).items():
            if name.endswith("-metadata"):
                label = metadata["class-name"]
                if name.startswith(TRAIN):
                    truth[row, names.index(label)] = True
                else:
                    said[row, names.index(label)] = metadata["confidence"] >= thresholds[label]
    by_label = precision_recall_fscore_support(truth, said, average=None, zero_division=0)
    assert 0 < by_label[2].min() < 0.95, "a model without errors would prove nothing"
    told = of_label(evaluation)
    for index, name in enumerate(names):
        assert told[name] == pytest.approx([metric[index] for metric in by_label[:3]])
    means = precision_recall_fscore_support(truth, said, average="macro", zero_division=0)
    assert [evaluation.precision, evaluation.recall, evaluation.f1] == pytest.approx(means[:3])


def test_outcomes_are_those_of_the_summary(desk: Desk, confused: dict[str, Any]) -> None:
    summary, lines = files(desk, confused)
    evaluation = read_summary(summary)
    found = outcomes(lines, {})
    assert len(found) == len(lines) == evaluation.test_images
    counts = total(found.values())
    for label, told in of_label(evaluation).items():
        assert told == pytest.approx(
            [rate(metric, *counts[label][1:]) for metric in ("precision", "recall", "f1")]
        )
    for metric in METRICS:
        assert mean_rate(metric, counts, known_labels(summary)) == pytest.approx(getattr(evaluation, metric))
    assert Measured("arn", "v1", evaluation, known_labels(summary), found).agrees


def without_details(text: bytes) -> bytes:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if not key.endswith("evaluation-details")}
        return [strip(one) for one in value] if isinstance(value, list) else value

    return json.dumps(strip(json.loads(text))).encode()


def renamed(text: bytes) -> bytes:
    """The predictions' attributes without a number, where there is one, as in the guide's example of boxes."""
    return text.replace(f"{JUDGED}0".encode(), JUDGED.rstrip("-").encode()) if b"n-1" not in text else text


@pytest.mark.parametrize("change", [without_details, renamed])
def test_other_forms_of_the_manifest_say_the_same(desk: Desk, confused: dict[str, Any], change: Any) -> None:
    summary, lines = files(desk, confused)
    thresholds = {one.label: one.threshold for one in read_summary(summary).labels}
    changed = [change(one) for one in lines]
    assert changed != lines
    assert outcomes(changed, thresholds) == outcomes(lines, thresholds)


def test_outcomes_of_boxes_are_those_of_the_summary(desk: Desk) -> None:
    version, arn = train(desk, put(desk, range(4)), put(desk, range(100, 112)))
    summary, lines = files(desk, version)
    evaluation = read_summary(summary)
    found = outcomes(lines, {})
    counts = total(found.values())
    for label, told in of_label(evaluation).items():
        assert told == pytest.approx(
            [rate(metric, *counts[label][1:]) for metric in ("precision", "recall", "f1")]
        )
    assert Measured(arn, "v1", evaluation, known_labels(summary), found).agrees
    thresholds = {one.label: one.threshold for one in evaluation.labels}
    assert outcomes([without_details(one) for one in lines], thresholds) == found


def test_measuring_boxes_again_gives_what_the_evaluation_gave(desk: Desk) -> None:
    version, arn = train(desk, put(desk, range(4)), put(desk, range(100, 112)))
    _, lines = files(desk, version)
    client: Any = SimpleNamespace(detect_custom_labels=lambda **request: desk("DetectCustomLabels", **request))
    rows = [json.loads(ask(client, arn, image).text) for image in read_images(lines)]
    asked = {bytes.fromhex(row["key"]): tuple(Count(*one) for one in row["counts"]) for row in rows}
    assert asked == outcomes(lines, {})


def test_a_model_of_another_kind_is_not_measured(desk: Desk, confused: dict[str, Any]) -> None:
    _, lines = files(desk, confused)
    found = {"CustomLabels": [{"Name": "red", "Confidence": 90.0, "Geometry": {"BoundingBox": PLACE}}]}
    client: Any = SimpleNamespace(detect_custom_labels=lambda **_: found)
    (image, *_) = read_images(lines)
    with pytest.raises(GivenUp, match="of another kind"):
        ask(client, "arn", image._replace(sides=(64, 64)))
