"""The entries of a dataset, from the lines of a manifest: what is kept, what is dropped without a word."""

import json
from collections.abc import Iterable, Iterator

from local.rekognition.errors import DatasetError
from local.rekognition.lines import Line, check
from local.rekognition.resources import Counts, Entry
from local.rekognition.settings import Settings

INVALID_CONTENTS = "The manifest file extension or contents are invalid."
TOO_LARGE = "The manifest file size exceeds the maximum supported size."
TOO_MANY_ROWS = "The manifest file has too many rows."
TOO_MANY_LABELS = "The manifest file has too many labels."
TOO_MANY_ERRORS = "The manifest file has too many records in error."
SEVERAL_BUCKETS = "The manifest file contains images from multiple S3 buckets."
NOT_READABLE = "The S3 bucket permissions are incorrect."


def read_entries(
    lines: Iterable[str], settings: Settings, present: dict[str, Entry] | None = None
) -> dict[str, Entry]:
    """The entries after `lines` are added to `present`: a known source-ref is replaced, a new one appended.

    Lines that are too long, no JSON, without a usable source-ref, or second for their source-ref, are dropped
    silently, as AWS does. Raises DatasetError for what makes the whole dataset or update fail.
    """
    added: dict[str, Entry] = {}
    total = kept = 0
    for number, text in enumerate(lines):
        total += 1
        if total > settings.manifest_lines:
            raise DatasetError(TOO_MANY_ROWS)
        if not text.strip() or len(text) > settings.json_line_characters:
            continue
        line = check(text, number, settings)
        if line.source_ref is None or line.source_ref in added:
            kept += line.content is not None
            continue
        kept += 1
        added[line.source_ref] = entry(line)
    if total and not kept:
        raise DatasetError(INVALID_CONTENTS)
    entries = {**(present or {}), **added}
    if len(entries) > settings.manifest_lines:
        raise DatasetError(TOO_MANY_ROWS)
    _check_all(entries, settings)
    return entries


def entry(line: Line) -> Entry:
    """The entry of a line that has a source-ref."""
    assert line.source_ref is not None
    content = line.annotated("cl-errors", None)
    content["cl-metadata"] = {"is_labeled": line.is_labeled}
    return Entry(
        source_ref=line.source_ref,
        text=json.dumps(content, separators=(",", ":"), ensure_ascii=False),
        labels=() if line.removed else tuple(line.labels),
        box_labels=() if line.removed else tuple(dict.fromkeys(box.label for box in line.boxes)),
        is_labeled=line.is_labeled,
        has_errors=any(finding.is_error for finding in line.findings),
    )


def _check_all(entries: dict[str, Entry], settings: Settings) -> None:
    if len({one.source_ref.split("/", 3)[2] for one in entries.values()}) > 1:
        raise DatasetError(SEVERAL_BUCKETS)
    counts = Counts.of(entries.values())
    if len(counts.labels) > settings.labels_maximum:
        raise DatasetError(TOO_MANY_LABELS)
    if counts.errors > settings.dataset_error_ratio * counts.total:
        raise DatasetError(TOO_MANY_ERRORS)


def text_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a UTF-8 file read in chunks, without a byte order mark; DatasetError for what is no text."""
    rest, first = b"", True
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _text(line, first)
            first = False
    if rest:
        yield _text(rest, first)


def _text(line: bytes, first: bool) -> str:
    try:
        return line.decode("utf-8-sig" if first else "utf-8").rstrip("\r")
    except UnicodeDecodeError:
        raise DatasetError(INVALID_CONTENTS) from None
