"""The two manifests of a training: which lines count, and what makes a training fail.

Errors of the content are collected for the manifest summary; the first becomes the StatusMessage. The texts are
AWS's where they are known, and plain sentences elsewhere.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local.rekognition.errors import TrainingError
from local.rekognition.lines import Line, check
from local.rekognition.settings import Settings
from local.rekognition.splitting import TooFewImages, test_share

EMPTY = "The manifest file is empty."
INACCESSIBLE = "The manifest file extension or contents are invalid."
TOO_LARGE = "The manifest file size exceeds the maximum supported size."
NOT_PERMITTED = "The S3 bucket permissions are incorrect."
NOT_WRITABLE = "Unable to write to output S3 bucket."

TOO_MANY_INVALID = "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST"
SEVERAL_BUCKETS = "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS"
TOO_FEW_FOR_SPLIT = "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_AUTOSPLIT"
TOO_FEW_LABELS = "ERROR_MANIFEST_TOO_FEW_LABELS"
TOO_MANY_LABELS = "ERROR_MANIFEST_TOO_MANY_LABELS"
LITTLE_OVERLAP = "ERROR_INSUFFICIENT_LABEL_OVERLAP"
TOO_FEW_USABLE = "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS"
LITTLE_USABLE_OVERLAP = "ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP"

IMAGE = "IMAGE_LEVEL_LABELS"
OBJECT = "OBJECT_LOCALIZATION"
UNDETERMINED = "NOT_DETERMINED"


@dataclass
class Manifest:
    """One side of a training, in the order of its lines."""

    lines: list[Line]
    errors: list[TrainingError] = field(default_factory=list)
    use_case: str = UNDETERMINED

    def labels_of(self, line: Line) -> list[str]:
        """The labels of a line for the use case, each once; none for a line of the other kind."""
        if line.removed:
            return []
        if self.use_case == OBJECT:
            return list(dict.fromkeys(box.label for box in line.boxes))
        return line.labels

    def usable(self) -> list[Line]:
        return [line for line in self.lines if self.labels_of(line)]

    def labels(self) -> list[str]:
        """The labels of usable lines, sorted."""
        return sorted({label for line in self.lines for label in self.labels_of(line)})

    def statistics(self, base: int) -> dict[str, Any]:
        """This side's part of the manifest summary; `base` is the number of the first line."""
        invalid = [line for line in self.lines if line.removed]
        valid = len(self.usable())
        return {
            "use_case": self.use_case,
            "total_json_lines": len(self.lines),
            "valid_json_lines": valid,
            "invalid_json_lines": len(invalid),
            "ignored_json_lines": len(self.lines) - valid - len(invalid),
            "error_json_line_indices": [index + base for index, line in enumerate(self.lines) if line.removed],
            "errors": listed(self.errors),
        }


@dataclass
class Pair:
    """Both manifests, and the errors that concern both."""

    training: Manifest
    testing: Manifest
    errors: list[TrainingError] = field(default_factory=list)

    def summary(self, base: int) -> dict[str, Any]:
        """The manifest summary."""
        return {
            "statistics": {
                "training": self.training.statistics(base),
                "testing": self.testing.statistics(base),
            },
            "errors": listed(self.errors),
        }

    def all_errors(self) -> list[TrainingError]:
        return [*self.training.errors, *self.testing.errors, *self.errors]


def listed(errors: list[TrainingError]) -> list[dict[str, str]]:
    return [{"code": error.code, "message": error.message} for error in errors]


def read(texts: Iterable[str], settings: Settings) -> Manifest:
    """Check every line of a manifest; a second line of a source-ref is ignored, blank lines are invalid.

    Raises TrainingError for a manifest without lines, with too many, or without any JSON.
    """
    lines: list[Line] = []
    seen: set[str] = set()
    for number, text in enumerate(texts):
        if number >= settings.manifest_lines:
            raise TrainingError("The manifest file has too many rows.", "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM")
        line = check(text[: settings.json_line_characters], number, settings)
        if line.source_ref in seen:
            line.labels, line.boxes = [], []
        elif line.source_ref is not None:
            seen.add(line.source_ref)
        lines.append(line)
    if not any(line.text.strip() for line in lines):
        raise TrainingError(EMPTY, "ERROR_EMPTY_MANIFEST")
    if all(line.content is None for line in lines):
        raise TrainingError(INACCESSIBLE, "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT")
    return Manifest(lines)


