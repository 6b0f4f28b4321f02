"""Numbers that describe an image: shape, layout, colours and texture, always as many.

Shape is a histogram of oriented gradients, layout a small copy of the image, colours a histogram of hue,
saturation and value, texture histograms of local binary patterns. All are made from a square copy.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.feature import hog, local_binary_pattern

VERSION = 1  # to be raised by every change below: it keys the cache
SIDE = 96
CELL = 12
LAYOUT_SIDE = 16
QUARTERS = 2  # texture is taken from QUARTERS x QUARTERS parts

Vector = NDArray[np.float32]

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_BLOCKS_ACROSS = SIDE // CELL - 1
SIZES = {
    "shape": _BLOCKS_ACROSS * _BLOCKS_ACROSS * 4 * 9,
    "layout": LAYOUT_SIDE * LAYOUT_SIDE * 3,
    "colour": 8 * 4 * 4,
    "texture": QUARTERS * QUARTERS * 10,
}
LENGTH = sum(SIZES.values())


def describe(image: Image.Image) -> Vector:
    """The features of an RGB image, LENGTH float32 in the order of SIZES."""
    enlarged = max(image.size) < SIDE
    small = image.resize(
        (SIDE, SIDE), Image.Resampling.BOX if enlarged else Image.Resampling.LANCZOS, reducing_gap=2
    )
    grey = np.asarray(np.asarray(small, dtype=np.float32) / np.float32(255) @ _GREY, dtype=np.float32)
    parts = [_shape(grey), _layout(small), _colour(small), _texture(grey)]
    return np.concatenate(parts).astype(np.float32)


def _shape(grey: Vector) -> Vector:
    return np.asarray(
        hog(grey, orientations=9, pixels_per_cell=(CELL, CELL), cells_per_block=(2, 2), block_norm="L2-Hys"),
        dtype=np.float32,
    )


def _layout(small: Image.Image) -> Vector:
    tiny = small.resize((LAYOUT_SIDE, LAYOUT_SIDE), Image.Resampling.BOX)
    return np.asarray(tiny, dtype=np.float32).ravel() / np.float32(255)


def _colour(small: Image.Image) -> Vector:
    hue, saturation, value = np.moveaxis(np.asarray(small.convert("HSV"), dtype=np.int64), 2, 0)
    bins = (hue // 32) * 16 + (saturation // 64) * 4 + value // 64
    return _histogram(bins, 128)


def _texture(grey: Vector) -> Vector:
    binary = local_binary_pattern((grey * 255).astype(np.uint8), 8, 1, "uniform")  # type: ignore[no-untyped-call]
    patterns = binary.astype(np.int64)
    half = SIDE // QUARTERS
    parts = [
        _histogram(patterns[top : top + half, left : left + half], 10)
        for top in range(0, SIDE, half)
        for left in range(0, SIDE, half)
    ]
    return np.concatenate(parts)


def _histogram(bins: NDArray[np.int64], count: int) -> Vector:
    """Square roots of shares: their distances compare histograms better than the shares' do."""
    shares = np.bincount(bins.ravel(), minlength=count) / bins.size
    return np.sqrt(shares).astype(np.float32)
