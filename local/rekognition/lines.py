"""One JSON line of a manifest: its labels and boxes, and everything that is wrong with it.

The rules are those of the developer guide's list of non-terminal errors. Seven of them (FIRST) are checked before
all others, and one of those ends the check of the line. A fault of a line removes the image; a fault of an
attribute or a box removes just that.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from local.rekognition.settings import Settings

CLASSIFICATION = "groundtruth/image-classification"
DETECTION = "groundtruth/object-detection"
METADATA = "-metadata"
SERVICE_KEYS = ("cl-metadata", "cl-errors")  # written by ListDatasetEntries
RESULT_KEYS = ("errors", "warnings")  # written by a training's validation files

MISSING_SOURCE_REF = "ERROR_MISSING_SOURCE_REF"
INVALID_SOURCE_REF = "ERROR_INVALID_SOURCE_REF_FORMAT"
NO_LABEL_ATTRIBUTES = "ERROR_NO_LABEL_ATTRIBUTES"
INVALID_ATTRIBUTE = "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT"
INVALID_METADATA = "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT"
MISSING_CONFIDENCE = "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE"
MISSING_CLASS_ID = "ERROR_MISSING_CLASS_MAP_ID"
INVALID_JSON = "ERROR_INVALID_JSON_LINE"
NO_VALID_ATTRIBUTES = "ERROR_NO_VALID_LABEL_ATTRIBUTES"
UNSUPPORTED_TYPE = "ERROR_UNSUPPORTED_USE_CASE_TYPE"
LABEL_LENGTH = "ERROR_INVALID_LABEL_NAME_LENGTH"
INVALID_IMAGE = "ERROR_INVALID_IMAGE"
INVALID_DIMENSION = "ERROR_INVALID_IMAGE_DIMENSION"
INVALID_BOX = "ERROR_INVALID_BOUNDING_BOX"
SMALL_BOX = "ERROR_BOUNDING_BOX_TOO_SMALL"
TOO_MANY_BOXES = "ERROR_TOO_MANY_BOUNDING_BOXES"
NO_VALID_ANNOTATIONS = "ERROR_NO_VALID_ANNOTATIONS"
UNANNOTATED = "WARNING_UNANNOTATED_RECORD"
NO_ANNOTATIONS = "WARNING_NO_ANNOTATIONS"
NO_ATTRIBUTE_ANNOTATIONS = "WARNING_NO_ATTRIBUTE_ANNOTATIONS"

_SIZE: tuple[str, ...] = ("width", "height", "depth")
_BOX: tuple[str, ...] = ("class_id", "left", "top", "width", "height")
_SOURCE_REF = re.compile(r"s3://([0-9A-Za-z.\-_]{3,255})/(.{1,1024})", re.DOTALL)

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """A code, its text, and where its array sits: () the line, (attribute,), (attribute, "annotations", index)…"""

    code: str
    message: str
    place: Place = ()

    @property
    def is_error(self) -> bool:
        return self.code.startswith("ERROR_")


@dataclass(frozen=True)
class Box:
    """An annotated object; pixels of the image as annotated, whose width and height are `sides`."""

    label: str
    left: float
    top: float
    width: float
    height: float
    sides: tuple[float, float]

    @property
    def share(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom as ratios of the image's sides."""
        width, height = self.sides
        right, bottom = self.left + self.width, self.top + self.height
        return self.left / width, self.top / height, right / width, bottom / height


@dataclass
class Line:
    """What one line says. `content` is None where the line is no JSON object."""

    number: int
    text: str
    content: dict[str, Any] | None = None
    source_ref: str | None = None
    bucket: str = ""
    key: str = ""
    labels: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    removed: bool = False
    is_labeled: bool = False

    def fault(self, code: str, message: str, *place: str | int, remove: bool = False) -> None:
        self.findings.append(Finding(code, message, place))
        self.removed = self.removed or remove

    @property
    def is_usable(self) -> bool:
        return not self.removed and bool(self.labels or self.boxes)

    def annotated(self, errors: str, warnings: str | None) -> dict[str, Any]:
        """The content with the findings in arrays under those keys; no JSON: only the error."""
        result: dict[str, Any] = {}
        if self.content is not None:
            result = json.loads(json.dumps(self.content))
        for finding in self.findings:
            key = errors if finding.is_error else warnings
            if key is None:
                continue
            target: Any = result
            for step in finding.place:
                target = target[step]
            target.setdefault(key, []).append({"code": finding.code, "message": finding.message})
        return result


