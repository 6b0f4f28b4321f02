"""Small colour pictures with things on them, and models that find the things."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from local.rekognition.rectangles import overlaps

from .conftest import BUCKET, Desk

LABELS = ("bolt", "washer")
Box = tuple[int, int, int, int]  # left, top, width, height in pixels


def scene(
    number: int, labels: tuple[str, ...] = LABELS, size: tuple[int, int] = (112, 88)
) -> tuple[bytes, list[Any]]:
    """A PNG with one to three things on noisy ground, and their (label, box); another for each number."""
    random = np.random.default_rng([number, *size])
    ground = random.integers(150, 200, 3) + random.integers(-12, 12, (size[1], size[0], 3))
    image = Image.fromarray(ground.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    found: list[tuple[str, Box]] = []
    for _ in range(int(random.integers(1, 4)) if labels else 0):
        side = int(random.integers(20, 34))
        left, top = int(random.integers(0, size[0] - side)), int(random.integers(0, size[1] - side))
        if any(abs(left - box[0]) < 36 and abs(top - box[1]) < 36 for _, box in found):
            continue
        label = labels[int(random.integers(len(labels)))]
        place = (left, top, left + side - 1, top + side - 1)
        if label == "washer":
            draw.ellipse(place, outline=(60, 60, 70), width=side // 4)
        else:
            draw.rectangle(place, fill=(140, 50, 30))
            draw.line((left, top + side // 2, left + side, top + side // 2), fill=(230, 220, 200), width=3)
        found.append((label, (left, top, side, side)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue(), found


def boxes_line(key: str, found: list[Any], size: tuple[int, int] = (112, 88)) -> dict[str, Any]:
    """The manifest line of a scene."""
    names = ("left", "top", "width", "height")
    return {
        "source-ref": f"s3://{BUCKET}/{key}",
        "boxes": {
            "image_size": [{"width": size[0], "height": size[1], "depth": 3}],
            "annotations": [
                {"class_id": LABELS.index(label), **dict(zip(names, box, strict=True))} for label, box in found
            ],
        },
        "boxes-metadata": {
            "objects": [{"confidence": 1} for _ in found],
            "class-map": {str(number): label for number, label in enumerate(LABELS)},
            "type": "groundtruth/object-detection",
            "human-annotated": "yes",
            "creation-date": "2026-05-02T08:30:11.204Z",
        },
    }


def share(box: Box, size: tuple[int, int] = (112, 88)) -> list[float]:
    """Left, top, right and bottom of a box as ratios."""
    left, top, width, height = box
    return [left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1]]


def put(desk: Desk, numbers: range, labels: tuple[str, ...] = LABELS) -> list[Any]:
    """Put scenes in the bucket; their lines."""
    lines = []
    for number in numbers:
        data, found = scene(number, labels)
        desk.put(f"scenes/{number}.png", data)
        lines.append(boxes_line(f"scenes/{number}.png", found))
    return lines


def train(desk: Desk, train: list[Any], test: list[Any], name: str = "parts") -> tuple[dict[str, Any], str]:
    """The described version, which must have been trained, and its ARN; it runs."""
    project = desk.project(name)
    desk.dataset(project, "TRAIN", train)
    desk.dataset(project, "TEST", test)
    arn = desk.train(project)
    version = desk.version(project)
    assert (version["Status"], version["StatusMessage"]) == ("TRAINING_COMPLETED", "The model is ready to run.")
    desk("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=1)
    desk.wait()
    return version, arn


def detect(desk: Desk, arn: str, data: bytes, **more: Any) -> list[dict[str, Any]]:
    answer = desk("DetectCustomLabels", ProjectVersionArn=arn, Image={"Bytes": data}, **more)
    return list(answer["CustomLabels"])


def place(one: dict[str, Any]) -> list[float]:
    """Left, top, right and bottom of a detection."""
    box = one["Geometry"]["BoundingBox"]
    return [box["Left"], box["Top"], box["Left"] + box["Width"], box["Top"] + box["Height"]]


def iou(one: list[float], other: list[float]) -> float:
    return float(overlaps(np.array([one]), np.array([other]))[0, 0])
