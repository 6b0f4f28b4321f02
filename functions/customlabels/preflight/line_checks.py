"""One line of a manifest: its labels, and everything that Rekognition would find wrong with it.

As in the service, some faults of the form are looked for first, and one of them ends the check of the line; a
fault of a line removes the image, a fault of an attribute or a box removes just that.
"""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

from customlabels.locations import parse_uri
from customlabels.preflight.findings import quoted
from customlabels.preflight.rules import (
    ASPECT,
    BOX_MINIMUM,
    BOXES_PER_IMAGE,
    DOWNSCALE_SIDE,
    FORMATS,
    IMAGE_BYTES,
    LABEL_CHARACTERS,
    LABELS_PER_IMAGE,
    LINE_CHARACTERS,
    SIDE_MAXIMUM,
    SIDE_MINIMUM,
)

CLASSIFICATION = "groundtruth/image-classification"
DETECTION = "groundtruth/object-detection"
METADATA = "-metadata"


class Facts(NamedTuple):
    """What was read of an image besides its line; None for what was not.

    `size` is in bytes. `content` tells equal contents apart from others, and begins with how: `etag:9a0364…`.
    `fault` says why the image cannot be read, as the end of a sentence: `there is no such object`.
    """

    format: str | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    content: str | None = None
    fault: str | None = None


class Fault(NamedTuple):
    """A code of the rules, and what is wrong here."""

    code: str
    says: str


@dataclass
class Checked:
    """What one line says: the labels of the whole image and those of its `objects`, each once and usable.

    `removed`: its form removes the image; `bad_image`: what was read of the image does.
    """

    reference: str | None = None
    bucket: str | None = None
    labels: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    removed: bool = False
    bad_image: bool = False

    def fault(self, code: str, says: str = "", *, remove: bool = False) -> None:
        self.faults.append(Fault(code, says))
        self.removed = self.removed or remove


def check_line(text: str, facts: Facts | None = None) -> Checked:
    """Check one line of a manifest with what was read of its image."""
    checked = Checked()
    if len(text) > LINE_CHARACTERS:
        checked.fault("LINE_TOO_LONG", f"it has {len(text):,} characters", remove=True)
        return checked
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict):
        checked.fault("ERROR_INVALID_JSON_LINE", f"it is {quoted(text)}", remove=True)
        return checked
    _source(checked, line)
    if not checked.removed:
        sizes = _attributes(checked, line)
        if facts is not None:
            _image(checked, facts, sizes)
    if checked.removed:
        checked.labels, checked.objects = [], []
    return checked


def _source(checked: Checked, line: dict[str, Any]) -> None:
    if "source-ref" not in line:
        checked.fault("ERROR_MISSING_SOURCE_REF", f"its keys are {quoted(sorted(line))}", remove=True)
        return
    source = line["source-ref"]
    try:
        location = parse_uri(source) if isinstance(source, str) else None
    except ValueError:
        location = None
    if location is None or not location.key:
        checked.fault("ERROR_INVALID_SOURCE_REF_FORMAT", f"source-ref is {quoted(source)}", remove=True)
        return
    checked.reference, checked.bucket = source, location.bucket


def _attributes(checked: Checked, line: dict[str, Any]) -> list[tuple[float, float]]:
    """Check the label attributes; gives the image sizes that boxes were drawn for."""
    others = [key for key in line if key != "source-ref" and not key.startswith("cl-")]
    if not others:
        checked.fault("WARNING_UNANNOTATED_RECORD")
        return []
    kinds = {name: _kind(checked, name, line[name + METADATA]) for name in others if name + METADATA in line}
    if not kinds:
        checked.fault("ERROR_NO_LABEL_ATTRIBUTES", f"its keys are {quoted(sorted(others))}", remove=True)
        return []
    for name, kind in kinds.items():
        if kind == CLASSIFICATION:
            _classification_form(checked, name, line[name], line[name + METADATA])
        elif kind == DETECTION:
            _detection_form(checked, name, line[name], line[name + METADATA])
    if checked.removed:
        return []
    valid, sizes, empty = 0, [], []
    for name, kind in kinds.items():
        if kind == CLASSIFICATION:
            valid += _label(checked, name, line[name + METADATA]["class-name"])
        elif kind == DETECTION:
            valid += 1
            size = line[name]["image_size"][0]
            sizes.append((size["width"], size["height"]))
            if not line[name]["annotations"]:
                empty.append(name)
            if min(sizes[-1]) < SIDE_MINIMUM or max(sizes[-1]) > SIDE_MAXIMUM:
                says = f"{name} was drawn on {size['width']} x {size['height']} pixels"
                checked.fault("ERROR_INVALID_IMAGE_DIMENSION", says, remove=True)
            elif line[name]["annotations"]:
                _boxes(checked, name, line[name], line[name + METADATA]["class-map"])
    if not valid:
        checked.fault("ERROR_NO_VALID_LABEL_ATTRIBUTES", f"it has {quoted(list(kinds))}", remove=True)
    elif len(checked.labels) > LABELS_PER_IMAGE:
        says = f"it has {len(checked.labels)} labels; accepted are {LABELS_PER_IMAGE} an image"
        checked.fault("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", says, remove=True)
    elif empty and not (checked.labels or checked.objects or checked.removed):
        checked.fault("WARNING_NO_ANNOTATIONS", f"{empty[0]} has no annotations")
    else:
        for name in empty:
            checked.fault("WARNING_NO_ATTRIBUTE_ANNOTATIONS", f"{name} has no annotations")
    return sizes


