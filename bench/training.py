"""Training on 1,000 images of digits (128 px, 10 labels) on the local cloud: cold, and with everything cached.

Baseline: reading and decoding the same files and fitting scikit-learn's LogisticRegression on their raw pixels.
Limited by the features of each image, which are computed once and kept by its content.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.laptop import compared, digits, opened, say
from local import samples

TRAIN, TEST = 80, 20  # images of each digit


def baseline(folder: Path) -> tuple[float, float]:
    """Seconds of the baseline, and the share of the test images that it names right."""
    started = time.perf_counter()
    rows, labels = {}, {}
    for part in ("train", "test"):
        files = sorted((folder / part).rglob("*.png"))
        rows[part] = np.stack([np.asarray(Image.open(file), dtype=np.float32).ravel() / 255 for file in files])
        labels[part] = [file.parent.name for file in files]
    with threadpool_limits(1):
        model = LogisticRegression(max_iter=1000).fit(rows["train"], labels["train"])
    return time.perf_counter() - started, float(model.score(rows["test"], labels["test"]))


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as written, opened() as laptop:
        folder = samples.write_digits(Path(written) / "digits", TRAIN, TEST)
        took, accuracy = baseline(folder)
        project = laptop.project("digits", *digits(laptop, folder))
        _, cold = laptop.trained(project, "cold")
        _, warm = laptop.trained(project, "warm")
        f1 = laptop.version(project, "warm")["EvaluationResult"]["F1Score"]
    say(f"training: {10 * (TRAIN + TEST):,} images of 128 px, 10 labels, on the local cloud")
    say(f"  baseline, LogisticRegression on raw pixels: {took:.1f} s")
    say(f"  on the test images, it is right on {accuracy:.3f}, and the service has an F1 of {f1:.3f}")
    compared("first training, worker processes not yet started", cold, took, 10)
    compared("training again, images unchanged", warm, took, 2)
    say()


if __name__ == "__main__":
    main()
