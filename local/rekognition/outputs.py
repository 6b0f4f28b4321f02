"""The files that a training writes below OutputConfig, and their keys."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from local.rekognition.lines import CLASSIFICATION
from local.rekognition.tasks import Evaluation

EVALUATION = "EvaluationResultSummary"
SUMMARY = "ManifestSummary"
TRAINING_TRUTH = "TrainingGroundTruth"
TESTING_TRUTH = "TestingGroundTruth"
TRAINING_VALIDATION = "TrainingManifestWithValidation"
TESTING_VALIDATION = "TestingManifestWithValidation"

_TRAINING_JOB = "rekognition-custom-labels-training-job"
_EVALUATION_JOB = "rekognition-custom-labels-evaluation-job"


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
            "ConfusionMatrix": [
                {"GroundTruthLabel": true, "PredictedLabel": predicted, "Value": value}
                for true, predicted, value in evaluation.confusion
            ],
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
            "rekognition-custom-labels-evaluation-details": {
                "version": 1,
                "is-true-positive": positive and true,
                "is-true-negative": False,
                "is-false-positive": positive and not true,
                "is-false-negative": true and not positive,
                "is-present-in-ground-truth": true,
                "ground-truth-labelling-jobs": [_TRAINING_JOB],
            },
        }
    return line


def _metadata(label: str, confidence: float, job: str, human: str, when: str) -> dict[str, Any]:
    return {
        "confidence": confidence,
        "job-name": job,
        "class-name": label,
        "human-annotated": human,
        "creation-date": when,
        "type": CLASSIFICATION,
    }