def split(whole: Manifest, settings: Settings) -> Pair:
    """Set a share of the training lines aside for testing; invalid and unlabelled lines stay."""
    choose_use_case(Pair(whole, Manifest([])), settings)
    images = [(line.source_ref or "", tuple(whole.labels_of(line))) for line in whole.lines]
    try:
        chosen = test_share(images, settings)
    except TooFewImages as few:
        error = TrainingError(f"The manifest file has too few images per label to split. {few}", TOO_FEW_FOR_SPLIT)
        return Pair(Manifest(whole.lines, [error], whole.use_case), Manifest([], [], whole.use_case))
    return Pair(
        Manifest([line for index, line in enumerate(whole.lines) if index not in chosen]),
        Manifest([line for index, line in enumerate(whole.lines) if index in chosen]),
    )


def choose_use_case(pair: Pair, settings: Settings) -> None:
    """Decide by the training lines between image-level labels and boxes; lines of the other kind are ignored."""
    images = sum(bool(line.labels) and not line.removed for line in pair.training.lines)
    objects = sum(bool(line.boxes) and not line.labels and not line.removed for line in pair.training.lines)
    if not images and not objects:
        chosen = UNDETERMINED
    elif settings.mixed_use_case == "image":
        chosen = IMAGE if images else OBJECT
    elif settings.mixed_use_case == "object":
        chosen = OBJECT if objects else IMAGE
    else:
        chosen = IMAGE if images >= objects else OBJECT
    pair.training.use_case = pair.testing.use_case = chosen


def check_content(pair: Pair, settings: Settings, *, images_read: bool = False) -> None:
    """Note what makes the training fail; once the images are read, the codes speak of usable labels."""
    for side, manifest in (("training", pair.training), ("testing", pair.testing)):
        _check_side(side, manifest, settings)
    training, testing = pair.training.labels(), pair.testing.labels()
    objects = pair.training.use_case == OBJECT
    minimum = settings.object_labels_minimum if objects else settings.image_labels_minimum
    if len(training) < minimum:
        message = f"The training manifest file has {len(training)} labels, and at least {minimum} are needed."
        pair.training.errors.append(TrainingError(message, TOO_FEW_USABLE if images_read else TOO_FEW_LABELS))
        return
    if len(training) > settings.labels_maximum:
        message = f"The training manifest file has more than {settings.labels_maximum} labels."
        pair.training.errors.append(TrainingError(message, TOO_MANY_LABELS))
    common = set(training) & set(testing)
    if len(common) < settings.label_overlap * len(training):
        message = f"The test dataset has {len(common)} of the training dataset's {len(training)} labels, and at"
        message += f" least {settings.label_overlap:.0%} are needed."
        pair.errors.append(TrainingError(message, LITTLE_USABLE_OVERLAP if images_read else LITTLE_OVERLAP))


def _check_side(side: str, manifest: Manifest, settings: Settings) -> None:
    if len({line.bucket for line in manifest.lines if line.bucket}) > 1:
        message = "The manifest file contains images from multiple S3 buckets."
        manifest.errors.append(TrainingError(message, SEVERAL_BUCKETS))
    invalid = sum(line.removed for line in manifest.lines)
    if invalid > settings.invalid_lines_ratio * len(manifest.lines):
        codes = Counter(finding.code for line in manifest.lines if line.removed for finding in line.findings)
        code, count = codes.most_common(1)[0]
        message = f"The {side} manifest file has too many invalid rows: {invalid} of {len(manifest.lines)}."
        message += f" Most frequent: {code}, {count} times."
        manifest.errors.append(TrainingError(message, TOO_MANY_INVALID))


def limit_test_images(manifest: Manifest, settings: Settings) -> list[Line]:
    """The usable lines, without those whose every label has its full number of test images already."""
    counts: Counter[str] = Counter()
    kept = []
    for line in manifest.usable():
        labels = manifest.labels_of(line)
        if any(counts[label] < settings.test_images_per_label for label in labels):
            counts.update(labels)
            kept.append(line)
    return kept