def check(text: str, number: int, settings: Settings) -> Line:
    """Read one line; `number` counts from 0. Keys that the service itself writes are left out of `content`."""
    line = Line(number, text)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        line.fault(INVALID_JSON, "The JSON Line is not valid JSON.", remove=True)
        return line
    line.content = _without_service_keys(content)
    _source(line)
    if not line.removed:
        _attributes(line, settings)
    return line


def _without_service_keys(value: Any) -> Any:
    """`value` without the keys of earlier listings and validation files, which may be fed back."""
    if isinstance(value, dict):
        return {
            key: _without_service_keys(item)
            for key, item in value.items()
            if key not in SERVICE_KEYS and not (key in RESULT_KEYS and isinstance(item, list))
        }
    if isinstance(value, list):
        return [_without_service_keys(item) for item in value]
    return value


def _source(line: Line) -> None:
    assert line.content is not None
    if "source-ref" not in line.content:
        line.fault(MISSING_SOURCE_REF, "The source-ref key is missing.", remove=True)
        return
    source = line.content["source-ref"]
    match = _SOURCE_REF.fullmatch(source) if isinstance(source, str) else None
    if match is None:
        line.fault(INVALID_SOURCE_REF, "The format of the source-ref value is invalid.", remove=True)
        return
    line.source_ref, line.bucket, line.key = source, match[1], match[2]


def _attributes(line: Line, settings: Settings) -> None:
    assert line.content is not None
    others = [key for key in line.content if key != "source-ref"]
    if not others:
        line.fault(UNANNOTATED, "Record is unannotated.")
        return
    names = [key for key in others if f"{key}{METADATA}" in line.content]
    if not names:
        line.fault(NO_LABEL_ATTRIBUTES, "No label attributes found.", remove=True)
        return
    line.is_labeled = True
    kinds = {name: _kind(line, name) for name in names}
    for name, kind in kinds.items():
        if kind == CLASSIFICATION:
            _classification_format(line, name)
        elif kind == DETECTION:
            _detection_format(line, name)
    if line.removed:
        return
    valid = 0
    for name, kind in kinds.items():
        if kind == CLASSIFICATION:
            valid += _classification(line, name, settings)
        elif kind == DETECTION:
            valid += _detection(line, name, settings)
    if not valid:
        line.fault(NO_VALID_ATTRIBUTES, "No valid label attributes found.", remove=True)
    elif len(set(line.labels)) > settings.labels_per_image:
        line.fault(INVALID_ATTRIBUTE, f"The image has more than {settings.labels_per_image} labels.", remove=True)
    elif not line.labels and not line.boxes and not line.removed:
        _without_annotations(line, list(kinds))


def _kind(line: Line, name: str) -> str | None:
    """The supported type of an attribute; None after noting why it has none."""
    assert line.content is not None
    metadata = line.content[f"{name}{METADATA}"]
    if not isinstance(metadata, dict):
        line.fault(INVALID_METADATA, f"The metadata of {name} is not an object.", remove=True)
        return None
    kind = metadata.get("type")
    if not isinstance(kind, str):
        line.fault(INVALID_METADATA, f"The metadata of {name} has no type.", f"{name}{METADATA}", remove=True)
        return None
    if kind not in (CLASSIFICATION, DETECTION):
        message = f"The use case type of the {name} label attribute metadata is unsupported."
        line.fault(UNSUPPORTED_TYPE, message, f"{name}{METADATA}")
        return None
    return kind


def _metadata_format(line: Line, name: str, metadata: dict[str, Any]) -> bool:
    """Check what both types need; whether it is there."""
    for key, good in (
        ("human-annotated", metadata.get("human-annotated") in ("yes", "no")),
        ("creation-date", isinstance(metadata.get("creation-date"), str)),
    ):
        if not good:
            message = f"The {key} of {name} is missing or invalid."
            line.fault(INVALID_METADATA, message, f"{name}{METADATA}", remove=True)
            return False
    return True


def _classification_format(line: Line, name: str) -> None:
    assert line.content is not None
    metadata = line.content[f"{name}{METADATA}"]
    if not _is_integer(line.content[name]):
        line.fault(INVALID_ATTRIBUTE, f"The value of {name} is not an integer.", remove=True)
    if not _metadata_format(line, name, metadata):
        return
    if not isinstance(metadata.get("class-name"), str):
        key = "class-name"
    elif not _is_number(metadata.get("confidence")) or not 0 <= metadata["confidence"] <= 1:
        key = "confidence"
    else:
        return
    line.fault(INVALID_METADATA, f"The {key} of {name} is missing or invalid.", f"{name}{METADATA}", remove=True)


