"""Boxes as rows of left, top, right, bottom: how far they overlap, and which of many that overlap to keep."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]  # n x 4: left, top, right, bottom, in one unit of length


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """The area of each box, 0 for one that is inside out."""
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))


def overlaps(some: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Intersection over union, 0 to 1, of each of n boxes with each of m: n x m; 0 where both are empty."""
    corner = np.maximum(some[:, None, :2], others[None, :, :2])
    opposite = np.minimum(some[:, None, 2:], others[None, :, 2:])
    common = np.prod(np.maximum(opposite - corner, 0), axis=2)
    union = areas(some)[:, None] + areas(others)[None, :] - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))


def suppress(boxes: Boxes, scores: NDArray[np.float64], overlap: float, most: int) -> NDArray[np.int64]:
    """Indices of at most `most` boxes, best score first, none overlapping a better one by more than `overlap`.

    This is greedy non-maximum suppression; equal scores keep their order.
    """
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[overlaps(boxes[best : best + 1], boxes[left])[0] <= overlap]
    return np.array(kept, dtype=np.int64)


def centred(boxes: Boxes) -> NDArray[np.float64]:
    """The same boxes as centre x, centre y, width, height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] + sides / 2, sides], axis=1)


def cornered(boxes: NDArray[np.float64]) -> Boxes:
    """The inverse of `centred`."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def shares(pixels: Boxes, size: Sequence[int]) -> Boxes:
    """Boxes in pixels of an image of `size` (width, height) as ratios of its sides."""
    return pixels / np.array([*size, *size], dtype=np.float64)
