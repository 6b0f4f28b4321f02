"""What Rekognition measured of a model, read from its evaluation summary."""

from typing import Any, NamedTuple

WORST = 20  # labels carried in the state, whose size is limited; the whole is in the summary


class LabelMetrics(NamedTuple):
    """One label's metrics on the test set, each from 0 to 1, and the threshold they hold at."""

    label: str
    f1: float
    precision: float
    recall: float
    threshold: float
    images: int


class Evaluation(NamedTuple):
    """A model's metrics: the unweighted means over the labels, and each label's own."""

    f1: float
    precision: float
    recall: float
    test_images: int
    labels: tuple[LabelMetrics, ...]


def read_summary(summary: dict[str, Any]) -> Evaluation:
    """Read an evaluation summary file; KeyError names what it lacks.

    The documented schema nests the means under `Metrics`, the documented example does not: both are read.
    """
    aggregate = summary["AggregatedEvaluationResults"]
    means = aggregate.get("Metrics", aggregate)
    labels = tuple(
        LabelMetrics(
            row["Label"],
            row["Metrics"]["F1Score"],
            row["Metrics"]["Precision"],
            row["Metrics"]["Recall"],
            row["Metrics"]["Threshold"],
            row["NumberOfTestingImages"],
        )
        for row in summary["LabelEvaluationResults"]
    )
    return Evaluation(
        means["F1Score"],
        means["Precision"],
        means["Recall"],
        summary["EvaluationDetails"]["NumberOfTestingImages"],
        labels,
    )


def known_labels(summary: dict[str, Any]) -> frozenset[str]:
    """Every label that the model knows, those included that no test image shows."""
    rows = [row["Label"] for row in summary["LabelEvaluationResults"]]
    return frozenset([*summary["EvaluationDetails"].get("Labels", []), *rows])


def describe(evaluation: Evaluation) -> dict[str, Any]:
    """The metrics as the execution's output has them, with the worst labels first."""
    worst = sorted(evaluation.labels, key=lambda label: (label.f1, label.label))[:WORST]
    return {
        "f1": evaluation.f1,
        "precision": evaluation.precision,
        "recall": evaluation.recall,
        "testImages": evaluation.test_images,
        "labels": len(evaluation.labels),
        "worstLabels": [label._asdict() for label in worst],
    }
