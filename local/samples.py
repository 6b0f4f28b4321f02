"""Sample images: scikit-learn's handwritten digits (real scans) as PNG files, for the demo and the tests.

`python -m local.samples` writes them to `.local/samples/digits/`.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / ".local" / "samples" / "digits"
SIDE = 128  # pixels; Rekognition refuses images below 64
_INK = 16  # what the scans hold where the paper is black; 0 is blank paper


def write_digits(folder: Path = DIGITS, train: int = 50, test: int = 15) -> Path:
    """Write `train/<label>/…png`, `test/<label>/…png` and `unseen/<label>.png`; return `folder`.

    `train` and `test` count images per label; no scan is used twice. A folder that was written with the
    same numbers is left as it is. ValueError when the scans do not suffice.
    """
    stamp = folder / "written.json"
    wanted = {"train": train, "test": test, "side": SIDE}
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and then moved: an interrupted or a second writer never leaves half a folder.
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        made = Path(aside) / folder.name
        for place, scan in _chosen(train, test):
            file = made / place
            file.parent.mkdir(parents=True, exist_ok=True)
            picture(scan).save(file)
        (made / stamp.name).write_text(json.dumps(wanted))
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    return folder


def picture(scan: np.ndarray) -> Image.Image:
    """A scan (8 by 8, from 0 = paper to 16 = ink) as a grey image of 128 by 128 pixels, dark on light."""
    grey = np.round(255 - scan * (255 / _INK)).astype(np.uint8)
    return Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def unseen(folder: Path, label: str) -> Path:
    """The image of a label that is in neither the training nor the test folder."""
    return folder / "unseen" / f"{label}.png"


def _chosen(train: int, test: int) -> list[tuple[str, np.ndarray]]:
    """Paths below the folder with their scans, label by label in the order scikit-learn holds them."""
    # Here, since a folder that was written before needs no second of imports.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    digits = load_digits()
    chosen: list[tuple[str, np.ndarray]] = []
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


if __name__ == "__main__":
    sys.stdout.write(f"{write_digits()}\n")
