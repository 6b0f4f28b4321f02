"""What a model made of the test images: right and wrong findings for each label, and the metrics that follow.

An image-level label counts once an image; boxes count one by one. A label that no test image shows has no metric,
as in Rekognition's evaluation; the aggregate is the unweighted mean over the labels.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

OVERLAP = 0.5  # intersection over union from which a box is found; the service's own value is not documented

Box = tuple[float, float, float, float]  # left, top, width, height


class Thing(NamedTuple):
    """Something that an image shows: a label, for boxes with its place in pixels."""

    label: str
    box: Box | None


class Guess(NamedTuple):
    """Something that a model says an image shows."""

    label: str
    confidence: float
    box: Box | None


class Count(NamedTuple):
    """One label's share in an image, or in all images."""

    label: str
    positives: int  # how often it is there
    right: int  # findings that are right: true positives
    wrong: int  # findings that are not: false positives


Outcome = tuple[Count, ...]  # of one image: each label that it shows or is said to show, by name


class OtherKind(ValueError):
    """Boxes are compared with image-level labels."""


def count(truth: Sequence[Thing], guesses: Iterable[Guess]) -> Outcome:
    """Compare what a model says of one image, each guess surer than its threshold, with what the image shows.

    A box is right if, of the boxes of its label that no surer guess has taken, one overlaps it by OVERLAP or more.
    """
    guesses, free = sorted(guesses, key=lambda one: -one.confidence), list(truth)
    if guesses and truth and all((one.box is None) != (guesses[0].box is None) for one in truth):
        raise OtherKind("boxes are compared with image-level labels")
    right: dict[str, int] = {}
    wrong: dict[str, int] = {}
    for guess in guesses:
        hit = _hit(guess, free)
        if hit is None:
            wrong[guess.label] = wrong.get(guess.label, 0) + 1
        else:
            free.remove(hit)
            right[guess.label] = right.get(guess.label, 0) + 1
    return outcome(truth, right, wrong)


def outcome(truth: Iterable[Thing], right: Mapping[str, int], wrong: Mapping[str, int]) -> Outcome:
    """The outcome of an image from what it shows, and the right and wrong findings for each label."""
    positives: dict[str, int] = {}
    for thing in truth:
        positives[thing.label] = positives.get(thing.label, 0) + 1
    labels = sorted({*positives, *right, *wrong})
    return tuple(_count(one, positives.get(one, 0), right.get(one, 0), wrong.get(one, 0)) for one in labels)


def total(outcomes: Iterable[Outcome]) -> dict[str, Count]:
    """The counts of all images, by label."""
    sums: dict[str, list[int]] = {}
    for image in outcomes:
        for label, *counts in image:
            so_far = sums.setdefault(label, [0, 0, 0])
            for index, number in enumerate(counts):
                so_far[index] += number
    return {label: Count(label, *counts) for label, counts in sums.items()}


def rate(metric: str, positives: int, right: int, wrong: int) -> float:
    """A label's f1, precision or recall; 0 where nothing was found."""
    if not right:
        return 0.0
    if metric == "precision":
        return right / (right + wrong)
    if metric == "recall":
        return right / positives
    return 2 * right / (right + wrong + positives)


def mean_rate(metric: str, counts: Mapping[str, Count], labels: Collection[str]) -> float | None:
    """The mean of a metric over those of the `labels` that an image shows; None if none does."""
    rates = [rate(metric, *one[1:]) for one in counts.values() if one.label in labels and one.positives]
    return sum(rates) / len(rates) if rates else None


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes; 0 where both are empty."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(width, 0) * max(height, 0)
    union = one[2] * one[3] + other[2] * other[3] - common
    return common / union if union > 0 else 0.0


@lru_cache(maxsize=2**16)
def _count(*values: Any) -> Count:
    """Few counts occur, each in many images: one object for all of them saves most of the memory."""
    return Count(*values)


def _hit(guess: Guess, free: list[Thing]) -> Thing | None:
    best, most = None, OVERLAP
    for thing in free:
        if thing.label != guess.label or (thing.box is None) != (guess.box is None):
            continue
        if thing.box is None or guess.box is None:
            return thing
        common = overlap(guess.box, thing.box)
        if common >= most:
            best, most = thing, common
    return best
