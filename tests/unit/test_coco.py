import json
from datetime import UTC, datetime

import pytest
from customlabels.errors import DatasetRejected
from customlabels.exports.coco import convert
from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import check_line

FILE, FOLDER = "s3://b-1/data/instances.json", "s3://b-1/data/train/"
WHEN = datetime(2026, 11, 22, 8, 30, 11, tzinfo=UTC)
IMAGES = [
    {"id": 9, "file_name": "000009.jpg", "width": 640, "height": 480, "license": 3},
    {"id": 25, "file_name": "more/25.jpg", "width": 320, "height": 240},
]
CATEGORIES = [{"id": 45, "name": "bowl", "supercategory": "kitchen"}, {"id": 50, "name": "broccoli"}]
BOX = {"id": 1, "image_id": 9, "category_id": 45, "bbox": [473.07, 395.5, 38.65, 28.67], "segmentation": [[1, 2]]}


def converted(value, sizes_of=lambda references: [None] * len(references)):
    found = Findings("training")
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    images = list(convert([data[:100], data[100:]], FILE, FOLDER, WHEN, sizes_of, found))
    return images, {one.code: one for one in found.listed()}, found


def coco(images=IMAGES, annotations=(BOX,), categories=CATEGORIES):
    return {"info": {"year": 2017}, "images": images, "annotations": list(annotations), "categories": categories}


def test_instances_become_bounding_box_lines():
    images, findings, _ = converted(coco(annotations=[BOX, {**BOX, "category_id": 50, "bbox": [0, 0, 640, 480]}]))
    shared = {
        "human-annotated": "yes",
        "creation-date": "2026-11-22T08:30:11.000Z",
        "job-name": "labeling-job/coco",
    }
    assert json.loads(images[0].line) == {
        "source-ref": "s3://b-1/data/train/000009.jpg",
        "boxes": {
            "image_size": [{"width": 640, "height": 480, "depth": 3}],
            "annotations": [
                {"class_id": 0, "left": 473, "top": 396, "width": 39, "height": 28},
                {"class_id": 1, "left": 0, "top": 0, "width": 640, "height": 480},
            ],
        },
        "boxes-metadata": {
            "objects": [{"confidence": 1}, {"confidence": 1}],
            "class-map": {"0": "bowl", "1": "broccoli"},
            "type": "groundtruth/object-detection",
            **shared,
        },
    }
    assert check_line(images[0].line).objects == ["bowl", "broccoli"]
    assert json.loads(images[1].line) == {"source-ref": "s3://b-1/data/train/more/25.jpg"}
    assert [image.labelled for image in images] == [True, False]
    assert findings == {}


def test_the_order_of_the_arrays_does_not_matter():
    value = coco()
    turned = {key: value[key] for key in ("annotations", "categories", "images")}
    assert converted(turned)[0][0].line == converted(value)[0][0].line


def test_a_crowd_is_left_out():
    images, findings, _ = converted(coco(annotations=[BOX, {**BOX, "iscrowd": 1}]))
    assert len(json.loads(images[0].line)["boxes"]["annotations"]) == 1
    assert findings["CROWD_ANNOTATION"].examples == [
        {"item": "annotations[1]", "says": "image_id 9, category_id 45"}
    ]


def test_a_size_that_is_missing_is_asked_for():
    asked = []

    def sizes_of(references):
        asked.extend(references)
        return [(640, 480)]

    images, findings, _ = converted(coco([{"id": 9, "file_name": "9.jpg"}]), sizes_of)
    assert asked == ["s3://b-1/data/train/9.jpg"]
    assert check_line(images[0].line).objects == ["bowl"]
    assert findings == {}


def test_an_image_of_unknown_size_is_left_out():
    images, findings, found = converted(coco([{"id": 9, "file_name": "9.jpg"}]))
    assert images == []
    assert found.rejected == 1
    assert findings["UNKNOWN_IMAGE_SIZE"].examples == [
        {
            "image": "s3://b-1/data/train/9.jpg",
            "item": "images with id 9",
            "says": "its boxes need the image's size, which cannot be read",
        }
    ]


ROWS = [
    (
        coco([*IMAGES, {"id": 1}]),
        "INVALID_ROW",
        {"item": "images[2]", "says": "it is {'id': 1}; accepted is an object with id and file_name"},
        1,
    ),
    (
        coco([*IMAGES, {"id": 1, "file_name": "/data/1.jpg"}]),
        "INVALID_ROW",
        {
            "item": "images[2]",
            "says": f"the image is '/data/1.jpg'; accepted is s3://bucket/key or a path below {FOLDER}",
        },
        1,
    ),
    (
        coco(annotations=[BOX, {**BOX, "image_id": 7}]),
        "INVALID_ROW",
        {"item": "images", "says": "no image has the id 7, which 1 annotations name"},
        1,
    ),
    (
        coco(annotations=[BOX, {"image_id": 9, "category_id": 45}]),
        "INVALID_ROW",
        {
            "item": "annotations[1]",
            "says": "it is {'image_id': 9, 'category_id': 45}; accepted is an object with image_id, category_id "
            "and bbox of left, top, width, height",
        },
        0,
    ),
    (
        coco(categories=[*CATEGORIES, {"id": 1}]),
        "INVALID_ROW",
        {"item": "categories[2]", "says": "it is {'id': 1}; accepted is an object with id and name"},
        0,
    ),
    (
        coco(annotations=[BOX, {**BOX, "category_id": 7}]),
        "ERROR_MISSING_CLASS_MAP_ID",
        {"image": "s3://b-1/data/train/000009.jpg", "says": "category_id 7 is not in categories"},
        0,
    ),
]


@pytest.mark.parametrize(("value", "code", "example", "rejected"), ROWS)
def test_bad_elements_are_counted_and_the_others_stay(value, code, example, rejected):
    images, findings, found = converted(value)
    assert findings[code].examples == [example]
    assert found.rejected == rejected
    assert check_line(images[0].line).objects == ["bowl"]


@pytest.mark.parametrize("box", [[1, 2, 3], "1,2,3,4", [1, 2, 3, None], [1, 2, 3, float("nan")], [1, 2, 3, 1e300]])
def test_a_box_that_is_none_is_counted(box):
    assert converted(coco(annotations=[{**BOX, "bbox": box}]))[1]["INVALID_ROW"].count == 1


def test_a_box_outside_of_its_image_is_left_to_the_check():
    images, _, _ = converted(coco(annotations=[{**BOX, "bbox": [-5, 0, 20, 20]}]))
    assert check_line(images[0].line).faults[0].code == "ERROR_INVALID_BOUNDING_BOX"


ACCEPTED = "accepted is COCO instances, an object with the arrays images, annotations and categories."


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"images": IMAGES, "annotations": [BOX]}, f"{FILE} has no categories; {ACCEPTED}"),
        ([BOX], f"{FILE} has no images and no annotations and no categories; {ACCEPTED}"),
        ({"images": {"9": "x"}}, f"images of {FILE} is {{'9': 'x'}}; accepted is an array."),
        (b"image,label", f"{FILE} is not the JSON of such a file at 'image,label'; {ACCEPTED}"),
    ],
)
def test_a_file_of_another_form_is_refused(value, message):
    with pytest.raises(DatasetRejected) as refused:
        converted(value)
    assert str(refused.value) == message