def _kind(checked: Checked, name: str, metadata: Any) -> str | None:
    kind = metadata.get("type") if isinstance(metadata, dict) else None
    if not isinstance(kind, str):
        says = f"{name}{METADATA} has no type; accepted are {CLASSIFICATION} and {DETECTION}"
        checked.fault("ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT", says, remove=True)
        return None
    if kind not in (CLASSIFICATION, DETECTION):
        says = f"the type of {name} is {quoted(kind)}; accepted are {CLASSIFICATION} and {DETECTION}"
        checked.fault("ERROR_UNSUPPORTED_USE_CASE_TYPE", says)
        return None
    return kind


def _metadata_form(
    checked: Checked, name: str, metadata: dict[str, Any], rules: dict[str, tuple[bool, str]]
) -> None:
    """Note the first key of the metadata whose rule (whether it holds, what is accepted) is broken."""
    common = {
        "human-annotated": (metadata.get("human-annotated") in ("yes", "no"), "yes or no"),
        "creation-date": (isinstance(metadata.get("creation-date"), str), "a date"),
    }
    for key, (holds, accepted) in {**rules, **common}.items():
        if not holds:
            told = f"is {quoted(metadata[key])}" if key in metadata else "is missing"
            says = f"{key} of {name}{METADATA} {told}; accepted is {accepted}"
            checked.fault("ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT", says, remove=True)
            return


def _classification_form(checked: Checked, name: str, value: Any, metadata: dict[str, Any]) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        says = f"{name} is {quoted(value)}; accepted is a whole number"
        checked.fault("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", says, remove=True)
    confidence = metadata.get("confidence")
    rules = {
        "class-name": (isinstance(metadata.get("class-name"), str), "a label"),
        "confidence": (is_number(confidence) and 0 <= confidence <= 1, "a number from 0 to 1"),
    }
    _metadata_form(checked, name, metadata, rules)


def _detection_form(checked: Checked, name: str, value: Any, metadata: dict[str, Any]) -> None:
    if wrong := _not_detection(value):
        says = f"{name} has {wrong}; accepted are an image_size of one width, height, depth and annotations of "
        says += "class_id, left, top, width, height"
        checked.fault("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", says, remove=True)
        return
    objects, classes = metadata.get("objects"), metadata.get("class-map")
    rules = {
        "objects": (isinstance(objects, list), "a list"),
        "class-map": (isinstance(classes, dict), "an object"),
    }
    before = len(checked.faults)
    _metadata_form(checked, name, metadata, rules)
    if len(checked.faults) > before or not isinstance(objects, list) or not isinstance(classes, dict):
        return
    annotations = value["annotations"]
    sure = sum(isinstance(one, dict) and is_number(one.get("confidence")) for one in objects)
    if sure < len(objects) or len(objects) < len(annotations):
        says = f"{name} has {len(annotations)} annotations and {sure} confidences"
        checked.fault("ERROR_MISSING_BOUNDING_BOX_CONFIDENCE", says, remove=True)
    for one in annotations:
        if not isinstance(classes.get(str(one["class_id"])), str):
            says = f"class_id {one['class_id']} is not in the class-map of {name}"
            checked.fault("ERROR_MISSING_CLASS_MAP_ID", says, remove=True)


