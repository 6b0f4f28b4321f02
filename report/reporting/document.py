"""The report as JSON: everything that the page shows but the pictures. docs/report.md lists its members."""

from collections.abc import Iterable
from typing import Any

from reporting.facts import Facts
from reporting.snapshot import BOXES, IMAGES
from reporting.summary import LabelResult, Summary

FORM = "custom-labels-report"
FORM_VERSION = 1
CURVES = 4  # labels, the worst, that have a curve of their own

_VERDICT: dict[str, Any] = {
    "accepted": None,
    "metric": "f1",
    "value": None,
    "minimum": None,
    "interval": None,
    "champion": None,
    "championVersion": None,
    "difference": None,
    "differenceInterval": None,
    "comparison": None,
    "reasons": [],
}


def document(facts: Facts) -> dict[str, Any]:
    """The report on a run; a section that cannot be made is null, and `missing` says why."""
    event, summary, tally = facts.event, facts.summary, facts.tally
    missing = dict(facts.missing)
    verdict = _verdict(event.get("verdict") or {})
    metric = verdict["metric"] if verdict["metric"] in ("f1", "precision", "recall") else "f1"
    labels = _labels(facts, metric) if summary else None
    kind = _kind(facts)
    if summary and kind == IMAGES and not summary.confusion:
        missing.setdefault("confusion", "The evaluation summary holds no confusion matrix.")
    return {
        "form": FORM,
        "formVersion": FORM_VERSION,
        "project": event["project"],
        "version": event["version"],
        "projectVersionArn": event.get("arn"),
        "execution": event.get("execution"),
        "created": facts.created,
        "kind": kind,
        "verdict": verdict,
        "metrics": _metrics(summary) if summary else None,
        "labels": labels,
        "curves": _curves(facts, [one["label"] for one in labels or []]),
        "confusion": _confusion(summary) if summary and summary.confusion else None,
        "boxes": {"total": tally.micro()} if tally and kind == BOXES else None,
        "mistakes": _mistakes(facts),
        "champion": _champion(facts, labels or []),
        "history": _history(facts),
        "findings": facts.findings,
        "cost": _cost(facts),
        "missing": missing,
    }


def _verdict(told: dict[str, Any]) -> dict[str, Any]:
    """The gate's verdict; what it leaves out is there as null."""
    known = {**_VERDICT, **told}
    accepted = None if known["accepted"] is None else bool(known["accepted"])
    return {**known, "accepted": accepted, "metric": known["metric"] or "f1", "reasons": known["reasons"] or []}


def _kind(facts: Facts) -> str | None:
    if facts.tally and facts.tally.kind:
        return facts.tally.kind
    if facts.summary:
        return IMAGES if facts.summary.average_precision is None else BOXES
    return None


def _metrics(summary: Summary) -> dict[str, Any]:
    return {
        "f1": summary.f1,
        "precision": summary.precision,
        "recall": summary.recall,
        "averagePrecision": summary.average_precision,
        "averageRecall": summary.average_recall,
        "trainingImages": summary.training_images,
        "testImages": summary.test_images,
        "labels": len(summary.labels),
        "untestedLabels": [label for label in summary.known if label not in summary.thresholds],
    }


def _labels(facts: Facts, metric: str) -> list[dict[str, Any]]:
    """Each label, the worst by `metric` first."""
    assert facts.summary is not None
    champion = facts.champion.summary if facts.champion else None
    before = {one.label: one for one in champion.labels} if champion else {}
    rows = sorted(facts.summary.labels, key=lambda one: (getattr(one, metric), one.f1, one.label))
    return [
        {
            **_label(one),
            **_counts(facts, one.label),
            "champion": _label(was) if (was := before.get(one.label)) else None,
        }
        for one in rows
    ]


def _label(one: LabelResult) -> dict[str, Any]:
    return one._asdict()


def _counts(facts: Facts, label: str) -> dict[str, int | None]:
    names = ("truePositives", "falsePositives", "falseNegatives")
    if facts.tally is None:
        return dict.fromkeys(names)
    right = facts.tally.right[label]
    counts = (right, facts.tally.wrong[label], max(facts.tally.truth[label] - right, 0))
    return dict(zip(names, counts, strict=True))


