"""The files that a training writes below OutputConfig, and their keys."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from local.rekognition.lines import CLASSIFICATION, DETECTION, Box
from local.rekognition.tasks import Evaluation, Matched

EVALUATION = "EvaluationResultSummary"
SUMMARY = "ManifestSummary"
TRAINING_TRUTH = "TrainingGroundTruth"
TESTING_TRUTH = "TestingGroundTruth"
TRAINING_VALIDATION = "TrainingManifestWithValidation"
TESTING_VALIDATION = "TestingManifestWithValidation"

_TRAINING_JOB = "rekognition-custom-labels-training-job"
_EVALUATION_JOB = "rekognition-custom-labels-evaluation-job"
_DETAILS = "rekognition-custom-labels-evaluation-details"

_Place = tuple[int, float, float, float, float]  # class id; left, top, width and height in pixels


def key(prefix: str | None, name: str, project: str, version: str) -> str:
    """The S3 key of an output file; the prefix is joined with one slash, or left out where it is empty."""
    folder = (prefix or "").rstrip("/")
    return f"{folder}/{name}-{project}-{version}.json" if folder else f"{name}-{project}-{version}.json"


def json_lines(lines: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines).encode()


def naive(epoch: float) -> str:
    """A time as the evaluation files have it: UTC without an offset, to the microsecond."""
    return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def evaluation_summary(
    arn: str, ended: float, training: int, testing: int, evaluation: Evaluation
) -> dict[str, Any]:
    """The summary JSON; `training` and `testing` count images."""
    return {
        "Version": 1,
        "EvaluationDetails": {
            "ProjectVersionArn": arn,
            "EvaluationEndTimestamp": naive(ended),
            "Labels": sorted(evaluation.thresholds),
            "NumberOfTrainingImages": training,
            "NumberOfTestingImages": testing,
        },
        "AggregatedEvaluationResults": {
            "Precision": evaluation.precision,
            "Recall": evaluation.recall,
            "F1Score": evaluation.f1,
            **_use_case_metrics(evaluation),
        },
        "LabelEvaluationResults": [
            {
                "Label": one.label,
                "NumberOfTestingImages": one.images,
                "Metrics": {
                    "Threshold": one.threshold,
                    "Precision": one.precision,
                    "Recall": one.recall,
                    "F1Score": one.f1,
                },
            }
            for one in evaluation.labels
        ],
    }


def _use_case_metrics(evaluation: Evaluation) -> dict[str, Any]:
    if evaluation.average_precision is not None:
        return {"AveragePrecision": evaluation.average_precision, "AverageRecall": evaluation.average_recall}
    return {
        "ConfusionMatrix": [
            {"GroundTruthLabel": true, "PredictedLabel": predicted, "Value": value}
            for true, predicted, value in evaluation.confusion
        ]
    }


def truth_line(source_ref: str, labels: list[str], all_labels: list[str], when: str) -> dict[str, Any]:
    """A usable image with its labels under the service's attribute names."""
    line: dict[str, Any] = {"source-ref": source_ref}
    for number, label in enumerate(labels):
        name = f"rekognition-custom-labels-training-{number}"
        line[name] = all_labels.index(label) if label in all_labels else len(all_labels)
        line[f"{name}-metadata"] = _metadata(label, 1.0, _TRAINING_JOB, "yes", when)
    return line


def judged_line(
    source_ref: str, labels: list[str], scores: dict[str, float], thresholds: dict[str, float], when: str
) -> dict[str, Any]:
    """A test image with its labels, and with a prediction for each label that it has or is said to have."""
    line = truth_line(source_ref, labels, list(thresholds), when)
    judged = [label for label in scores if label in labels or scores[label] >= thresholds[label]]
    for number, label in enumerate(sorted(judged, key=lambda one: -scores[one])):
        name = f"rekognition-custom-labels-evaluation-{number}"
        positive, true = scores[label] >= thresholds[label], label in labels
        line[name] = list(thresholds).index(label)
        line[f"{name}-metadata"] = {
            **_metadata(label, scores[label], _EVALUATION_JOB, "no", when),
            _DETAILS: _details(positive, true),
        }
    return line


