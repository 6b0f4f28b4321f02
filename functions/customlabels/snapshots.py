"""Reads the evaluation manifest that a training writes: what each test image shows, and what the model said of it.

JSON Lines. The attribute names are the service's and vary (with a number, or with none), so that truth and
prediction are told apart by the job's name. A prediction without the details that say whether it is right is
judged here, by its label's threshold.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from customlabels.outcomes import Guess, Outcome, Thing, count, outcome

EVALUATION = "rekognition-custom-labels-evaluation"  # how the names of predictions and of their job begin
DETAILS = "rekognition-custom-labels-evaluation-details"
_RIGHT, _WRONG = "is-true-positive", "is-false-positive"


class Prediction(NamedTuple):
    """A prediction, and the service's judgement of it; None where the line does not hold one."""

    guess: Guess
    details: dict[str, Any] | None


class JudgedImage(NamedTuple):
    """A test image with what it shows and what the model said; `sides` in pixels where the line tells them."""

    reference: str
    truth: tuple[Thing, ...]
    predictions: tuple[Prediction, ...]
    sides: tuple[int, int] | None

    @property
    def key(self) -> bytes:
        """What tells test images apart: the reference and what is true of it, whatever the attributes' names."""
        shown = json.dumps([self.reference, sorted(self.truth, key=str)], separators=(",", ":"))
        return hashlib.blake2b(shown.encode(), digest_size=16).digest()

    def outcome(self, thresholds: Mapping[str, float]) -> Outcome:
        """What the model made of the image; `thresholds` judge the predictions that the service did not."""
        if all(one.details is not None for one in self.predictions):
            right: dict[str, int] = {}
            wrong: dict[str, int] = {}
            for guess, details in self.predictions:
                for counts, flag in ((right, _RIGHT), (wrong, _WRONG)):
                    if details and details.get(flag) is True:
                        counts[guess.label] = counts.get(guess.label, 0) + 1
            return outcome(self.truth, right, wrong)
        sure = (one.guess for one in self.predictions if _sure(one.guess, thresholds))
        return count(self.truth, sure)


def read_images(lines: Iterable[str | bytes]) -> Iterator[JudgedImage]:
    """The test images of a snapshot, one after the other; ValueError names a line that is not of the form."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _image(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"line {number} of the evaluation manifest cannot be read: {error!r}") from error


def outcomes(lines: Iterable[str | bytes], thresholds: Mapping[str, float]) -> dict[bytes, Outcome]:
    """Each test image's outcome by its key; equal outcomes are one object, so that many take little memory."""
    known: dict[Outcome, Outcome] = {}
    found: dict[bytes, Outcome] = {}
    for image in read_images(lines):
        made = image.outcome(thresholds)
        found[image.key] = known.setdefault(made, made)
    return found


def _sure(guess: Guess, thresholds: Mapping[str, float]) -> bool:
    return guess.confidence >= thresholds.get(guess.label, 1.0)


def _image(line: dict[str, Any]) -> JudgedImage:
    truth: dict[Thing, None] = {}
    boxes: list[Thing] = []
    predictions: list[Prediction] = []
    sides = None
    for name, metadata in line.items():
        if not name.endswith("-metadata"):
            continue
        name = name.removesuffix("-metadata")
        value = line[name]
        predicted = name.startswith(EVALUATION) or str(metadata.get("job-name", "")).startswith(EVALUATION)
        if isinstance(value, dict):
            found = list(_boxes(value, metadata))
            sides = sides or _sides(value)
        else:
            confidence = float(metadata.get("confidence", 1))
            found = [Prediction(Guess(metadata["class-name"], confidence, None), metadata.get(DETAILS))]
        if predicted:
            predictions += found
        elif isinstance(value, dict):
            boxes += [Thing(guess.label, guess.box) for guess, _ in found]
        else:
            truth |= {Thing(guess.label, None): None for guess, _ in found if guess.confidence > 0}
    return JudgedImage(line["source-ref"], (*truth, *boxes), tuple(predictions), sides)


def _boxes(value: dict[str, Any], metadata: dict[str, Any]) -> Iterator[Prediction]:
    labels, objects = metadata.get("class-map", {}), metadata.get("objects", [])
    for index, one in enumerate(value["annotations"]):
        told = objects[index] if index < len(objects) else {}
        box = (float(one["left"]), float(one["top"]), float(one["width"]), float(one["height"]))
        guess = Guess(labels[str(one["class_id"])], float(told.get("confidence", 1)), box)
        yield Prediction(guess, told.get(DETAILS))


def _sides(value: dict[str, Any]) -> tuple[int, int] | None:
    for size in value.get("image_size", []):
        return int(size["width"]), int(size["height"])
    return None
