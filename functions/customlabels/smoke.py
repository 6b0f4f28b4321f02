"""The smoke test: a few test images that the model was right about when it was evaluated, asked about again.

A model that answers otherwise now is not the one that the gate has judged.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from customlabels.outcomes import Outcome, mean_rate, total
from customlabels.snapshots import JudgedImage


class Verdict(NamedTuple):
    """How the answers agree with the truth; `value` is of the gate's metric, None where nothing was asked."""

    asked: int
    value: float | None
    minimum: float
    accepted: bool


def choose(images: Iterable[JudgedImage], thresholds: Mapping[str, float], most: int) -> list[JudgedImage]:
    """At most `most` images that were judged right, the surest of each label in turn.

    Where none was wholly right, those of which the model was surest all the same.
    """
    right: dict[str, list[tuple[float, int, JudgedImage]]] = {}
    wrong: dict[str, list[tuple[float, int, JudgedImage]]] = {}
    for number, image in enumerate(images):
        labels = sorted({thing.label for thing in image.truth})
        if not labels or not image.predictions:
            continue
        outcome = image.outcome(thresholds)
        good = all(one.right == one.positives and not one.wrong for one in outcome)
        sure = min(one.guess.confidence for one in image.predictions if one.guess.label in labels or not good)
        kept = (right if good else wrong).setdefault(labels[0], [])
        (heapq.heappush if len(kept) < most else heapq.heappushpop)(kept, (sure, -number, image))
    return list(_in_turn(right or wrong))[:most]


def judge(now: Iterable[Outcome], evaluated: Iterable[Outcome], metric: str, minimum: float) -> Verdict:
    """The gate's metric over what the images show, held against its minimum.

    `evaluated` are the outcomes of the same images in the evaluation: a model that was below the minimum on them
    must only be as good as it was.
    """
    found = list(now)
    value, before = _value(metric, found), _value(metric, evaluated)
    least = minimum if before is None else min(minimum, before)
    return Verdict(len(found), value, least, value is None or value >= least)


def _value(metric: str, outcomes: Iterable[Outcome]) -> float | None:
    counts = total(outcomes)
    return mean_rate(metric, counts, counts.keys())


def _in_turn(kept: Mapping[str, list[tuple[float, int, JudgedImage]]]) -> Iterator[JudgedImage]:
    """The first of each label, then the second of each, and so on."""
    ranked = [sorted(of, reverse=True) for _, of in sorted(kept.items())]
    for place in range(max((len(of) for of in ranked), default=0)):
        for of in ranked:
            if place < len(of):
                yield of[place][2]
