"""Reads the output manifest of a SageMaker Ground Truth labelling job.

Image classification and bounding boxes are Rekognition's own formats and pass as they are. A multi-label attribute
becomes one attribute for each label. Whatever Rekognition does not train on is left out.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

from customlabels.errors import DatasetRejected
from customlabels.exports.streams import text_lines
from customlabels.manifests import Image
from customlabels.preflight.findings import Findings, quoted
from customlabels.preflight.line_checks import CLASSIFICATION, DETECTION, METADATA

MULTI_LABEL = "groundtruth/image-classification-multilabel"
_COPIED = ("job-name", "human-annotated", "creation-date")


def convert(chunks: Iterable[bytes], file: str, found: Findings) -> Iterator[Image]:
    """The images of an output.manifest; DatasetRejected where no line of `file` is one of such a file."""
    lines = images = 0
    first = ""
    for number, row in enumerate(text_lines(chunks, file), 1):
        text = row.decode("utf-8", "replace").strip().removeprefix("\ufeff")
        if not text:
            continue
        lines += 1
        first = first or f"line {number} is {quoted(text)}"
        image = _image(text, f"line {number}", found)
        if image is not None:
            images += 1
            yield image
    if not images:
        told = first or "it is empty"
        raise DatasetRejected(
            f"{file} names no image, {told}; accepted is the output.manifest of a Ground Truth labelling job."
        )


def _image(text: str, item: str, found: Findings) -> Image | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict):
        found.reject("ERROR_INVALID_JSON_LINE", f"it is {quoted(text)}", item=item)
        return None
    reference = line.get("source-ref")
    if not isinstance(reference, str):
        found.reject("ERROR_MISSING_SOURCE_REF", f"its keys are {quoted(sorted(line))}", item=item)
        return None
    where = {"item": item, "image": reference}
    kept: dict[str, Any] = {"source-ref": reference}
    adjusted = any(_is_box(line, name) and "adjustment-status" in line[name + METADATA] for name in line)
    for name, value in line.items():
        if name == "source-ref" or name.startswith("cl-"):
            continue
        if name.endswith(METADATA):
            if name.removesuffix(METADATA) not in line:
                _without_value(name, value, where, found)
            continue
        metadata = line.get(name + METADATA)
        if _is_multi_label(metadata, value):
            kept.update(_single_labels(name, value, metadata, kept.keys() | line.keys(), where, found))
        elif not _is_trained(metadata):
            kind = quoted(metadata.get("type")) if isinstance(metadata, dict) else "no metadata"
            found.add("FOREIGN_ATTRIBUTE", f"{name} has {kind}", **where)
        elif adjusted and _is_box(line, name) and "adjustment-status" not in metadata:
            # An adjustment job writes its boxes beside those that it was given, and both would be trained.
            found.add("SUPERSEDED_ATTRIBUTE", f"{name} stands beside adjusted boxes", **where)
        else:
            kept[name], kept[name + METADATA] = value, metadata
    return Image(reference, json.dumps(kept, ensure_ascii=False, separators=(",", ":")), labelled=len(kept) > 1)


def _is_trained(metadata: Any) -> TypeGuard[dict[str, Any]]:
    """Whether Rekognition trains on it, or has to say itself what is wrong with it."""
    return isinstance(metadata, dict) and metadata.get("type") in (CLASSIFICATION, DETECTION)


def _is_box(line: dict[str, Any], name: str) -> bool:
    metadata = line.get(name + METADATA)
    return isinstance(metadata, dict) and metadata.get("type") == DETECTION


def _is_multi_label(metadata: Any, value: Any) -> TypeGuard[dict[str, Any]]:
    if not isinstance(metadata, dict):
        return False
    # Custom labelling jobs write the same form under a type of their own.
    return metadata.get("type") == MULTI_LABEL or (
        isinstance(value, list) and isinstance(metadata.get("class-map"), dict) and "confidence-map" in metadata
    )


def _single_labels(
    name: str, ids: Any, metadata: dict[str, Any], taken: set[str], where: dict[str, str], found: Findings
) -> dict[str, Any]:
    """One attribute pair for each label of a multi-label attribute, of the type that Rekognition knows."""
    classes = metadata.get("class-map")
    if not isinstance(ids, list) or not isinstance(classes, dict):
        says = f"{name} is {quoted(ids)}; accepted are a list of ids and a class-map that names them"
        found.add("ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", says, **where)
        return {}
    confidences = metadata.get("confidence-map")
    pairs: dict[str, Any] = {}
    for index, one in enumerate(ids):
        label = classes.get(str(one))
        if not isinstance(label, str):
            says = f"{quoted(one)} is not in the class-map of {name}"
            found.add("ERROR_MISSING_CLASS_MAP_ID", says, **where)
            continue
        attribute = f"{name}{index}"
        while attribute in taken:
            attribute += "-"
        confidence = confidences.get(str(one), 1) if isinstance(confidences, dict) else 1
        pairs[attribute] = index
        pairs[attribute + METADATA] = {
            "confidence": confidence,
            "class-name": label,
            "type": CLASSIFICATION,
            **{key: metadata[key] for key in _COPIED if key in metadata},
        }
    return pairs


def _without_value(name: str, metadata: Any, where: dict[str, str], found: Findings) -> None:
    """Note metadata without its value, which is how a job tells that it failed on an image."""
    reason = metadata.get("failure-reason") if isinstance(metadata, dict) else None
    says = f"{name} has no label" + (f": {quoted(reason)}" if reason else "")
    found.add("FOREIGN_ATTRIBUTE", says, **where)