def _curves(facts: Facts, labels: Iterable[str]) -> dict[str, Any] | None:
    if facts.tally is None or not facts.tally.truth:
        return None
    tally = facts.tally
    worst = [label for label in labels if tally.truth[label]][:CURVES]
    return {
        "all": {**tally.curve(), "atOwnThresholds": tally.micro()},
        "worst": [tally.curve(one) for one in worst],
    }


def _confusion(summary: Summary) -> dict[str, Any]:
    """`pairs` as the service gives them, largest first; it does not say whether values are counts or shares."""
    pairs = sorted((pair for pair in summary.confusion if pair[2]), key=lambda pair: (-pair[2], pair[0], pair[1]))
    return {
        "areShares": all(value <= 1 for *_, value in pairs),
        "pairs": [{"true": true, "predicted": predicted, "value": value} for true, predicted, value in pairs],
    }


def _mistakes(facts: Facts) -> dict[str, Any] | None:
    if facts.tally is None:
        return None
    tally = facts.tally
    return {
        "images": tally.images,
        "mistaken": tally.mistaken,
        "unreadableLines": tally.unreadable,
        "worst": tally.worst(),
    }


def _champion(facts: Facts, labels: list[dict[str, Any]]) -> dict[str, Any] | None:
    if facts.champion is None:
        return None
    theirs, ours = facts.champion.summary, facts.summary
    told: dict[str, Any] = {"version": facts.champion.version, "metrics": _metrics(theirs) if theirs else None}
    if theirs and ours:
        told["differences"] = {
            name: getattr(ours, name) - getattr(theirs, name) for name in ("f1", "precision", "recall")
        }
        changes = [
            {"label": one["label"], "f1": one["f1"], "champion": one["champion"]["f1"]}
            for one in labels
            if one["champion"]
        ]
        told["labels"] = sorted(changes, key=lambda one: (one["f1"] - one["champion"], one["label"]))
        told["newLabels"] = [one["label"] for one in labels if not one["champion"]]
        told["goneLabels"] = sorted({one.label for one in theirs.labels} - {one["label"] for one in labels})
    return told


def _history(facts: Facts) -> list[dict[str, Any]]:
    """This run, then those before it, newest first."""
    metrics = _metrics(facts.summary) if facts.summary else None
    this = {
        "version": facts.event["version"],
        "started": None,
        "outcome": None,
        "isThis": True,
        "f1": metrics and metrics["f1"],
        "precision": metrics and metrics["precision"],
        "recall": metrics and metrics["recall"],
        "testImages": metrics and metrics["testImages"],
        "trainingSeconds": (facts.event.get("cost") or {}).get("trainingSeconds"),
        "error": None,
        "report": None,
    }
    return [this, *(_run(run) for run in facts.runs if run.get("version") != facts.event["version"])]


def _run(run: dict[str, Any]) -> dict[str, Any]:
    metrics = run.get("metrics") or {}
    return {
        "version": str(run.get("version", "")),
        "started": run.get("started"),
        "outcome": run.get("outcome"),
        "isThis": False,
        "f1": metrics.get("f1"),
        "precision": metrics.get("precision"),
        "recall": metrics.get("recall"),
        "testImages": metrics.get("testImages"),
        "trainingSeconds": run.get("trainingSeconds"),
        "error": run.get("error"),
        "report": run.get("report"),
    }


def _cost(facts: Facts) -> dict[str, Any]:
    """What the training cost and what running costs, in the currency of the stack's price parameters."""
    told = facts.event.get("cost") or {}
    seconds, units = told.get("trainingSeconds"), told.get("inferenceUnits")
    hourly = None if units is None else units * facts.prices.inference
    return {
        "trainingSeconds": seconds,
        "inferenceUnits": units,
        "trainingPrice": facts.prices.training,
        "inferencePrice": facts.prices.inference,
        "training": None if seconds is None else round(seconds / 3600 * facts.prices.training, 2),
        "runningPerHour": None if hourly is None else round(hourly, 2),
        "runningPerDay": None if hourly is None else round(hourly * 24, 2),
        "runningPer30Days": None if hourly is None else round(hourly * 24 * 30, 2),
    }
