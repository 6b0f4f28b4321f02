"""A model for boxes on the sample canvases (digits, 320 px) on the local cloud: how good, how long, how quick.

Baseline: one histogram of oriented gradients (scikit-image) of each image in full, without any learning.
Limited by the windows of several sizes that each image is looked at through.
"""

import io
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.feature import hog

from bench.laptop import BUCKET, compared, median, opened, say, seconds
from local import samples
from local.rekognition.rectangles import overlaps

TIMES = 8  # detections of each unseen image


def gradients(data: bytes) -> Any:
    """The baseline, for one image."""
    grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"), dtype=np.float32)
    return hog(grey, orientations=9, pixels_per_cell=(6, 6), cells_per_block=(2, 2))


def nearest(box: dict[str, Any], label: str, found: list[dict[str, Any]]) -> float:
    """The largest overlap of a COCO box (320 px) with what was found of its label."""
    left, top, width, height = np.array(box["bbox"]) / 320
    best = 0.0
    for one in found:
        if one["Name"] == label:
            other = one["Geometry"]["BoundingBox"]
            place = [other["Left"], other["Top"], other["Left"] + other["Width"], other["Top"] + other["Height"]]
            truth = [left, top, left + width, top + height]
            best = max(best, float(overlaps(np.array([truth]), np.array([place]))[0, 0]))
    return best


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as written, opened() as laptop:
        folder = samples.write_boxes(Path(written) / "boxes", unseen=20)
        laptop.upload(folder, "*.jpg", "boxes/")
        started = time.perf_counter()
        for part in ("train", "test"):
            for file in (folder / part).iterdir():
                gradients(file.read_bytes())
        base = time.perf_counter() - started
        parts = (samples.box_manifest(folder, part, BUCKET, "boxes/") for part in ("train", "test"))
        project = laptop.project("boxes", *parts)
        _, cold = laptop.trained(project, "cold")
        arn, warm = laptop.trained(project, "warm")
        laptop.run(project, "warm", arn)
        where = laptop.version(project, "warm")["EvaluationResult"]["Summary"]["S3Object"]
        summary = json.loads(laptop.s3.get_object(Bucket=where["Bucket"], Key=where["Name"])["Body"].read())
        coco = json.loads((folder / "unseen.json").read_text())
        times, common = [], []
        for image in coco["images"]:
            data = (folder / image["file_name"]).read_bytes()
            ask = partial(laptop.rekognition.detect_custom_labels, ProjectVersionArn=arn, Image={"Bytes": data})
            found = ask()["CustomLabels"]
            times += seconds(ask, TIMES)
            common += [
                nearest(one, str(one["category_id"]), found)
                for one in coco["annotations"]
                if one["image_id"] == image["id"]
            ]
        one = median(seconds(lambda: gradients(data), 10))
    means = summary["AggregatedEvaluationResults"]
    images = summary["EvaluationDetails"]["NumberOfTrainingImages"]
    say(f"boxes: {images} canvases of 320 px, 10 labels, on the local cloud")
    say(f"  test set: F1 {means['F1Score']:.3f} (goal >= 0.8), mAP {means['AveragePrecision']:.3f}")
    hits = [one for one in common if one >= 0.5]
    say(f"  unseen: {len(hits)} of {len(common)} objects found (IoU >= 0.5), mean IoU {np.mean(hits):.2f}")
    say(f"  baseline, one HOG (scikit-image) of each image: {base:.1f} s for all, {one * 1000:.1f} ms for one")
    compared("first training", cold, base, 60)
    compared("training again, images unchanged", warm, base, 60)
    compared("DetectCustomLabels, median", median(sorted(times)), one, 0.15, "ms")
    say()


if __name__ == "__main__":
    main()
