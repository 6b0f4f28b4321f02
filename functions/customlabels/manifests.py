"""Manifest lines of Custom Labels: one JSON object a line, one line an image."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, NamedTuple

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")  # the formats that Custom Labels trains on


_CIRCUMSTANCES = ("creation-date", "job-name")  # of a labelling, in a label attribute's metadata


class Image(NamedTuple):
    """One image of a dataset: its manifest line, and what tells whether another is the same."""

    reference: str  # its `source-ref`, s3://bucket/key
    line: str
    etag: str | None = None  # hash of the content, where S3 told one
    labelled: bool = True
    labels: str = ""  # what `labels_of` gives for the line, where it is known already

    @property
    def labelling(self) -> str:
        """A hash of the labels alone: two lines that label alike have the same, whenever and by whatever job."""
        return _hash(self._said())

    @property
    def digest(self) -> str:
        """A hash of content and labels: 32 hexadecimal digits; of the address where the content is not known."""
        return _hash(f"{self.etag or self.reference}\0{self._said()}")

    def _said(self) -> str:
        if self.labels:
            return self.labels
        try:
            return labels_of(json.loads(self.line))
        except ValueError:
            return self.line  # no JSON: the checks will say so


def first(images: Sequence[Image], others: Iterable[Image]) -> Iterator[Image]:
    """`images`, then those of `others` that are at none of their addresses."""
    taken = {image.reference for image in images}
    yield from images
    for image in others:
        if image.reference not in taken:
            yield image


def labels_of(line: Any) -> str:
    """What a manifest line says of its image, without its address, and without when and by what it was said."""
    if not isinstance(line, dict):
        return ""
    said = {
        key: {k: v for k, v in value.items() if k not in _CIRCUMSTANCES} if isinstance(value, dict) else value
        for key, value in line.items()
        if key != "source-ref"
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def folder_line(reference: str, label: str | None, created: datetime) -> str:
    """The line of an image with one image-level label, or none; `created` is in UTC."""
    source = f'{{"source-ref":{encode_basestring(reference)}'
    if label is None:
        return source + "}"
    before, after = _label_attribute(label)
    return f"{source},{before}{created:%Y-%m-%dT%H:%M:%S}{after}}}"


@lru_cache(maxsize=1024)
def _label_attribute(label: str) -> tuple[str, str]:
    """The attribute and metadata of a label, up to its creation date and from there on: the same in each line."""
    metadata = {
        "confidence": 1,
        "class-name": label,
        "human-annotated": "yes",
        "type": "groundtruth/image-classification",
        "job-name": "labeling-job/folder",
        "creation-date": "",
    }
    text = _dump({"label": 1, "label-metadata": metadata})[1:-1]
    return text[: -len('"}')], '.000Z"}'


def folder_label(prefix: str, key: str) -> str | None:
    """The label of `key` below the folder `prefix`: its first-level child folder, as the console has it."""
    folder, slash, _ = key.removeprefix(prefix).partition("/")
    return folder if slash else None


@lru_cache(maxsize=1024)
def folder_labels(label: str | None) -> str:
    """What `labels_of` gives for `folder_line`: the same for each image of a label."""
    return labels_of(json.loads(folder_line("", label, datetime.min)))


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
    kept = _without_service_keys(line)
    return Image(line["source-ref"], _dump(kept), labelled=labelled, labels=labels_of(kept))


def _without_service_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_service_keys(v) for k, v in value.items() if not k.startswith("cl-")}
    if isinstance(value, list):
        return [_without_service_keys(item) for item in value]
    return value


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _dump(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
