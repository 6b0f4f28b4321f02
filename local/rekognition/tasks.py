"""What passes between the host and its worker processes; no library that costs time to import is needed for it."""

from dataclasses import dataclass
from pathlib import Path


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


@dataclass(frozen=True)
class Task:
    """A training: images as (digest, indices of its labels), and where to put the model."""

    store: Path
    model: Path
    labels: list[str]
    train: list[tuple[str, list[int]]]
    test: list[tuple[str, list[int]]]
    seed: int
    ties: str
    confusion: str


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
    confusion: list[tuple[str, str, float]]  # true label, predicted label, value


@dataclass(frozen=True)
class Learned:
    """What came of a training; `scores` has a row for each test image, in the order of `Task.test`."""

    evaluation: Evaluation
    scores: list[list[float]]
