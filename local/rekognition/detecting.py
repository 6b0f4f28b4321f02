"""How a detector is trained: geometry of the objects, templates, candidates, and two rounds of negatives.

The images are gone through several times and never held. Each gives fewer rows of features the more images there
are, so that memory stays within some 500 MB.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.cluster import KMeans  # type: ignore[import-untyped]
from sklearn.decomposition import PCA  # type: ignore[import-untyped]
from sklearn.kernel_approximation import Nystroem  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression, Ridge  # type: ignore[import-untyped]

from local.rekognition.detector import CANDIDATES, Detector, Judge, Search, Template, inside, move, offsets
from local.rekognition.rectangles import Boxes, centred, cornered, overlaps
from local.rekognition.windows import Rows, crops, patches

SHAPES = 3  # proportions of windows
TEMPLATES = 8  # of each shape
CELLS = 6  # across a window as high as wide
CELLS_MOST, CELLS_LEAST = 12, 3
COMPONENTS = 128
LANDMARKS = 300
ROWS = 8_000  # of features that all images together give in one go, about: of objects, and as many of background
HITS, MISSES = 0.6, 0.35  # overlap from which a window shows an object, and up to which it shows background
FIRST_NEGATIVES, MINED = 30, 15  # of an image
JITTERS = 3  # moved copies of an object
JITTER = np.array([0.12, 0.12, 0.18, 0.18])  # how far at most, in its sides and their logarithms
DOUBT = 0.05  # probability from which background is mistaken enough to be learned from
RANDOM_WINDOWS = 20  # of an image, for each shape of windows


@dataclass(frozen=True)
class Example:
    """An image with its objects: boxes as ratios of its sides, and the labels' indices."""

    image: Image.Image
    boxes: Boxes
    labels: NDArray[np.int64]

    @property
    def pixels(self) -> Boxes:
        """The boxes in pixels of `image`."""
        return self.boxes * np.array([*self.image.size, *self.image.size], dtype=np.float64)


Examples = Callable[[], Iterable[Example]]  # each call goes through the images again, in one order


