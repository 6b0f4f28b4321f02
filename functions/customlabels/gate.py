"""The gate: whether a trained model may go live, and every reason why not."""

from typing import Any

from customlabels.evaluation import Evaluation

REASONS = 20  # carried in the state, whose size is limited


def judge(evaluation: Evaluation, gate: dict[str, Any]) -> dict[str, Any]:
    """The verdict {"accepted", "metric", "value", "minimum", "champion", "reasons"} on an evaluation.

    A value that equals its minimum is accepted.
    """
    metric = gate["metric"]
    value = getattr(evaluation, metric)
    reasons = []
    if value < gate["minimum"]:
        reasons.append(f"{metric} {value:.4f} is below the minimum {gate['minimum']}")
    if evaluation.test_images < gate["minimumTestImages"]:
        reasons.append(
            f"{evaluation.test_images} test images are fewer than the minimum {gate['minimumTestImages']}"
        )
    for label in sorted(evaluation.labels, key=lambda label: (getattr(label, metric), label.label)):
        of_label = getattr(label, metric)
        if of_label < gate["perLabelMinimum"]:
            reasons.append(f"{metric} {of_label:.4f} of label {label.label!r} is below {gate['perLabelMinimum']}")
    more = len(reasons) - REASONS
    return {
        "accepted": not reasons,
        "metric": metric,
        "value": value,
        "minimum": gate["minimum"],
        "champion": None,
        "reasons": reasons if more <= 0 else [*reasons[: REASONS - 1], f"and {more + 1} more"],
    }
