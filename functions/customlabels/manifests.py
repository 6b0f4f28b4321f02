"""Manifest lines of Custom Labels: one JSON object a line, one line an image."""

import json
from datetime import datetime
from typing import Any, NamedTuple

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")  # the formats that Custom Labels trains on


class Image(NamedTuple):
    """One image of a dataset: its manifest line, and what tells whether another is the same."""

    reference: str  # its `source-ref`, s3://bucket/key
    line: str
    etag: str | None = None  # hash of the content, where S3 told one
    labelled: bool = True


def folder_line(reference: str, label: str | None, created: datetime) -> str:
    """The line of an image with one image-level label, or none; `created` is in UTC."""
    if label is None:
        return _dump({"source-ref": reference})
    return _dump(
        {
            "source-ref": reference,
            "label": 1,
            "label-metadata": {
                "confidence": 1,
                "class-name": label,
                "human-annotated": "yes",
                "creation-date": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "type": "groundtruth/image-classification",
                "job-name": "labeling-job/folder",
            },
        }
    )


def folder_label(prefix: str, key: str) -> str | None:
    """The label of `key` below the folder `prefix`: its first-level child folder, as the console has it."""
    folder, slash, _ = key.removeprefix(prefix).partition("/")
    return folder if slash else None


def is_image(key: str) -> bool:
    """Whether the key's ending is that of a format that Custom Labels trains on."""
    return key.lower().endswith(IMAGE_SUFFIXES)


def read_line(text: str) -> Image | None:
    """The image of a manifest line without the service's own `cl-` keys; None where no image is named."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict) or not isinstance(line.get("source-ref"), str):
        return None
    labelled = any(key.endswith("-metadata") and not key.startswith("cl-") for key in line)
    return Image(line["source-ref"], _dump(_without_service_keys(line)), labelled=labelled)


def _without_service_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_service_keys(v) for k, v in value.items() if not k.startswith("cl-")}
    if isinstance(value, list):
        return [_without_service_keys(item) for item in value]
    return value


def _dump(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
