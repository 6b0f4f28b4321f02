"""What the test images tell together: counts for each label, curves by threshold, and the worst mistakes.

Lines go in one after the other; what is kept of a line are a few bytes for each prediction.
"""

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reporting.snapshot import Judged, judged

WORST = 24  # mistakes that are shown
UNTESTED = 0.5  # taken as the threshold of a label that the summary gives none for
STEPS = 100  # of a curve's thresholds from 0 to 1

Curve = dict[str, Any]


class Tally:
    """Counts what it is given; `thresholds` and `known` (the model's labels) come from the evaluation summary."""

    def __init__(self, thresholds: dict[str, float], known: Iterable[str] = ()) -> None:
        self.thresholds = thresholds
        self.known = set(known)
        self.kind: str | None = None
        self.images = 0
        self.unreadable = 0
        self.mistaken = 0  # images
        self.truth: Counter[str] = Counter()
        self.right: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.lists_all = False  # the snapshot also has wrong predictions below their labels' thresholds
        self._labels: dict[str, int] = {}
        self._label, self._confidence, self._hit = array("I"), array("d"), array("b")
        self._worst: list[tuple[float, int, Judged]] = []

    def take(self, lines: Iterable[str]) -> None:
        """Count each line of a snapshot; one that is not of the documented form is counted as unreadable."""
        for text in lines:
            if not text.strip():
                continue
            try:
                self.add(judged(text, self.thresholds, UNTESTED))
            except (ValueError, KeyError, TypeError, AttributeError, IndexError):
                self.unreadable += 1

    def add(self, one: Judged) -> None:
        """Count an image."""
        self.images += 1
        self.kind = one.kind
        self.truth.update(shown.label for shown in one.truth if not self.known or shown.label in self.known)
        is_mistaken = False
        for said in one.said:
            self._label.append(self._labels.setdefault(said.label, len(self._labels)))
            self._confidence.append(said.confidence)
            self._hit.append(said.is_right)
            if said.counts:
                (self.right if said.is_right else self.wrong)[said.label] += 1
            self.lists_all |= not said.counts and not said.is_right
            is_mistaken |= said.counts != said.is_right
        missed = self._missed(one)
        if is_mistaken or missed:
            self.mistaken += 1
            self._keep(one, missed)

    def worst(self) -> list[dict[str, Any]]:
        """The worst mistakes, worst first: {"image", "shows", "errors", "size", "truth", "predicted"}.

        `errors` are {"error", "label", "confidence", "threshold"}; a label that was missed has the confidence
        that it got, or null where the snapshot tells none. `truth` has boxes, {"label", "box"} (left, top, width
        and height in pixels), and `predicted` those that reach their label's threshold, with "isRight" besides.
        """
        return [self._told(one) for _, _, one in sorted(self._worst, reverse=True)]

    def curve(self, label: str | None = None) -> Curve:
        """Precision and recall at each threshold, for a label or for all predictions together.

        `points` are {"threshold", "precision", "recall"}, the precision null where nothing is predicted.
        `completeFrom`: the snapshot lists every prediction from this threshold on. Below it, it may leave out
        wrong ones, so that the precision is at most what is said; the recall holds everywhere.
        """
        confidence, hit = self._chosen(label)
        total = self.truth.total() if label is None else self.truth[label]
        order = np.argsort(confidence)
        confidence, hits = confidence[order], np.cumsum(hit[order][::-1])[::-1]
        cuts = np.linspace(0, 1, STEPS + 1)
        first = np.searchsorted(confidence, cuts - 1e-12)
        said = len(confidence) - first
        right = np.append(hits, 0)[first]
        points = [
            {
                "threshold": round(float(cut), 4),
                "precision": round(float(ok / all_), 6) if all_ else None,
                "recall": round(float(ok / total), 6) if total else None,
            }
            for cut, all_, ok in zip(cuts, said, right, strict=True)
        ]
        return {"label": label, "completeFrom": self._complete(label), "points": points}

    def micro(self) -> dict[str, float | int | None]:
        """Precision and recall over all predictions, each at its own label's threshold."""
        right, wrong, truth = self.right.total(), self.wrong.total(), self.truth.total()
        return {
            "truePositives": right,
            "falsePositives": wrong,
            "falseNegatives": max(truth - right, 0),
            "precision": right / (right + wrong) if right + wrong else None,
            "recall": right / truth if truth else None,
        }

    def _complete(self, label: str | None) -> float:
        if self.lists_all:
            return 0.0
        if label is not None:
            return self.thresholds.get(label, UNTESTED)
        return max((self.thresholds.get(one, UNTESTED) for one in self._labels), default=0.0)

    def _chosen(self, label: str | None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        confidence = np.frombuffer(self._confidence, dtype=np.float64)
        hit = np.frombuffer(self._hit, dtype=np.int8).astype(np.int64)
        if label is None:
            return confidence, hit
        own = np.frombuffer(self._label, dtype=np.uintc) == self._labels.get(label, -1)
        return confidence[own], hit[own]

    def _missed(self, one: Judged) -> list[str]:
        """The labels that the image shows more often than they were found, the model knowing them."""
        left = Counter(shown.label for shown in one.truth if not self.known or shown.label in self.known)
        left.subtract(said.label for said in one.said if said.counts and said.is_right)
        return [label for label, count in left.items() for _ in range(count)]

    def _keep(self, one: Judged, missed: list[str]) -> None:
        errors = self._errors(one, missed)
        badness = sum(self._margin(error) for error in errors)
        item = (badness, -self.images, one)
        if len(self._worst) < WORST:
            heapq.heappush(self._worst, item)
        elif item > self._worst[0]:
            heapq.heapreplace(self._worst, item)

    def _errors(self, one: Judged, missed: list[str]) -> list[dict[str, Any]]:
        errors = [
            self._error("false positive", said.label, said.confidence)
            for said in one.said
            if said.counts and not said.is_right
        ]
        scores: dict[str, list[float]] = {}
        for said in one.said:
            if not said.counts and said.is_right:
                scores.setdefault(said.label, []).append(said.confidence)
        for label in missed:
            told = scores.get(label)
            # For boxes, confidence 0 is how the service says that nothing was found there.
            errors.append(self._error("false negative", label, (told.pop() if told else None) or None))
        return errors

    def _error(self, error: str, label: str, confidence: float | None) -> dict[str, Any]:
        threshold = self.thresholds.get(label, UNTESTED)
        return {"error": error, "label": label, "confidence": confidence, "threshold": threshold}

    def _margin(self, error: dict[str, Any]) -> float:
        """How far on the wrong side of its threshold: 0 to 1."""
        confidence, threshold = error["confidence"] or 0.0, error["threshold"]
        room = 1 - threshold if error["error"] == "false positive" else threshold
        return float(min(abs(confidence - threshold) / room, 1.0)) if room else 1.0

    def _told(self, one: Judged) -> dict[str, Any]:
        return {
            "image": one.image,
            "shows": [shown.label for shown in one.truth],
            "errors": sorted(self._errors(one, self._missed(one)), key=lambda error: -self._margin(error)),
            "size": one.size,
            "truth": [{"label": shown.label, "box": shown.place} for shown in one.truth if shown.place],
            "predicted": [
                {"label": said.label, "box": said.place, "isRight": said.is_right}
                for said in one.said
                if said.counts and said.place
            ],
        }
