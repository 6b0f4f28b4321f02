"""The model for boxes: a linear search over windows at many scales, then a closer look at the best of them.

The search scores every window of a pyramid against templates of the objects, whichever their label. The closer
look draws each of the best windows to a square, moves and stretches it towards the object by regression, and gives
each label a probability, with a background class that is the model's own. Every object has one label.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from local.rekognition.rectangles import Boxes, centred, cornered, shares, suppress
from local.rekognition.windows import CELL, CONTEXT, Rows, level, patches, slide

Scores = NDArray[np.float64]

WORK_SIDE = 1024  # pixels: longer sides are scaled to this before anything else
CANDIDATES = 100  # windows of an image that are looked at closely
STEP = 1.25  # from one level of the pyramid to the next
LEVELS_MOST = 14
LEVEL_PIXELS = 420_000  # of the largest level: what a detection costs is bounded, and so are the smallest objects
ENLARGE_MOST = 2.0
_SEARCHED = 1500  # windows that take part in the first suppression
_SEARCH_OVERLAP = 0.6
_SECOND_LOOK = 60  # candidates at most that are looked at again where the regression moves them to
_SECOND_CHANCE = 0.01  # and the probability that each needs for it


@dataclass(frozen=True)
class Template:
    """Linear models of windows of `shape` (rows, columns of cells): `weights` has a column for each."""

    shape: tuple[int, int]
    weights: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def __call__(self, windows: Rows) -> NDArray[np.float32]:
        """The best score of each window: about the logarithm of how much likelier an object is than background."""
        return np.asarray((windows @ self.weights + self.offsets).max(axis=1))


@dataclass(frozen=True)
class Search:
    """Finds windows worth a closer look; `smallest` and `largest` object as ratios of an image's long side."""

    templates: list[Template]
    smallest: float
    largest: float

    def sides(self, size: tuple[int, int]) -> list[float]:
        """The long sides, in pixels, at which an image of `size` is searched, largest first."""
        window = np.sqrt(np.mean([one.shape[0] * one.shape[1] for one in self.templates])) * CELL / CONTEXT
        most = min(
            window / self.smallest,
            ENLARGE_MOST * max(size),
            np.sqrt(LEVEL_PIXELS * max(size) / min(size)),
        )
        least = min(most, window / self.largest)
        steps = min(LEVELS_MOST - 1, int(np.ceil(np.log(most / least) / np.log(STEP) - 1e-9)))
        return [float(side) for side in np.geomspace(most, least, steps + 1)]

    def __call__(self, image: Image.Image, most: int) -> tuple[Boxes, Scores]:
        """At most `most` boxes (pixels, without context), best score first."""
        boxes, scores = [], []
        for side in self.sides(image.size):
            features, scale = level(image, side)
            for template in self.templates:
                rows, columns = template.shape
                windows = slide(features, template.shape)
                if not len(windows):
                    continue
                found = template(windows)
                best = np.argpartition(-found, min(_SEARCHED, len(found)) - 1)[:_SEARCHED]
                across = features.shape[1] - columns + 1
                middle = np.stack([best % across + columns / 2 - 1, best // across + rows / 2 - 1], axis=1)
                inner = np.broadcast_to(np.array([columns, rows]) / CONTEXT, middle.shape)
                boxes.append(cornered(np.concatenate([middle, inner], axis=1) * (CELL / scale)))
                scores.append(found[best].astype(np.float64))
        if not boxes:
            return np.zeros((0, 4)), np.zeros(0)
        every, score = np.concatenate(boxes), np.concatenate(scores)
        best = np.argsort(-score, kind="stable")[:_SEARCHED]
        best = best[suppress(every[best], score[best], _SEARCH_OVERLAP, most)]
        return every[best], score[best]


@dataclass
class Judge:
    """The closer look: scikit-learn models that were fitted one after the other."""

    reduction: Any
    kernel: Any
    classifier: Any  # classes 0 … n-1 are labels, n is background
    regression: Any  # from features to `offsets`
    labels: int

    def __call__(self, image: Image.Image, boxes: Boxes) -> tuple[Scores, Boxes]:
        """Probabilities of the labels (n x labels; the rest is background's), and the boxes moved to objects."""
        if not len(boxes):
            return np.zeros((0, self.labels)), boxes
        reduced = self.features(patches(image, boxes))
        chances = np.zeros((len(boxes), self.labels + 1))
        chances[:, self.classifier.classes_] = self.classifier.predict_proba(reduced)
        return chances[:, :-1], move(boxes, self.regression.predict(reduced))

    def features(self, rows: Rows) -> NDArray[np.float64]:
        """What the classifier and the regression work on: principal components, and a kernel's map of them."""
        reduced = self.reduction.transform(rows)
        return np.concatenate([reduced, self.kernel.transform(reduced)], axis=1)


@dataclass
class Detector:
    """Finds objects; pickled as it is."""

    search: Search
    judge: Judge
    overlap: float  # of two boxes above which only the surer is kept
    most: int  # boxes an image

    def __call__(self, image: Image.Image) -> tuple[NDArray[np.int64], Scores, Boxes]:
        """Labels' indices, probabilities and boxes (ratios of the image's sides) of its objects, surest first."""
        image = working(image)
        boxes, _ = self.search(image, CANDIDATES)
        chances, moved = self.judge(image, boxes)
        best = chances.max(axis=1)
        second = np.argsort(-best, kind="stable")[:_SECOND_LOOK]
        second = second[best[second] > _SECOND_CHANCE]
        looked = inside(moved[second], image.size)
        again, placed = self.judge(image, looked)
        chances = (again + chances[second]) / 2
        placed = inside(cornered((centred(placed) + centred(looked)) / 2), image.size)
        label, score = chances.argmax(axis=1), chances.max(axis=1)
        kept = suppress(placed, score, self.overlap, self.most)
        return label[kept], score[kept], shares(placed[kept], image.size)


def working(image: Image.Image) -> Image.Image:
    """The image, or a copy whose long side is WORK_SIDE."""
    if max(image.size) <= WORK_SIDE:
        return image
    scale = WORK_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)


def move(boxes: Boxes, offsets: NDArray[np.float64]) -> Boxes:
    """Boxes moved by offsets: shifts as ratios of their sides, and logarithms of what the sides grow by."""
    middle = centred(boxes)
    limited = np.clip(offsets, -1, 1)
    middle[:, :2] += limited[:, :2] * middle[:, 2:]
    middle[:, 2:] *= np.exp(limited[:, 2:])
    return cornered(middle)


def offsets(boxes: Boxes, targets: Boxes) -> NDArray[np.float64]:
    """What `move` needs to make `targets` of `boxes`."""
    own, other = centred(boxes), centred(targets)
    return np.concatenate([(other[:, :2] - own[:, :2]) / own[:, 2:], np.log(other[:, 2:] / own[:, 2:])], axis=1)


def inside(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes cut at the edges of an image of `size`, each at least one pixel wide and high."""
    limit = np.array(size, dtype=np.float64)
    low = np.clip(boxes[:, :2], 0, limit - 1)
    return np.concatenate([low, np.clip(np.maximum(boxes[:, 2:], low + 1), 0, limit)], axis=1)
