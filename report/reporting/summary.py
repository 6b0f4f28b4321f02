"""What an evaluation summary file says of a model."""

from typing import Any, NamedTuple


class LabelResult(NamedTuple):
    """A label's metrics on the test set, each from 0 to 1, at the threshold that the service chose for it."""

    label: str
    f1: float
    precision: float
    recall: float
    threshold: float
    images: int


class Summary(NamedTuple):
    """A model's metrics: means over the labels, and each label's own.

    `average_precision` and `average_recall` are there for boxes only; `confusion` has (true label, predicted
    label, value) for image-level labels only, and its values are counts or shares: their norm is not documented.
    """

    f1: float
    precision: float
    recall: float
    average_precision: float | None
    average_recall: float | None
    training_images: int | None
    test_images: int
    known: tuple[str, ...]  # every label of the model, also those that the test set lacks
    labels: tuple[LabelResult, ...]
    confusion: tuple[tuple[str, str, float], ...]

    @property
    def thresholds(self) -> dict[str, float]:
        return {one.label: one.threshold for one in self.labels}


def read_summary(summary: dict[str, Any]) -> Summary:
    """Read the summary file's content; KeyError, TypeError or ValueError where it is not of a documented form.

    The documented schema nests the means under `Metrics`, the documented example does not: both are read.
    """
    details = summary["EvaluationDetails"]
    aggregate = summary["AggregatedEvaluationResults"]
    means = aggregate.get("Metrics", aggregate)
    labels = tuple(_label(row) for row in summary["LabelEvaluationResults"])
    confusion = means.get("ConfusionMatrix") or aggregate.get("ConfusionMatrix") or []
    return Summary(
        f1=float(means["F1Score"]),
        precision=float(means["Precision"]),
        recall=float(means["Recall"]),
        average_precision=_number(means.get("AveragePrecision")),
        average_recall=_number(means.get("AverageRecall")),
        training_images=details.get("NumberOfTrainingImages"),
        test_images=int(details["NumberOfTestingImages"]),
        known=tuple(dict.fromkeys([*details.get("Labels", []), *(one.label for one in labels)])),
        labels=labels,
        confusion=tuple(
            (one["GroundTruthLabel"], one["PredictedLabel"], float(one["Value"])) for one in confusion
        ),
    )


def _label(row: dict[str, Any]) -> LabelResult:
    metrics = row["Metrics"]
    return LabelResult(
        row["Label"],
        float(metrics["F1Score"]),
        float(metrics["Precision"]),
        float(metrics["Recall"]),
        float(metrics["Threshold"]),
        int(row["NumberOfTestingImages"]),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