def train(examples: Examples, labels: int, seed: int, overlap: float, most: int) -> Detector:
    """A detector of `labels` labels; each example has at least one box. `overlap` and `most` as in Detector."""
    random = np.random.default_rng(seed)
    sides = [centred(one.pixels)[:, 2:] / max(one.image.size) for one in examples()]
    share = max(3, ROWS // len(sides))
    search = _search(examples, np.concatenate(sides), share, random, seed)
    samples = _Samples(labels, share, random)
    found: list[Boxes] = []
    for example in examples():
        candidates, _ = search(example.image, CANDIDATES)
        found.append(candidates)
        samples.objects(example)
        samples.candidates(example, candidates)
    judge = samples.judge(seed)
    for example, candidates in zip(examples(), found, strict=True):
        samples.mine(example, candidates, judge)
    return Detector(search, samples.judge(seed), overlap, most)


def _search(
    examples: Examples, sides: NDArray[np.float64], share: int, random: np.random.Generator, seed: int
) -> Search:
    """Templates of the objects' windows against random windows: linear discriminants that share a covariance.

    `sides`: width and height of every object as ratios of the long side of its image.
    """
    scale = np.sqrt(sides.prod(axis=1))
    smallest, largest = (float(np.quantile(scale, part)) for part in (0.02, 0.98))
    shapes = _shapes(np.log(sides[:, 0] / sides[:, 1]), seed)
    ratios = np.log([columns / rows for rows, columns in shapes])
    objects: list[list[Rows]] = [[] for _ in shapes]
    nothing: list[list[Rows]] = [[] for _ in shapes]
    for example in examples():
        middle = centred(example.pixels)[random.permutation(len(example.boxes))[:share]]
        nearest = np.abs(np.log(middle[:, 2] / middle[:, 3])[:, None] - ratios).argmin(axis=1)
        for index, shape in enumerate(shapes):
            ratio = np.exp(np.array([ratios[index], -ratios[index]]) / 2)
            own = middle[nearest == index]
            size = np.sqrt(own[:, 2] * own[:, 3])[:, None] * ratio
            windows = cornered(np.concatenate([own[:, :2], size], axis=1))
            objects[index].append(crops(example.image, windows, shape))
            windows = _elsewhere(example, random, (smallest, largest), ratio)[:share]
            nothing[index].append(crops(example.image, windows, shape))
    templates = [
        _template(shape, np.concatenate(own), np.concatenate(other), seed)
        for shape, own, other in zip(shapes, objects, nothing, strict=True)
    ]
    return Search(templates, smallest, largest)


def _shapes(proportions: NDArray[np.float64], seed: int) -> list[tuple[int, int]]:
    """Rows and columns of windows for the proportions (logarithms of width by height) that occur."""
    several = min(SHAPES, len(np.unique(proportions)))
    spread = float(proportions.max() - proportions.min())
    centres = proportions.mean(keepdims=True)
    if spread > 0.5 and several > 1:
        centres = KMeans(several, n_init=3, random_state=seed).fit(proportions[:, None]).cluster_centers_[:, 0]
    shapes = set()
    for centre in centres.tolist():
        sides = np.clip(np.round(CELLS * np.exp(np.array([-centre, centre]) / 2)), CELLS_LEAST, CELLS_MOST)
        shapes.add((int(sides[0]), int(sides[1])))
    return sorted(shapes)


def _elsewhere(
    example: Example, random: np.random.Generator, scale: tuple[float, float], ratio: NDArray[np.float64]
) -> Boxes:
    """Random windows with little of an object in them; fewer, or none, where objects fill the image."""
    size = np.array(example.image.size, dtype=np.float64)
    sides = np.exp(random.uniform(np.log(scale[0]), np.log(scale[1]), RANDOM_WINDOWS)) * size.max()
    sides = np.minimum(sides[:, None] * ratio, size)
    place = random.uniform(0, 1, (RANDOM_WINDOWS, 2)) * (size - sides)
    windows = np.concatenate([place, place + sides], axis=1)
    return np.asarray(windows[overlaps(windows, example.pixels).max(axis=1) < MISSES])


def _template(shape: tuple[int, int], objects: Rows, nothing: Rows, seed: int) -> Template:
    """One discriminant for each group of objects that look alike."""
    if not len(nothing):
        nothing = np.zeros((1, objects.shape[1]), dtype=np.float32)
    ground = nothing.mean(axis=0)
    spread = (nothing - ground).T @ (nothing - ground) / len(nothing)
    spread += np.eye(len(ground), dtype=np.float32) * np.float32(0.02 + 0.1 * np.trace(spread) / len(ground))
    groups = min(TEMPLATES, max(1, len(objects) // 5))
    if not len(objects):
        return Template(shape, np.zeros((len(ground), 1), np.float32), np.full(1, -1e9, np.float32))
    whitening = np.linalg.cholesky(np.linalg.inv(spread.astype(np.float64)))
    grouped = KMeans(groups, n_init=2, random_state=seed).fit((objects - ground) @ whitening)
    means = np.stack([objects[grouped.labels_ == one].mean(axis=0) for one in np.unique(grouped.labels_)])
    weights = np.linalg.solve(spread.astype(np.float64), (means - ground).T)
    offset = -((means + ground) / 2 * weights.T).sum(axis=1)
    return Template(shape, weights.astype(np.float32), offset.astype(np.float32))


class _Samples:
    """Rows of features with their class (the labels, then background), and with the offsets to their object.

    Of one image, each step takes at most `share` rows of objects and as many of background.
    """

    def __init__(self, labels: int, share: int, random: np.random.Generator) -> None:
        self.background, self.share, self.random = labels, share, random
        self.rows: list[Rows] = []
        self.classes: list[NDArray[np.int64]] = []
        self.moves: list[NDArray[np.float64]] = []

    def objects(self, example: Example) -> None:
        """The objects where they are, and moved a little."""
        index = np.repeat(np.arange(len(example.boxes)), 1 + JITTERS)
        noise = self.random.uniform(-1, 1, (len(index), 4)) * JITTER
        noise[:: 1 + JITTERS] = 0
        # Which of too many is chance, but the exact places come first.
        order = np.argsort(np.arange(len(index)) % (1 + JITTERS) + self.random.uniform(0, 0.5, len(index)))
        self._shown(example, move(example.pixels[index], noise)[order], index[order])

    def candidates(self, example: Example, boxes: Boxes) -> None:
        """What the search found: windows of objects, and the likeliest that are none."""
        common = overlaps(boxes, example.pixels)
        best = common.max(axis=1)
        self._shown(example, boxes[best >= HITS], common.argmax(axis=1)[best >= HITS])
        self._nothing(example, boxes[best < MISSES][:FIRST_NEGATIVES])

    def mine(self, example: Example, boxes: Boxes, judge: Judge) -> None:
        """What the first round's judge makes of the boxes: background that it takes for objects, and objects."""
        chances, moved = judge(example.image, boxes)
        sure = chances.max(axis=1)
        order = np.argsort(-sure, kind="stable")
        moved, sure = inside(moved, example.image.size)[order], sure[order]
        common = overlaps(moved, example.pixels)
        best = common.max(axis=1)
        self._nothing(example, moved[(best < MISSES) & (sure > DOUBT)][:MINED])
        self._shown(example, moved[best >= HITS][:MINED], common.argmax(axis=1)[best >= HITS][:MINED])

    def judge(self, seed: int) -> Judge:
        """Fit the closer look to what was collected."""
        rows, classes, moves = np.concatenate(self.rows), np.concatenate(self.classes), np.concatenate(self.moves)
        shown = classes != self.background
        if shown.all():  # objects fill every image: what has no structure is background
            rows = np.concatenate([rows, np.zeros_like(rows[:1])])
            classes = np.append(classes, self.background)
        reduction = PCA(min(COMPONENTS, *rows.shape), svd_solver="randomized", random_state=seed).fit(rows)
        reduced = reduction.transform(rows)
        gamma, landmarks = 0.5 / max(float(reduced.var(axis=0).sum()), 1e-6), min(LANDMARKS, len(rows))
        kernel = Nystroem(gamma=gamma, n_components=landmarks, random_state=seed).fit(reduced)
        features = np.concatenate([reduced, kernel.transform(reduced)], axis=1)
        classifier = LogisticRegression(C=10, max_iter=300).fit(features, classes)
        regression = Ridge(1.0).fit(features[: len(shown)][shown], moves[shown])
        return Judge(reduction, kernel, classifier, regression, self.background)

    def _shown(self, example: Example, boxes: Boxes, nearest: NDArray[np.int64]) -> None:
        """Windows of objects, and which object of the example each shows."""
        boxes, nearest = boxes[: self.share], nearest[: self.share]
        self._add(example.image, boxes, example.labels[nearest], offsets(boxes, example.pixels[nearest]))

    def _nothing(self, example: Example, boxes: Boxes) -> None:
        boxes = boxes[: self.share]
        self._add(example.image, boxes, np.full(len(boxes), self.background), np.zeros((len(boxes), 4)))

    def _add(
        self, image: Image.Image, boxes: Boxes, classes: NDArray[np.int64], moves: NDArray[np.float64]
    ) -> None:
        if len(boxes):
            self.rows.append(patches(image, boxes))
            self.classes.append(classes)
            self.moves.append(moves)
