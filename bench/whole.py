"""From nothing to an answer, as `make demo` goes: cloud, both stacks built and deployed, a run, and the API asked.

Baseline: the same training by the bare calls of Custom Labels, with no stack, no workflow and no gate. Limited by
sam, which transforms and deploys two templates in Python, and by the cold starts of as many functions as a run has
states.
"""

import tempfile
import time
from pathlib import Path

from bench.laptop import compared, digits, opened, run, say
from local import cloud, demo, samples
from local.demo import SHOWN

TRAIN, TEST = 50, 15  # images of each digit


def bare(folder: Path) -> float:
    """Seconds of the baseline, from an empty cloud that is up to a model that runs."""
    with opened() as laptop:
        train, test = digits(laptop, folder)
        began = time.perf_counter()
        project = laptop.project("bare", train, test)
        arn, _ = laptop.trained(project, "first")
        laptop.run(project, "first", arn)
        return time.perf_counter() - began


def whole(folder: Path, base: Path, port: int) -> dict[str, float]:
    """Seconds of each step; SystemExit if the run does not succeed."""
    seconds: dict[str, float] = {}
    began = time.perf_counter()

    def took(name: str) -> None:
        nonlocal began
        seconds[name] = time.perf_counter() - began
        began = time.perf_counter()

    cloud.up(port, base)
    try:
        took("the cloud is up")
        training, inference = demo.deploy(port)
        took("both stacks are built and deployed")
        demo.upload_samples(port, training.output("DataBucketName"), training.project(None), folder)
        began = time.perf_counter()
        run(port, training)
        took("a run, from Plan to Done")
        demo.predict(demo.endpoint(port, inference), samples.unseen(folder, SHOWN))
        took("the first answer of the API")
    finally:
        cloud.down(port, base)
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = samples.write_digits(Path(place) / "digits", TRAIN, TEST)
        baseline = bare(folder)
        seconds = whole(folder, Path(place), cloud.free_port())
    say(f"whole: {10 * TRAIN} images to train on, {10 * TEST} to test on; baseline {baseline:.1f} s")
    for name, value in seconds.items():
        compared(name, value, baseline)
    compared("all of it", sum(seconds.values()), baseline)


if __name__ == "__main__":
    main()