def _detection_format(line: Line, name: str) -> None:
    assert line.content is not None
    value, metadata = line.content[name], line.content[f"{name}{METADATA}"]
    if not _is_detection(value):
        line.fault(
            INVALID_ATTRIBUTE,
            f"The value of {name} is not an image_size and annotations.",
            *((name,) if isinstance(value, dict) else ()),
            remove=True,
        )
        return
    if not _metadata_format(line, name, metadata):
        return
    objects, classes = metadata.get("objects"), metadata.get("class-map")
    if not isinstance(objects, list) or not isinstance(classes, dict):
        key = "objects" if not isinstance(objects, list) else "class-map"
        line.fault(
            INVALID_METADATA, f"The {key} of {name} is missing or invalid.", f"{name}{METADATA}", remove=True
        )
        return
    annotations = value["annotations"]
    sure = [one for one in objects if isinstance(one, dict) and _is_number(one.get("confidence"))]
    if len(sure) != len(objects) or len(objects) < len(annotations):
        message = f"A bounding box of {name} has no confidence."
        line.fault(MISSING_CONFIDENCE, message, f"{name}{METADATA}", remove=True)
    for index, annotation in enumerate(annotations):
        if not isinstance(classes.get(str(annotation["class_id"])), str):
            message = f"The class_id {annotation['class_id']} is not in the class-map of {name}."
            line.fault(MISSING_CLASS_ID, message, name, "annotations", index, remove=True)


def _is_detection(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    sizes, annotations = value.get("image_size"), value.get("annotations")
    if not isinstance(sizes, list) or len(sizes) != 1 or not isinstance(annotations, list):
        return False
    wanted = [(sizes[0], _SIZE), *((one, _BOX) for one in annotations)]
    return all(isinstance(one, dict) and all(_is_number(one.get(key)) for key in keys) for one, keys in wanted)


def _classification(line: Line, name: str, settings: Settings) -> bool:
    assert line.content is not None
    label = line.content[f"{name}{METADATA}"]["class-name"]
    if not _good_label(label, settings):
        message = f"The length of the label name of {name} is invalid."
        line.fault(LABEL_LENGTH, message, f"{name}{METADATA}")
        return False
    if label not in line.labels:
        line.labels.append(label)
    return True


def _detection(line: Line, name: str, settings: Settings) -> bool:
    assert line.content is not None
    value, metadata = line.content[name], line.content[f"{name}{METADATA}"]
    size, annotations = value["image_size"][0], value["annotations"]
    sides = (size["width"], size["height"])
    if min(sides) < settings.image_side_minimum or max(sides) > settings.image_side_maximum:
        line.fault(INVALID_DIMENSION, "The image dimensions are out of the allowed range.", name, remove=True)
    if len(annotations) > settings.boxes_per_image:
        message = f"There are more than {settings.boxes_per_image} bounding boxes."
        line.fault(TOO_MANY_BOXES, message, name, remove=True)
        return True
    if not annotations:
        if metadata["human-annotated"] == "yes":
            line.fault(NO_ATTRIBUTE_ANNOTATIONS, f"The attribute {name} has no annotations.", name)
        return True
    boxes = []
    for index, one in enumerate(annotations):
        label = metadata["class-map"][str(one["class_id"])]
        box = Box(label, one["left"], one["top"], one["width"], one["height"], sides)
        code, message = _box_fault(box, sides, settings)
        if code:
            line.fault(code, message, name, "annotations", index)
        else:
            boxes.append(box)
    if not boxes:
        line.fault(NO_VALID_ANNOTATIONS, f"The attribute {name} has no valid annotations.", name, remove=True)
    line.boxes += boxes
    return True


def _box_fault(box: Box, sides: tuple[float, float], settings: Settings) -> tuple[str, str]:
    if not _good_label(box.label, settings):
        return LABEL_LENGTH, "The length of the label name is invalid."
    inside = box.left + box.width <= sides[0] and box.top + box.height <= sides[1]
    if not inside or min(box.left, box.top, box.width, box.height) < 0:
        return INVALID_BOX, "The bounding box is outside of the image, or has a negative value."
    scale = min(1.0, settings.downscale_side / max(sides))
    if box.width * scale <= 1 or box.height * scale <= 1:
        return SMALL_BOX, "The bounding box is not larger than 1 x 1 pixels."
    return "", ""


def _without_annotations(line: Line, names: list[str]) -> None:
    """A line without any label: an unlabelled image, and a warning where a person said that it has no boxes."""
    assert line.content is not None
    line.is_labeled = False
    if any(line.content[f"{name}{METADATA}"].get("human-annotated") == "yes" for name in names):
        line.fault(NO_ANNOTATIONS, "The image has no annotations.")


def _good_label(label: str, settings: Settings) -> bool:
    return 1 <= len(label) <= settings.label_characters


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
