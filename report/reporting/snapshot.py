"""The evaluation manifest snapshot: each test image with what it shows and what the model said of it.

The service writes both under names of its own, `rekognition-custom-labels-training…` and
`rekognition-custom-labels-evaluation…`, for labels of images with a number for each.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

IMAGES, BOXES = "IMAGE_LEVEL_LABELS", "OBJECT_LOCALIZATION"  # the service's names of the two use cases

_TRUTH = "rekognition-custom-labels-training"
_SAID = "rekognition-custom-labels-evaluation"
_DETAILS = "rekognition-custom-labels-evaluation-details"
_METADATA = "-metadata"
_SIDES = ("left", "top", "width", "height")

Place = tuple[float, float, float, float]  # left, top, width and height in pixels


class Shown(NamedTuple):
    """A label that the image has, or a box on it."""

    label: str
    place: Place | None


class Said(NamedTuple):
    """A prediction; `is_right`: it is so, whatever its confidence; `counts`: it reaches its label's threshold."""

    label: str
    confidence: float
    is_right: bool
    counts: bool
    place: Place | None


class Judged(NamedTuple):
    """A test image: what is true, what was said, and its width and height in pixels where boxes tell them."""

    image: str
    kind: str
    truth: list[Shown]
    said: list[Said]
    size: tuple[int, int] | None


def judged(text: str, thresholds: dict[str, float], otherwise: float = 0.5) -> Judged:
    """Read a line; ValueError, KeyError or TypeError where it is not of the documented form.

    The thresholds (`otherwise` for a label without one) matter only where a prediction lacks the service's own
    judgement of it.
    """
    line = json.loads(text)
    if not isinstance(line, dict):
        raise TypeError("a line of the snapshot is no JSON object")
    image, kind, size = str(line["source-ref"]), IMAGES, None
    truth: list[Shown] = []
    said: list[tuple[str, float, Place | None, dict[str, Any]]] = []
    for name, metadata in line.items():
        if not name.endswith(_METADATA) or not name.startswith((_TRUTH, _SAID)):
            continue
        if "objects" in metadata:
            value = line[name.removesuffix(_METADATA)]
            kind, size = BOXES, _size(value)
            for label, place, one in _objects(value, metadata):
                if name.startswith(_TRUTH):
                    truth.append(Shown(label, place))
                else:
                    said.append((label, float(one.get("confidence", 0)), place, one.get(_DETAILS) or {}))
        elif name.startswith(_TRUTH):
            truth.append(Shown(metadata["class-name"], None))
        else:
            details = metadata.get(_DETAILS) or {}
            said.append((metadata["class-name"], float(metadata["confidence"]), None, details))
    shown = {one.label for one in truth}
    return Judged(
        image,
        kind,
        truth,
        [
            Said(
                label,
                confidence,
                bool(details.get("is-present-in-ground-truth", label in shown)),
                _counts(details, confidence, thresholds.get(label, otherwise)),
                place,
            )
            for label, confidence, place, details in said
        ],
        size,
    )


def _counts(details: dict[str, Any], confidence: float, threshold: float) -> bool:
    if "is-true-positive" in details or "is-false-positive" in details:
        return bool(details.get("is-true-positive") or details.get("is-false-positive"))
    return confidence >= threshold


def _objects(value: dict[str, Any], metadata: dict[str, Any]) -> Iterator[tuple[str, Place, dict[str, Any]]]:
    names = metadata["class-map"]
    for place, one in zip(value["annotations"], metadata["objects"], strict=True):
        left, top, width, height = (float(place[side]) for side in _SIDES)
        yield names[str(place["class_id"])], (left, top, width, height), one


def _size(value: dict[str, Any]) -> tuple[int, int] | None:
    sizes = value.get("image_size") or []
    return (int(sizes[0]["width"]), int(sizes[0]["height"])) if sizes else None
