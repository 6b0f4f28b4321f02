"""Sample images: scikit-learn's handwritten digits (real scans), for the demo and the tests.

One digit an image as PNG files in a folder for each label, and several on one canvas with a box around each.
`python -m local.samples` writes both below `.local/samples/`.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / ".local" / "samples" / "digits"
BOXES = ROOT / ".local" / "samples" / "boxes"
SIDE = 128  # pixels; Rekognition refuses images below 64
_INK = 16  # what the scans hold where the paper is black; 0 is blank paper
_PARTS = ("train", "test", "unseen")

Scan = np.ndarray[Any, np.dtype[np.float64]]


def write_digits(folder: Path = DIGITS, train: int = 50, test: int = 15) -> Path:
    """Write `train/<label>/…png`, `test/<label>/…png` and `unseen/<label>.png`; return `folder`.

    `train` and `test` count images per label; no scan is used twice. A folder that was written with the
    same numbers is left as it is. ValueError when the scans do not suffice.
    """

    def write(made: Path) -> None:
        for place, scan in _chosen(train, test):
            file = made / place
            file.parent.mkdir(parents=True, exist_ok=True)
            picture(scan).save(file)

    return _written(folder, {"train": train, "test": test, "side": SIDE}, write)


def write_boxes(
    folder: Path = BOXES,
    train: int = 160,
    test: int = 50,
    unseen: int = 5,
    side: int = 320,
    digits: str = "0123456789",
) -> Path:
    """Write canvases of `side` pixels with several of `digits` on each, and where they are; return `folder`.

    There are `train`, `test` and `unseen` images, as `train/…jpg` and so on; beside the folders, `train.json` and
    so on are COCO annotations. No scan is in two of the three. A folder that was written with the same numbers is
    left as it is. ValueError for a number below 1.
    """
    counts = {"train": train, "test": test, "unseen": unseen}
    if min(*counts.values(), len(digits)) < 1:
        raise ValueError(f"at least one image of each part and one digit are needed: {counts}, {digits!r}")

    def write(made: Path) -> None:
        scans = _parted(digits)
        for number, (part, count) in enumerate(counts.items()):
            random = np.random.default_rng([number, side])
            drawn = []
            (made / part).mkdir(parents=True)
            for index in range(count):
                image, found = canvas(scans[part], side, random)
                name = f"{part}/{index:04d}.jpg"
                image.save(made / name, quality=92)
                drawn.append((name, found))
            (made / f"{part}.json").write_text(json.dumps(_coco(drawn, side, sorted(digits))))

    return _written(folder, {**counts, "side": side, "digits": digits}, write)


def box_manifest(folder: Path, part: str, bucket: str, prefix: str = "") -> list[dict[str, Any]]:
    """The lines of a Rekognition manifest for a part ("train", "test", "unseen") of a folder of `write_boxes`.

    The images are taken to be in S3 at `prefix` followed by their path below the folder.
    """
    coco = json.loads((folder / f"{part}.json").read_text())
    names = {str(one["id"]): one["name"] for one in coco["categories"]}
    lines = []
    for image in coco["images"]:
        boxes = [one for one in coco["annotations"] if one["image_id"] == image["id"]]
        sides = ("left", "top", "width", "height")
        lines.append(
            {
                "source-ref": f"s3://{bucket}/{prefix}{image['file_name']}",
                "boxes": {
                    "image_size": [{"width": image["width"], "height": image["height"], "depth": 3}],
                    "annotations": [
                        {"class_id": one["category_id"], **dict(zip(sides, one["bbox"], strict=True))}
                        for one in boxes
                    ],
                },
                "boxes-metadata": {
                    "objects": [{"confidence": 1} for _ in boxes],
                    "class-map": names,
                    "type": "groundtruth/object-detection",
                    "human-annotated": "yes",
                    "creation-date": "2026-05-02T08:30:00.000Z",
                    "job-name": "labeling-job/boxes",
                },
            }
        )
    return lines


def _written(folder: Path, wanted: dict[str, Any], write: Callable[[Path], None]) -> Path:
    stamp = folder / "written.json"
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and then moved: an interrupted or a second writer never leaves half a folder.
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        made = Path(aside) / folder.name
        made.mkdir()
        write(made)
        (made / stamp.name).write_text(json.dumps(wanted))
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    return folder


def picture(scan: Scan) -> Image.Image:
    """A scan (8 by 8, from 0 = paper to 16 = ink) as a grey image of 128 by 128 pixels, dark on light."""
    grey = np.round(255 - scan * (255 / _INK)).astype(np.uint8)
    return Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def unseen(folder: Path, label: str) -> Path:
    """The image of a label that is in neither the training nor the test folder."""
    return folder / "unseen" / f"{label}.png"


def _chosen(train: int, test: int) -> list[tuple[str, Scan]]:
    """Paths below the folder with their scans, label by label in the order scikit-learn holds them."""
    # Here, since a folder that was written before needs no second of imports.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    digits = load_digits()
    chosen: list[tuple[str, Scan]] = []
    for label in map(str, digits.target_names):
        scans = digits.images[digits.target == int(label)]
        if min(train, test) < 1 or train + test + 1 > len(scans):
            raise ValueError(
                f"{train} training and {test} test images of the digit {label} were asked for: "
                f"at least 1 of each and at most {len(scans) - 1} together can be had."
            )
        chosen += [(f"train/{label}/{label}-{number:03d}.png", scans[number]) for number in range(train)]
        chosen += [
            (f"test/{label}/{label}-{number:03d}.png", scans[number]) for number in range(train, train + test)
        ]
        chosen.append((f"unseen/{label}.png", scans[-1]))
    return chosen


@dataclass(frozen=True)
class Placed:
    """A digit on a canvas; its ink's left, top, width and height in pixels."""

    label: str
    box: tuple[int, int, int, int]


