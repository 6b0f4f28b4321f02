"""What a detector sees: gradients and colours in cells of a few pixels, of images at many scales and of boxes.

A cell has a histogram of unsigned orientations, normalised by its four neighbourhoods, four sums that tell flat
from structured surroundings, and the mean colour (the compact form of Felzenszwalb and others, 2010).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from local.rekognition.rectangles import Boxes, centred, cornered

# Every change below makes models of before unusable: they hold weights for exactly these features.
CELL = 6  # pixels
ORIENTATIONS = 9
CHANNELS = ORIENTATIONS + 4 + 3
PATCH = 8  # cells across a box, context included
CONTEXT = 1.25  # sides of what is looked at, as a multiple of the box's own: edges count more with their outside
PATCH_LENGTH = PATCH * PATCH * CHANNELS + 2

Cells = NDArray[np.float32]  # ... x rows x columns x CHANNELS
Rows = NDArray[np.float32]  # one row of features for each box

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_FLAT = 0.5  # gradient below which a neighbourhood's noise is not blown up to the strength of edges
_CEILING = 0.2
_PAD = 2 * CELL  # pixels added around a level, so that windows may reach over the image's edge


def cells(pixels: NDArray[np.uint8]) -> Cells:
    """Features of n RGB images of one size (n x height x width x 3), without the outermost cell at each side."""
    count, height, width = pixels.shape[0], pixels.shape[1] // CELL, pixels.shape[2] // CELL
    colour = pixels[:, : height * CELL, : width * CELL].astype(np.float32) / np.float32(255)
    histogram = _histograms(np.sqrt(colour @ _GREY), count, height, width)
    energy = (histogram**2).sum(axis=3)
    block = np.sqrt(energy[:, :-1, :-1] + energy[:, :-1, 1:] + energy[:, 1:, :-1] + energy[:, 1:, 1:]) + _FLAT
    inner = histogram[:, 1:-1, 1:-1]
    features = np.zeros((*inner.shape[:3], CHANNELS), dtype=np.float32)
    corners = (block[:, :-1, :-1], block[:, :-1, 1:], block[:, 1:, :-1], block[:, 1:, 1:])
    for number, norm in enumerate(corners):
        part = np.minimum(inner / norm[..., None], _CEILING)
        features[..., :ORIENTATIONS] += part * np.float32(0.5)
        features[..., ORIENTATIONS + number] = part.sum(axis=3) * np.float32(0.25)
    features[..., ORIENTATIONS + 4 :] = _colours(colour)[:, 1:-1, 1:-1]
    return features


def _histograms(grey: NDArray[np.float32], count: int, height: int, width: int) -> NDArray[np.float32]:
    """Gradient magnitudes by orientation in each cell; a gradient counts for the two nearest orientations."""
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    magnitude = np.sqrt(across**2 + down**2)
    turn = np.arctan2(down, across) * np.float32(ORIENTATIONS / np.pi) + np.float32(ORIENTATIONS)
    low = turn.astype(np.int32)
    share = magnitude * (turn - low)
    rows = (np.arange(height * CELL) // CELL * width)[:, None] + np.arange(width * CELL) // CELL
    place = ((np.arange(count) * height * width)[:, None, None] + rows) * ORIENTATIONS
    size = count * height * width * ORIENTATIONS
    total = np.bincount((place + low % ORIENTATIONS).ravel(), (magnitude - share).ravel(), size)
    total += np.bincount((place + (low + 1) % ORIENTATIONS).ravel(), share.ravel(), size)
    return total.reshape(count, height, width, ORIENTATIONS).astype(np.float32)


def _colours(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lightness and two opponent colours, as means of cells."""
    count, height, width = colour.shape[0], colour.shape[1] // CELL, colour.shape[2] // CELL
    rows = np.zeros((count, height, width * CELL, 3), dtype=np.float32)
    mean = np.zeros((count, height, width, 3), dtype=np.float32)
    for start in range(CELL):  # much quicker than a mean over two axes
        rows += colour[:, start::CELL]
    for start in range(CELL):
        mean += rows[:, :, start::CELL]
    mean /= 2 * CELL * CELL
    red, green, blue = mean[..., 0], mean[..., 1], mean[..., 2]
    return np.stack([(red + green + blue) / 3 - 0.25, red - green, (red + green) / 2 - blue], axis=-1)


def level(image: Image.Image, side: float) -> tuple[Cells, float]:
    """The cells of an image whose long side is made `side` pixels, and the scale; the first starts at -CELL."""
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.BILINEAR) if size != image.size else image
    pixels = np.asarray(small, dtype=np.uint8)
    right, bottom = (_PAD + -length % CELL for length in size)
    padded = np.pad(pixels, ((_PAD, bottom), (_PAD, right), (0, 0)), mode="edge")
    return cells(padded[None])[0], scale


def slide(level: Cells, shape: tuple[int, int]) -> Rows:
    """Every window of `shape` (rows, columns of cells) of a level, row by row; none where the level is smaller."""
    if level.shape[0] < shape[0] or level.shape[1] < shape[1]:
        return np.zeros((0, shape[0] * shape[1] * CHANNELS), dtype=np.float32)
    views = sliding_window_view(level, shape, axis=(0, 1))
    return np.ascontiguousarray(views.transpose(0, 1, 3, 4, 2)).reshape(-1, shape[0] * shape[1] * CHANNELS)


def crops(image: Image.Image, boxes: Boxes, shape: tuple[int, int]) -> Rows:
    """The features of boxes (pixels of the image) and their context, each drawn to `shape` (rows, columns)."""
    if not len(boxes):
        return np.zeros((0, shape[0] * shape[1] * CHANNELS), dtype=np.float32)
    rows, columns = shape[0] + 2, shape[1] + 2  # `cells` leaves out the border
    wide = centred(boxes)
    wide[:, 2] *= CONTEXT * columns / shape[1]
    wide[:, 3] *= CONTEXT * rows / shape[0]
    wide[:, 2:] = np.maximum(wide[:, 2:], 2)
    wide = cornered(wide)
    beyond = max(0.0, -wide.min(), (wide[:, 2] - image.width).max(), (wide[:, 3] - image.height).max())
    over = int(np.ceil(beyond)) + 1
    pixels = np.pad(np.asarray(image, dtype=np.uint8), ((over, over), (over, over), (0, 0)), mode="edge")
    padded = Image.fromarray(pixels)
    size = (columns * CELL, rows * CELL)
    drawn = [
        np.asarray(padded.resize(size, Image.Resampling.BILINEAR, box=tuple(one), reducing_gap=2))
        for one in (wide + over).tolist()
    ]
    return cells(np.stack(drawn)).reshape(len(boxes), -1)


def patches(image: Image.Image, boxes: Boxes) -> Rows:
    """PATCH_LENGTH features of each box: its square copy, its proportions, and its share of the image."""
    sides = centred(boxes)[:, 2:]
    proportions = np.log(sides[:, 0] / sides[:, 1])
    share = np.log(np.sqrt(sides[:, 0] * sides[:, 1]) / max(image.size))
    return np.concatenate(
        [crops(image, boxes, (PATCH, PATCH)), np.stack([proportions, share], axis=1).astype(np.float32)], axis=1
    )
