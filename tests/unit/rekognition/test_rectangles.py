"""Overlap and suppression of boxes, for any boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from local.rekognition.detector import move, offsets
from local.rekognition.rectangles import Boxes, centred, cornered, overlaps, suppress

SIDES = st.floats(0.01, 50, allow_nan=False)
PLACES = st.floats(-50, 50, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn, most: int = 12) -> Boxes:
    """Some boxes that are not empty."""
    count = draw(st.integers(1, most))
    places = draw(arrays(np.float64, (count, 2), elements=PLACES))
    sides = draw(arrays(np.float64, (count, 2), elements=SIDES))
    return np.concatenate([places, places + sides], axis=1)


@given(boxes(), boxes())
def test_overlap_is_a_symmetric_share(some: Boxes, others: Boxes) -> None:
    found = overlaps(some, others)
    assert found.shape == (len(some), len(others))
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-9
    assert found == pytest.approx(overlaps(others, some).T)
    assert np.diag(overlaps(some, some)) == pytest.approx(1)
    shifted = overlaps(some + 7, others + 7)
    assert found == pytest.approx(shifted, abs=1e-6)


@given(boxes(30), st.floats(0, 1), st.integers(1, 30), st.randoms(use_true_random=False))
def test_what_is_kept_does_not_overlap_and_what_is_not_does(
    some: Boxes, overlap: float, most: int, random: "np.random.Generator"
) -> None:
    scores = np.array([random.random() for _ in some])
    kept = suppress(some, scores, overlap, most)
    assert len(set(kept.tolist())) == len(kept) <= most
    assert scores[kept].tolist() == sorted(scores[kept], reverse=True)
    common = overlaps(some, some)
    for number, index in enumerate(kept):
        assert all(common[index, other] <= overlap for other in kept[:number])
    if len(kept) < most:
        for index in set(range(len(some))) - set(kept.tolist()):
            assert any(common[index, other] > overlap and scores[other] >= scores[index] for other in kept)


@given(boxes())
def test_centres_and_moves_are_undone(some: Boxes) -> None:
    assert cornered(centred(some)) == pytest.approx(some, abs=1e-6)
    target = some * 1.1 + 0.001
    limited = np.abs(offsets(some, target)).max(axis=1) < 1
    assert move(some, offsets(some, target))[limited] == pytest.approx(target[limited], abs=1e-6)


def test_known_overlaps() -> None:
    square = np.array([[0.0, 0, 2, 2]])
    others = np.array([[1.0, 0, 3, 2], [2, 2, 3, 3], [0, 0, 2, 2], [0.5, 0.5, 1.5, 1.5], [1, 1, 1, 1]])
    assert overlaps(square, others)[0] == pytest.approx([1 / 3, 0, 1, 1 / 4, 0])
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.5, 5).tolist() == []
