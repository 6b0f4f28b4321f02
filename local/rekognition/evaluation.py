"""How good a model is on the test images: thresholds, precision, recall and F1 for each label, and their means.

A label's threshold is where its F1 on the test images is best; the aggregate of each metric is the unweighted
mean over the labels, as in the developer guide's example. For boxes, everything counts boxes, not images: a box
that is found is right if it overlaps an annotated one of its label far enough that no surer one has matched.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from local.rekognition.classifier import Scores, Truth
from local.rekognition.rectangles import overlaps
from local.rekognition.tasks import Evaluation, Found, LabelResult, Matched, Placed


def evaluate(
    labels: list[str], truth: Truth, scores: Scores, ties: str, confusion: str, untested: float = 0.5
) -> Evaluation:
    """Judge `scores` by `truth` (both images x labels); the other parameters as in Settings."""
    results = [
        _label(label, truth[:, index], scores[:, index], int(truth[:, index].sum()), ties)
        for index, label in enumerate(labels)
        if truth[:, index].any()
    ]
    return _aggregate(labels, results, _confusion(labels, truth, scores, confusion), untested)


def evaluate_boxes(
    labels: list[str],
    truth: list[list[Placed]],
    found: list[list[Found]],
    ties: str,
    overlap: float,
    untested: float = 0.5,
) -> tuple[Evaluation, list[list[Matched]]]:
    """Judge what was `found` in each image by what is there; the other parameters as in Settings.

    The average precision is the mean over the labels of the area below the precision-recall curve, the average
    recall the mean of the recall of everything found; both at `overlap`, as no other is documented.
    """
    matched = [match(labels, *one, overlap) for one in zip(truth, found, strict=True)]
    every = [one for image in matched for one in image]
    results, precisions, recalls = [], [], []
    for index, label in enumerate(labels):
        counts = [sum(one.label == index for one in image) for image in truth]
        if not sum(counts):
            continue
        own = [one for one in every if one.found.label == label]
        hits = np.array([one.truth is not None for one in own], dtype=np.bool_)
        scores = np.array([one.found.score for one in own], dtype=np.float64)
        images = sum(count > 0 for count in counts)
        if len(own):
            results.append(_label(label, hits, scores, sum(counts), ties, images))
        else:
            results.append(LabelResult(label, images, untested, 0.0, 0.0, 0.0))
        precisions.append(_average_precision(hits, scores, sum(counts)))
        recalls.append(float(hits.sum()) / sum(counts))
    evaluation = _aggregate(labels, results, [], untested)
    return replace(evaluation, average_precision=_mean(precisions), average_recall=_mean(recalls)), matched


def match(labels: list[str], truth: list[Placed], found: list[Found], overlap: float) -> list[Matched]:
    """What was found in one image, surest first, each with the object that it overlaps most and nobody has yet."""
    places = np.array([one.box for one in truth], dtype=np.float64).reshape(-1, 4)
    names = np.array([labels[one.label] for one in truth], dtype=object)
    free = np.ones(len(truth), dtype=np.bool_)
    matched = []
    for one in sorted(found, key=lambda found: -found.score):
        same = free & (names == one.label)
        common = np.where(same, overlaps(np.array([one.box], dtype=np.float64), places)[0], -1)
        best = int(common.argmax()) if len(common) else -1
        hit = best >= 0 and bool(common[best] >= overlap)
        if hit:
            free[best] = False
        matched.append(Matched(one, best if hit else None))
    return matched


def _aggregate(
    labels: list[str], results: list[LabelResult], confusion: list[tuple[str, str, float]], untested: float
) -> Evaluation:
    results.sort(key=lambda one: (-one.f1, one.label))
    found = {one.label: one.threshold for one in results}
    return Evaluation(
        labels=results,
        thresholds={label: found.get(label, untested) for label in labels},
        precision=_mean([one.precision for one in results]),
        recall=_mean([one.recall for one in results]),
        f1=_mean([one.f1 for one in results]),
        confusion=confusion,
    )


def _average_precision(hits: NDArray[np.bool_], scores: NDArray[np.float64], positives: int) -> float:
    """The area below the curve of precision by recall, each precision the best at that recall or above."""
    if not len(hits):
        return 0.0
    right = np.cumsum(hits[np.argsort(-scores, kind="stable")])
    precision = right / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best * np.diff(right, prepend=0)).sum() / positives)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _label(
    label: str,
    truth: NDArray[np.bool_],
    scores: NDArray[np.float64],
    positives: int,
    ties: str,
    images: int | None = None,
) -> LabelResult:
    """The cut with the best F1, halfway between the last score above it and the first below.

    `truth` tells which of the `scores` are right; `positives` counts what should be found, in `images` images.
    """
    order = np.argsort(-scores, kind="stable")
    sorted_scores, hits = scores[order], truth[order]
    last = np.flatnonzero(np.append(np.diff(sorted_scores) < 0, True))  # a cut cannot part equal scores
    true_positives = np.cumsum(hits)[last]
    f1 = 2 * true_positives / (last + 1 + positives)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    cut = int(best[0] if ties == "highest" else best[-1])
    above = float(sorted_scores[last[cut]])
    below = float(sorted_scores[last[cut] + 1]) if last[cut] + 1 < len(scores) else 0.0
    return LabelResult(
        label=label,
        images=positives if images is None else images,
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
