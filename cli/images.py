"""A folder of images on this machine: which files may be uploaded, and under which label."""

import os
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cli.errors import CommandError

PARTS = {"train": "training", "test": "testing"}  # child folders with a meaning of their own, and their sources
SUFFIXES = (".png", ".jpg", ".jpeg")  # by which a run finds the images of a folder
LARGEST = 15 * 1024 * 1024  # bytes of an image that Rekognition reads from S3
LONGEST_KEY = 1024  # bytes of an S3 key
HEAD = 8  # bytes that tell what a file holds
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}

EMPTY = "empty"
HIDDEN = "hidden"
TOO_LARGE = "above 15 MB"
NO_IMAGE = "neither PNG nor JPEG by its content"
OTHER_NAME = "an image whose name does not end in .png, .jpg or .jpeg, without which a run passes it over"
NO_TEXT = "a name that is not UTF-8"
LONG_NAME = "a name too long for a key of S3, which has at most 1,024 bytes"
LOOP = "a link to a folder that holds it"
NOWHERE = "a link that leads nowhere"
NO_FILE = "no regular file"


class Found(NamedTuple):
    """A file below the folder: `path` relative to it with slashes, and why it is not uploaded, if it is not."""

    path: str
    size: int
    skip: str | None = None  # it is not meant for upload
    error: str | None = None  # it may be, but cannot be read


@dataclass
class Survey:
    """What a folder seems to hold, by names and sizes; `labels` counts the images of each label folder."""

    split: bool = False  # into `train/` and `test/`
    files: int = 0
    size: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0


def walk(folder: Path) -> Generator[Found, None, None]:
    """Every file below a folder, and what is passed over, in no order; links are followed, never in circles."""
    pending = [("", frozenset({_identity(folder.stat())}))]
    while pending:
        within, above = pending.pop()
        try:
            with os.scandir(folder / within) as entries:
                for entry in entries:
                    found = _look(entry, within + entry.name, above)
                    if isinstance(found, Found):
                        yield found
                    else:
                        pending.append((f"{within}{entry.name}/", above | {found}))
        except OSError as error:
            yield Found(within or "./", 0, error=unreadable(error))


def _look(entry: os.DirEntry[str], path: str, above: frozenset[tuple[int, int]]) -> Found | tuple[int, int]:
    """What an entry is; for a folder to go into, its identity."""
    try:
        status = entry.stat()
    except OSError as error:
        return Found(path, 0, NOWHERE) if entry.is_symlink() else Found(path, 0, error=unreadable(error))
    if entry.is_dir():
        if entry.name.startswith("."):
            return Found(f"{path}/", 0, HIDDEN)
        identity = _identity(status)
        return Found(f"{path}/", 0, LOOP) if identity in above else identity
    return Found(path, status.st_size, unfit(path, status.st_size) if entry.is_file() else NO_FILE)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def unreadable(error: OSError) -> str:
    """Why a file cannot be uploaded, as a phrase."""
    return f"it cannot be read ({error.strerror or error})"


def unfit(path: str, size: int) -> str | None:
    """Why a file is not uploaded, by its name and its size in bytes; None when nothing speaks against it."""
    if path.rpartition("/")[2].startswith("."):
        return HIDDEN
    try:
        path.encode()
    except UnicodeEncodeError:
        return NO_TEXT
    if size == 0:
        return EMPTY
    return TOO_LARGE if size > LARGEST else None


def media_type(head: bytes) -> str | None:
    """`image/png` or `image/jpeg` by a file's first bytes; None for anything else."""
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)


def is_named_as_image(path: str) -> bool:
    """Whether a run would take the file for an image."""
    return path.lower().endswith(SUFFIXES)


def is_split(folder: Path) -> bool:
    """Whether a folder holds training and testing images in `train/` and `test/`."""
    return all((folder / part).is_dir() for part in PARTS)


def label_folder(path: str, split: bool) -> str | None:
    """The folder that gives an image its label, relative to the uploaded folder; None for an image without one."""
    parts = path.split("/")
    depth = 2 if split else 1
    if len(parts) <= depth or (split and parts[0] not in PARTS):
        return None
    return "/".join(parts[:depth])


def survey(folder: Path) -> Survey:
    """Walk a folder once without opening a file; CommandError when nothing in it can be uploaded."""
    seen = Survey(is_split(folder))
    for found in walk(folder):
        if found.skip or found.error:
            continue
        seen.files += 1
        seen.size += found.size
        if is_named_as_image(found.path):
            label = label_folder(found.path, seen.split)
            seen.unlabelled += label is None
            if label is not None:
                seen.labels[label] += 1
    if not seen.files:
        raise CommandError(
            f"FOLDER {str(folder)!r} holds nothing to upload, hidden files, empty ones and those above 15 MB "
            f"left out: give a folder that holds a folder of PNG or JPEG files for each label."
        )
    return seen


def warning(seen: Survey) -> str | None:
    """What the operator should know of images without labels; None where every image has one."""
    where = "train/bolt/1.jpg and test/bolt/2.jpg" if seen.split else "bolt/1.jpg"
    rule = f"an image's label is the name of the folder it lies in, such as bolt in {where}"
    if not seen.labels:
        return f"There are no label folders, so no image has a label: {rule}."
    if seen.unlabelled:
        return f"A run learns nothing from {counted(seen.unlabelled, 'image')} outside the label folders: {rule}."
    return None


def sources(address: str, split: bool) -> dict[str, Any]:
    """`training` and, for a split folder, `testing` of an execution's input; `address` ends with a slash."""
    if not split:
        return {"training": {"folder": address}}
    return {source: {"folder": f"{address}{part}/"} for part, source in PARTS.items()}


def counted(number: int, thing: str) -> str:
    """A number with its noun: `1 image`, `1,200 images`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
