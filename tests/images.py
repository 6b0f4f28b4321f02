"""Small pictures that a classifier can tell apart: stripes of a direction each label has for itself."""

import io

import numpy as np
from PIL import Image

LABELS = ("across", "down", "checks")


def picture(label: str, number: int, side: int = 64) -> bytes:
    """A PNG of `side` by `side` pixels; another `number` gives another picture of the same label."""
    rng = np.random.default_rng([LABELS.index(label), number])
    rows, columns = np.mgrid[0:side, 0:side] + rng.integers(0, 16)
    wave = {"across": rows // 8 % 2, "down": columns // 8 % 2, "checks": (rows // 8 + columns // 8) % 2}[label]
    pixels = wave * 160 + rng.integers(0, 60, (side, side))
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