def canvas(
    scans: dict[str, list[Scan]], side: int, random: np.random.Generator
) -> tuple[Image.Image, list[Placed]]:
    """A grey canvas of `side` by `side` pixels with two to six digits, none over another, and mild clutter."""
    paper = _paper(side, random)
    placed: list[Placed] = []
    taken: list[tuple[int, int, int, int]] = []
    labels = sorted(scans)
    for _ in range(int(random.integers(2, 7))):
        label = labels[random.integers(len(labels))]
        scan = scans[label][random.integers(len(scans[label]))]
        size = int(side * random.uniform(0.14, 0.32))
        ink = Image.fromarray((scan / _INK).astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
        strokes = np.clip(np.asarray(ink), 0, 1)
        for _ in range(20):  # a few tries to find room
            left, top = (int(one) for one in random.integers(0, side - size + 1, 2))
            if all(
                left + size < other[0] or other[2] < left or top + size < other[1] or other[3] < top
                for other in taken
            ):
                break
        else:
            continue
        taken.append((left, top, left + size, top + size))
        part = paper[top : top + size, left : left + size]
        part += strokes * (random.uniform(0, 70) - part)
        rows, columns = np.flatnonzero(strokes.max(axis=1) > 0.25), np.flatnonzero(strokes.max(axis=0) > 0.25)
        width, height = int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1
        placed.append(Placed(label, (left + int(columns[0]), top + int(rows[0]), width, height)))
    paper += random.normal(0, 4, paper.shape)
    return Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8)), placed


def _paper(side: int, random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Paper with uneven light, some ruled lines and some spots."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    light = random.uniform(-35, 35, 2)
    paper = np.asarray(random.uniform(185, 235) + light[0] * (rows - 0.5) + light[1] * (columns - 0.5))
    for _ in range(int(random.integers(0, 5))):
        angle, offset = random.uniform(0, np.pi), random.uniform(0, 1)
        distance = np.abs((rows - offset) * np.cos(angle) + (columns - offset) * np.sin(angle)) * side
        paper[distance < random.uniform(0.5, 2)] -= random.uniform(20, 70)
    for _ in range(int(random.integers(0, 7))):
        centre, radius = random.uniform(0, 1, 2), random.uniform(0.01, 0.07)
        inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
        paper[inside] -= random.uniform(15, 60)
    return paper


def _parted(digits: str) -> dict[str, dict[str, list[Scan]]]:
    """The scans by part and label: seven tenths to train on, two to test, one unseen."""
    from sklearn.datasets import load_digits

    data = load_digits()
    parts: dict[str, dict[str, list[Scan]]] = {part: {} for part in _PARTS}
    for label in sorted(set(digits)):
        scans = list(data.images[data.target == int(label)])
        for part, start, end in zip(_PARTS, (0, 0.7, 0.9), (0.7, 0.9, 1), strict=True):
            parts[part][label] = scans[round(start * len(scans)) : round(end * len(scans))]
    return parts


def _coco(drawn: list[tuple[str, list[Placed]]], side: int, digits: list[str]) -> dict[str, Any]:
    placed = [(number, one) for number, (_, found) in enumerate(drawn) for one in found]
    return {
        "images": [
            {"id": number, "file_name": name, "width": side, "height": side}
            for number, (name, _) in enumerate(drawn)
        ],
        "categories": [{"id": number, "name": label} for number, label in enumerate(digits)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": digits.index(one.label),
                "bbox": list(one.box),
                "area": one.box[2] * one.box[3],
                "iscrowd": 0,
            }
            for number, (image, one) in enumerate(placed)
        ],
    }


if __name__ == "__main__":
    sys.stdout.write(f"{write_digits()}\n{write_boxes()}\n")
