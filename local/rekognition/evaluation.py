"""How good a model is on the test images: thresholds, precision, recall and F1 for each label, and their means.

A label's threshold is where its F1 on the test images is best; the aggregate of each metric is the unweighted
mean over the labels, as in the developer guide's example.
"""

import numpy as np
from numpy.typing import NDArray

from local.rekognition.classifier import Scores, Truth
from local.rekognition.tasks import Evaluation, LabelResult

UNTESTED_THRESHOLD = 0.5  # of a label that no test image has


def evaluate(labels: list[str], truth: Truth, scores: Scores, ties: str, confusion: str) -> Evaluation:
    """Judge `scores` by `truth` (both images x labels); `ties` and `confusion` as in Settings."""
    results = [
        _label(label, truth[:, index], scores[:, index], ties)
        for index, label in enumerate(labels)
        if truth[:, index].any()
    ]
    results.sort(key=lambda one: (-one.f1, one.label))
    found = {one.label: one.threshold for one in results}
    return Evaluation(
        labels=results,
        thresholds={label: found.get(label, UNTESTED_THRESHOLD) for label in labels},
        precision=_mean([one.precision for one in results]),
        recall=_mean([one.recall for one in results]),
        f1=_mean([one.f1 for one in results]),
        confusion=_confusion(labels, truth, scores, confusion),
    )


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _label(label: str, truth: NDArray[np.bool_], scores: NDArray[np.float64], ties: str) -> LabelResult:
    """The cut with the best F1, halfway between the last score above it and the first below."""
    order = np.argsort(-scores, kind="stable")
    sorted_scores, hits = scores[order], truth[order]
    positives = int(truth.sum())
    last = np.flatnonzero(np.append(np.diff(sorted_scores) < 0, True))  # a cut cannot part equal scores
    true_positives = np.cumsum(hits)[last]
    f1 = 2 * true_positives / (last + 1 + positives)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    cut = int(best[0] if ties == "highest" else best[-1])
    above = float(sorted_scores[last[cut]])
    below = float(sorted_scores[last[cut] + 1]) if last[cut] + 1 < len(scores) else 0.0
    return LabelResult(
        label=label,
        images=positives,
        threshold=(above + below) / 2,
        precision=float(true_positives[cut] / (last[cut] + 1)),
        recall=float(true_positives[cut] / positives),
        f1=float(f1[cut]),
    )


def _confusion(labels: list[str], truth: Truth, scores: Scores, kind: str) -> list[tuple[str, str, float]]:
    """Pairs that occur: the true label, and the label with the highest score."""
    predicted = scores.argmax(axis=1)
    counts = np.zeros((len(labels), len(labels)))
    for index in range(len(labels)):
        counts[index] = np.bincount(predicted[truth[:, index]], minlength=len(labels))
    if kind == "share":
        counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows, columns = np.nonzero(counts)
    return [
        (labels[row], labels[column], float(counts[row, column]))
        for row, column in zip(rows, columns, strict=True)
    ]
