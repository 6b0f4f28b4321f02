"""Each source of boxes from the input to a trained detector."""

import csv
import io
import json

import pytest

from tests.stack import BUCKET, PROJECT
from tests.unit.rekognition.scenes import LABELS, boxes_line, scene
from tests.workflow.test_sources import labels_of, put

FOLDER = f"images/{PROJECT}/scenes/"
SIZE = (112, 88)  # pixels of a scene
GATE = {"gate": {"minimum": 0.0}}


@pytest.fixture
def scenes(stack):
    """Ten pictures in the bucket: (name, [(label, (left, top, width, height))])."""
    found = []
    for number in range(10):
        data, boxes = scene(number)
        stack.s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}{number}.png", Body=data)
        found.append((f"{number}.png", boxes))
    return found


def trained(stack, scenes, source):
    """Train on the source, and compare the labels that the service lists with those of the scenes."""
    test = {"manifest": put(stack, "images/test.manifest", json.dumps(unseen_line(stack)))}
    result = stack.run({"training": source, "testing": test, **GATE})
    assert result.status == "SUCCEEDED", result.cause
    expected = {label: sum(label in dict(boxes) for _, boxes in scenes) for label in LABELS}
    assert labels_of(stack) == expected
    return result


def unseen_line(stack):
    """The manifest line of one scene that is not trained on."""
    data, boxes = scene(103)
    stack.s3.put_object(Bucket=BUCKET, Key="images/test/103.png", Body=data)
    return {**boxes_line("x", boxes), "source-ref": f"s3://{BUCKET}/images/test/103.png"}


def test_coco(stack, scenes):
    document = {
        "images": [
            {"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
            for number, (name, _) in enumerate(scenes)
        ],
        "categories": [{"id": number + 7, "name": label} for number, label in enumerate(LABELS)],
        "annotations": [
            {"id": 1, "image_id": number, "category_id": LABELS.index(label) + 7, "bbox": list(box)}
            for number, (_, boxes) in enumerate(scenes)
            for label, box in boxes
        ],
    }
    file = put(stack, "images/annotations.json", json.dumps(document))
    trained(stack, scenes, {"coco": {"file": file, "images": f"s3://{BUCKET}/{FOLDER}"}})


def test_csv_with_boxes_whose_images_sizes_are_read(stack, scenes):
    rows = io.StringIO()
    table = csv.writer(rows)
    table.writerow(["image", "label", "left", "top", "width", "height"])
    table.writerows((name, label, *box) for name, boxes in scenes for label, box in boxes)
    trained(stack, scenes, {"csv": put(stack, f"{FOLDER}boxes.csv", rows.getvalue())})


def test_label_studio_rectangles(stack, scenes):
    def rectangle(label, box):
        left, top, width, height = box
        return {
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": SIZE[0],
            "original_height": SIZE[1],
            "value": {
                "x": left / SIZE[0] * 100,
                "y": top / SIZE[1] * 100,
                "width": width / SIZE[0] * 100,
                "height": height / SIZE[1] * 100,
                "rotation": 0,
                "rectanglelabels": [label],
            },
        }

    tasks = [
        {
            "id": number,
            "data": {"image": name},
            "annotations": [{"id": number, "result": [rectangle(label, box) for label, box in boxes]}],
        }
        for number, (name, boxes) in enumerate(scenes)
    ]
    trained(stack, scenes, {"labelStudio": put(stack, f"{FOLDER}export.json", json.dumps(tasks))})


def test_ground_truth_boxes(stack, scenes):
    lines = [{**boxes_line("x", boxes), "source-ref": f"s3://{BUCKET}/{FOLDER}{name}"} for name, boxes in scenes]
    trained(
        stack, scenes, {"groundTruth": put(stack, "images/output.manifest", "\n".join(map(json.dumps, lines)))}
    )
