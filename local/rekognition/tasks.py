"""What passes between the host and its worker processes; no library that costs time to import is needed for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

Share = tuple[float, float, float, float]  # left, top, right, bottom as ratios of the image's sides


@dataclass(frozen=True)
class Limits:
    """What is accepted as an image; the sides in pixels."""

    side_minimum: int
    side_maximum: int
    aspect_maximum: float
    exif_rotation: bool


class ImageFault(Exception):
    """Why an image is not accepted: `kind` is "format", "side" (too large) or "shape" (too small or too long)."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(kind, message)


@dataclass(frozen=True)
class Picture:
    """An image read from S3."""

    bucket: str
    key: str
    etag: str
    data: bytes


class Found(NamedTuple):
    """A label that an image has, or an object in it; the score is 0 to 1."""

    label: str
    score: float
    box: Share | None = None


class Placed(NamedTuple):
    """An annotated object: the index of its label, and where it is."""

    label: int
    box: Share


class Matched(NamedTuple):
    """An object found in a test image, and which of the annotated ones it is; None: none of them."""

    found: Found
    truth: int | None


@dataclass(frozen=True)
class Task:
    """A training of image-level labels: images as (digest, indices of its labels), and where to put the model."""

    store: Path
    model: Path
    labels: list[str]
    train: list[tuple[str, list[int]]]
    test: list[tuple[str, list[int]]]
    seed: int
    ties: str
    confusion: str
    untested: float


@dataclass(frozen=True)
class BoxTask:
    """A training of boxes: images as (digest, objects); the overlaps as in Settings."""

    store: Path
    model: Path
    labels: list[str]
    train: list[tuple[str, list[Placed]]]
    test: list[tuple[str, list[Placed]]]
    seed: int
    ties: str
    untested: float
    overlap: float
    suppression: float
    most: int


@dataclass(frozen=True)
class LabelResult:
    """Metrics of one label, 0 to 1, at its threshold."""

    label: str
    images: int
    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a model; `labels` holds those that some test image has, best F1 first."""

    labels: list[LabelResult]
    thresholds: dict[str, float]
    precision: float
    recall: float
    f1: float
    confusion: list[tuple[str, str, float]]  # true label, predicted label, value; empty for boxes
    average_precision: float | None = None  # of boxes
    average_recall: float | None = None


@dataclass(frozen=True)
class Learned:
    """What came of a training of image-level labels; `scores` has a row for each image of `Task.test`."""

    evaluation: Evaluation
    scores: list[list[float]]


@dataclass(frozen=True)
class BoxesLearned:
    """What came of a training of boxes; `matched` has a list for each image of `BoxTask.test`, surest first."""

    evaluation: Evaluation
    matched: list[list[Matched]]