def _details(positive: bool, true: bool) -> dict[str, Any]:
    """What a prediction was worth: whether it reaches its label's threshold, and whether it is right."""
    return {
        "version": 1,
        "is-true-positive": positive and true,
        "is-true-negative": False,
        "is-false-positive": positive and not true,
        "is-false-negative": true and not positive,
        "is-present-in-ground-truth": true,
        "ground-truth-labelling-jobs": [_TRAINING_JOB],
    }


def box_truth_line(source_ref: str, boxes: list[Box], all_labels: list[str], when: str) -> dict[str, Any]:
    """A usable image with its boxes, in pixels, under the service's attribute names."""
    name = "rekognition-custom-labels-training-0"
    ids = _ids(boxes, all_labels)
    placed = [(ids[box.label], box.left, box.top, box.width, box.height) for box in boxes]
    return {
        "source-ref": source_ref,
        name: _placed(boxes, placed),
        f"{name}-metadata": _box_metadata(ids, placed, [{"confidence": 1.0} for _ in boxes], "yes", when),
    }


def box_judged_line(
    source_ref: str,
    boxes: list[Box],
    truth: list[Box],
    found: list[Matched],
    thresholds: dict[str, float],
    when: str,
) -> dict[str, Any]:
    """A test image with its boxes, and with those found that match one or reach their label's threshold.

    `truth`: the boxes whose labels the model knows. One of them that nothing matches is there with confidence 0.
    """
    name = "rekognition-custom-labels-evaluation"
    ids = _ids(boxes, list(thresholds))
    placed: list[_Place] = []
    objects: list[dict[str, Any]] = []
    width, height = boxes[0].sides
    for (label, score, share), match in found:
        positive, true = score >= thresholds[label], match is not None
        if share is not None and (positive or true):
            left, top, right, bottom = (
                round(ratio * side) for ratio, side in zip(share, (width, height) * 2, strict=True)
            )
            placed.append((ids[label], left, top, right - left, bottom - top))
            objects.append({"confidence": score, _DETAILS: _details(positive, true)})
    missed = set(range(len(truth))) - {one.truth for one in found}
    for box in (truth[index] for index in sorted(missed)):
        placed.append((ids[box.label], box.left, box.top, box.width, box.height))
        objects.append({"confidence": 0.0, _DETAILS: _details(False, True)})
    surest = max((one["confidence"] for one in objects), default=0.0)
    return {
        **box_truth_line(source_ref, boxes, list(thresholds), when),
        name: _placed(boxes, placed),
        f"{name}-metadata": {"confidence": surest, **_box_metadata(ids, placed, objects, "no", when)},
    }


def _ids(boxes: list[Box], all_labels: list[str]) -> dict[str, int]:
    """A class id for each label of the model, and for each other one of the image."""
    labels = dict.fromkeys([*all_labels, *(box.label for box in boxes)])
    return {label: number for number, label in enumerate(labels)}


def _placed(boxes: list[Box], placed: list[_Place]) -> dict[str, Any]:
    width, height = boxes[0].sides
    names = ("class_id", "left", "top", "width", "height")
    return {
        "image_size": [{"width": width, "height": height, "depth": 3}],
        "annotations": [dict(zip(names, one, strict=True)) for one in placed],
    }


def _box_metadata(
    ids: dict[str, int], placed: list[_Place], objects: list[dict[str, Any]], human: str, when: str
) -> dict[str, Any]:
    used = {one[0] for one in placed}
    return {
        "job-name": _TRAINING_JOB if human == "yes" else _EVALUATION_JOB,
        "class-map": {str(number): label for label, number in ids.items() if number in used},
        "human-annotated": human,
        "objects": objects,
        "creation-date": when,
        "type": DETECTION,
    }


def _metadata(label: str, confidence: float, job: str, human: str, when: str) -> dict[str, Any]:
    return {
        "confidence": confidence,
        "job-name": job,
        "class-name": label,
        "human-annotated": human,
        "creation-date": when,
        "type": CLASSIFICATION,
    }