def _not_detection(value: Any) -> str | None:
    """What is wrong with the form of a box attribute, or None."""
    if not isinstance(value, dict):
        return f"the value {quoted(value)}"
    sizes, annotations = value.get("image_size"), value.get("annotations")
    if not isinstance(sizes, list) or len(sizes) != 1 or not _has_numbers(sizes[0], ("width", "height", "depth")):
        return f"an image_size of {quoted(sizes)}"
    if not isinstance(annotations, list):
        return f"annotations of {quoted(annotations)}"
    for one in annotations:
        if not _has_numbers(one, ("class_id", "left", "top", "width", "height")):
            return f"an annotation of {quoted(one)}"
    return None


def _has_numbers(value: Any, keys: tuple[str, ...]) -> bool:
    return isinstance(value, dict) and all(is_number(value.get(key)) for key in keys)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a number that can be reckoned with."""
    if isinstance(value, float):
        return abs(value) != float("inf") and value == value
    return isinstance(value, int) and not isinstance(value, bool)


def _label(checked: Checked, name: str, label: str) -> bool:
    if not 1 <= len(label) <= LABEL_CHARACTERS:
        _label_length(checked, name, label)
        return False
    if label not in checked.labels:
        checked.labels.append(label)
    return True


def _label_length(checked: Checked, name: str, label: str) -> None:
    says = f"the label {quoted(label)} of {name} has {len(label)} characters"
    checked.fault("ERROR_INVALID_LABEL_NAME_LENGTH", says)


def _boxes(checked: Checked, name: str, value: dict[str, Any], classes: dict[str, str]) -> None:
    size, annotations = value["image_size"][0], value["annotations"]
    sides = (size["width"], size["height"])
    if len(annotations) > BOXES_PER_IMAGE:
        checked.fault("ERROR_TOO_MANY_BOUNDING_BOXES", f"{name} has {len(annotations)} boxes", remove=True)
        return
    scale = min(1.0, DOWNSCALE_SIDE / max(sides))
    usable = 0
    for one in annotations:
        label = classes[str(one["class_id"])]
        left, top, width, height = one["left"], one["top"], one["width"], one["height"]
        told = f"the box {left}, {top}, {width} x {height} of {name} in {sides[0]} x {sides[1]} pixels"
        if not 1 <= len(label) <= LABEL_CHARACTERS:
            _label_length(checked, name, label)
        elif min(left, top, width, height) < 0 or left + width > sides[0] or top + height > sides[1]:
            checked.fault("ERROR_INVALID_BOUNDING_BOX", told)
        elif min(width, height) * scale <= BOX_MINIMUM:
            checked.fault("ERROR_BOUNDING_BOX_TOO_SMALL", told)
        else:
            usable += 1
            if label not in checked.objects:
                checked.objects.append(label)
    if not usable:
        says = f"none of the {len(annotations)} boxes of {name} can be used"
        checked.fault("ERROR_NO_VALID_ANNOTATIONS", says, remove=True)


def _image(checked: Checked, facts: Facts, sizes: list[tuple[float, float]]) -> None:
    """Check what was read of the image."""
    code = "ERROR_INVALID_IMAGE"
    width, height = facts.width or 0, facts.height or 0
    known = bool(width and height)
    told = f"it has {width} x {height} pixels"
    if facts.fault:
        says = facts.fault
    elif facts.format is not None and facts.format not in FORMATS:
        says = f"its format is {facts.format}; accepted are PNG and JPEG"
    elif facts.size is not None and facts.size > IMAGE_BYTES:
        says = f"it has {facts.size:,} bytes; accepted are at most {IMAGE_BYTES:,}"
    elif known and (min(width, height) < SIDE_MINIMUM or max(width, height) > SIDE_MAXIMUM):
        says = f"{told}; accepted are sides of {SIDE_MINIMUM} to {SIDE_MAXIMUM}"
        code = "ERROR_INVALID_IMAGE_DIMENSION" if sizes else code
    elif known and max(width, height) > ASPECT * min(width, height):
        says = f"{told}; accepted is one side at most {ASPECT} times the other"
    else:
        drawn = next((size for size in sizes if size != (width, height)), None)
        if known and drawn:
            turned = "; a camera's rotation may have been applied" if drawn == (height, width) else ""
            says = f"{told} and its boxes were drawn on {drawn[0]} x {drawn[1]}{turned}"
            checked.fault("IMAGE_SIZE_DIFFERS", says)
        return
    checked.fault(code, says)
    checked.bad_image = True
