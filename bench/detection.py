"""DetectCustomLabels on the local cloud: alone, from 8 clients at a time, and what else waits meanwhile.

Baseline: Pillow decodes the same file in full, in this process.
Limited by decoding the image, and by the cores that its clients share with it.
"""

import io
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.laptop import BUCKET, Laptop, client, compared, digits, median, opened, say, seconds
from local import samples

CLIENTS = 8
TIMES = 60
TRAIN, TEST = 80, 20  # images of each digit in the training that runs meanwhile
PROBE_SECONDS = 0.01  # between two calls of DescribeProjectVersions


def photograph(scan: Image.Image) -> bytes:
    """A JPEG of 4000 by 3000 pixels with the noise of a camera, some 3 MB."""
    random = np.random.default_rng(0)
    pixels = np.asarray(scan.convert("L").resize((4000, 3000), Image.Resampling.BICUBIC), dtype=np.float32)
    colour = pixels[..., None] * np.array([1, 0.97, 0.9], dtype=np.float32)
    colour += random.normal(0, 5, (3000, 4000, 1)).astype(np.float32)
    file = io.BytesIO()
    Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def many(laptop: Laptop, call: Callable[[Any], Any], times: int) -> tuple[list[float], float]:
    """Sorted seconds of `times` calls from each of CLIENTS clients at a time, and calls a second."""
    clients = [client(laptop.endpoint, "rekognition") for _ in range(CLIENTS)]
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = list(pool.map(lambda one: seconds(lambda: call(one), times), clients))
    took = time.perf_counter() - started
    return sorted(one for each in found for one in each), CLIENTS * times / took


def keep_detecting(endpoint: str, arn: str, image: bytes, ended: Any) -> None:
    """CLIENTS clients of a model, each with one call after the other until `ended` (an Event) is set."""

    def detect(one: Any) -> None:
        while not ended.is_set():
            one.detect_custom_labels(ProjectVersionArn=arn, Image={"Bytes": image})

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(CLIENTS):
            pool.submit(detect, client(endpoint, "rekognition"))


def waits(laptop: Laptop, lines: tuple[list[Any], list[Any]], arn: str, image: bytes) -> list[float]:
    """Sorted seconds of DescribeProjectVersions while a training and 8 clients of a model are busy."""
    project = laptop.project("others", *lines)
    context = multiprocessing.get_context("spawn")  # clients in this process would slow down the one that measures
    ended = context.Event()
    clients = context.Process(target=keep_detecting, args=(laptop.endpoint, arn, image, ended))
    clients.start()
    found: list[float] = []
    try:
        time.sleep(3)  # until they detect
        laptop.begin(project, "v1")
        while laptop.version(project, "v1")["Status"] == "TRAINING_IN_PROGRESS":
            found += seconds(lambda: laptop.rekognition.describe_project_versions(ProjectArn=project), 1)
            time.sleep(PROBE_SECONDS)
    finally:
        ended.set()
        clients.join()
    return sorted(found)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as written, opened() as laptop:
        small = samples.write_digits(Path(written) / "small", 20, 8)
        project = laptop.project("digits", *digits(laptop, small, "small/"))
        arn, _ = laptop.trained(project, "v1")
        laptop.run(project, "v1", arn)
        image = samples.unseen(small, "3").read_bytes()
        large = photograph(Image.open(io.BytesIO(image)))
        laptop.s3.put_object(Bucket=BUCKET, Key="large.jpg", Body=large)
        stored = {"S3Object": {"Bucket": BUCKET, "Name": "large.jpg"}}

        def detect(one: Any, given: dict[str, Any]) -> Any:
            return one.detect_custom_labels(ProjectVersionArn=arn, Image=given)

        def decoded(data: bytes) -> float:
            return median(seconds(lambda: Image.open(io.BytesIO(data)).convert("RGB"), 15))

        bases = decoded(image), decoded(large)
        seconds(lambda: detect(laptop.rekognition, stored), 5)  # the first call of a connection, warm-up
        alone = median(seconds(lambda: detect(laptop.rekognition, {"Bytes": image}), TIMES))
        from_s3 = median(seconds(lambda: detect(laptop.rekognition, stored), TIMES // 3))
        sent = median(seconds(lambda: detect(laptop.rekognition, {"Bytes": large}), TIMES // 3))
        together, rate = many(laptop, lambda one: detect(one, {"Bytes": image}), TIMES)
        large_together, large_rate = many(laptop, lambda one: detect(one, stored), TIMES // 6)
        idle = seconds(lambda: laptop.rekognition.describe_project_versions(ProjectArn=project), 100)
        lines = digits(laptop, samples.write_digits(Path(written) / "digits", TRAIN, TEST))
        busy = waits(laptop, lines, arn, image)
    say(f"detection: DetectCustomLabels on the local cloud, medians; the large JPEG has {len(large) / 1e6:.1f} MB")
    say(f"  baseline, Pillow decodes in full: 128 px PNG {bases[0] * 1000:.1f} ms, JPEG {bases[1] * 1000:.1f} ms")
    compared("128 px PNG, one client", alone, bases[0], 0.03, "ms")
    compared("12-megapixel JPEG in S3, one client", from_s3, bases[1], 0.12, "ms")
    compared("12-megapixel JPEG as Bytes, one client", sent, bases[1], None, "ms")
    compared(f"128 px PNG, {CLIENTS} clients, {rate:.0f} a second", median(together), bases[0], None, "ms")
    compared(
        f"12-megapixel JPEG in S3, {CLIENTS} clients, {large_rate:.0f} a second",
        median(large_together),
        bases[1],
        None,
        "ms",
    )
    base = median(idle)
    say(f"waiting: DescribeProjectVersions; baseline, nothing else goes on: {base * 1000:.1f} ms at the median")
    say(f"  while {10 * (TRAIN + TEST):,} images are trained on and {CLIENTS} clients detect, {len(busy)} calls:")
    compared("median", median(busy), base, None, "ms")
    compared("99 of 100", busy[int(len(busy) * 0.99)], base, 0.05, "ms")
    compared("longest", busy[-1], base, 0.05, "ms")
    say()


if __name__ == "__main__":
    main()
