"""The gate: whether a trained model may go live, and every reason why not.

A model is measured against the live one, the champion, only on the same test images and over the labels that the
champion knows: a new label, which is hard at first, is no regression, and a label that was lost is one. The
difference itself decides, not its confidence interval: the rule can be foreseen, and a small test set, whose
interval is wide, lets no worse model pass. The interval is told beside it.
"""

from typing import Any, NamedTuple

from customlabels.bootstrap import Interval
from customlabels.evaluation import Evaluation

REASONS = 20  # carried in the state, whose size is limited
NONE, SAME, AGAIN, NOT_COMPARABLE = "none", "same test images", "measured again", "not comparable"
ROUNDING = 1e-9  # by which a difference of two floats may be off


class Champion(NamedTuple):
    """What is known of the live model beside the trained one."""

    version: str
    comparison: str  # one of SAME, AGAIN, NOT_COMPARABLE
    note: str  # why they are not comparable, or what they were compared on
    value: float | None = None  # of the gate's metric
    difference: float | None = None  # trained less live
    interval: Interval | None = None  # of the difference


def judge(
    evaluation: Evaluation,
    gate: dict[str, Any],
    champion: Champion | None = None,
    interval: Interval | None = None,
) -> dict[str, Any]:
    """The verdict on an evaluation, with every reason for a refusal.

    {"accepted", "metric", "value", "minimum", "interval" [low, high] or null, "champion" its value or null,
    "championVersion", "difference", "differenceInterval", "comparison", "note", "reasons"}. A value at its minimum
    is accepted, and a difference at the one that is allowed. `interval` is the value's.
    """
    metric = gate["metric"]
    value = getattr(evaluation, metric)
    reasons = []
    if value < gate["minimum"]:
        reasons.append(f"{metric} {value:.4f} is below the minimum {gate['minimum']}")
    if champion and champion.difference is not None and champion.difference < -gate["maxRegression"] - ROUNDING:
        reasons.append(_regression(metric, champion, gate["maxRegression"]))
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
        "interval": _listed(interval),
        "champion": champion.value if champion else None,
        "championVersion": champion.version if champion else None,
        "difference": champion.difference if champion else None,
        "differenceInterval": _listed(champion.interval) if champion else None,
        "comparison": champion.comparison if champion else NONE,
        "note": champion.note if champion else None,
        "reasons": reasons if more <= 0 else [*reasons[: REASONS - 1], f"and {more + 1} more"],
    }


def _regression(metric: str, champion: Champion, allowed: float) -> str:
    told = (
        f"{metric} is {-(champion.difference or 0):.4f} below the {champion.value:.4f} of the live version "
        f"{champion.version}, and {allowed} is allowed"
    )
    if champion.interval is None:
        return told
    low, high = champion.interval
    noise = ", which holds 0: it is within noise" if low <= 0 <= high else ""
    return f"{told} (95 % interval of the difference {low:.4f} to {high:.4f}{noise})"


def _listed(interval: Interval | None) -> list[float] | None:
    return list(interval) if interval else None
