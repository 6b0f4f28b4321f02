import json
from datetime import UTC, datetime

import pytest
from customlabels.errors import DatasetRejected
from customlabels.exports.label_studio import convert
from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import check_line
from hypothesis import given
from hypothesis import strategies as st

FILE, FOLDER = "s3://b-1/export/tasks.json", "s3://b-1/export/"
WHEN = datetime(2026, 11, 22, 8, 30, 11, tzinfo=UTC)


def choice(*names, **value):
    return {"type": "choices", "from_name": "c", "to_name": "image", "value": {"choices": list(names), **value}}


def rectangle(*names, x=10.0, y=20.0, width=30.0, height=40.0, rotation=0, **result):
    return {
        "type": "rectanglelabels",
        "original_width": 640,
        "original_height": 480,
        "image_rotation": 0,
        "value": {
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "rotation": rotation,
            "rectanglelabels": list(names),
        },
        **result,
    }


def annotation(*results, **changes):
    return {
        "id": 1,
        "was_cancelled": False,
        "created_at": "2021-03-09T22:16:08.728353Z",
        "updated_at": "2021-03-09T22:16:08.728378Z",
        "result": list(results),
        **changes,
    }


def task(*annotations, image="s3://b-1/1.png", **changes):
    return {"id": 7, "data": {"image": image}, "annotations": list(annotations), "predictions": [], **changes}


def converted(*tasks):
    found = Findings("training")
    data = json.dumps(list(tasks)).encode()
    images = list(convert([data[:70], data[70:]], FILE, FOLDER, WHEN, found))
    return images, {one.code: one for one in found.listed()}, found


def test_choices_become_image_level_labels():
    (image,), findings, _ = converted(task(annotation(choice("bolt", "rust"))))
    shared = {
        "type": "groundtruth/image-classification",
        "human-annotated": "yes",
        "creation-date": "2026-11-22T08:30:11.000Z",
        "job-name": "labeling-job/label-studio",
    }
    assert json.loads(image.line) == {
        "source-ref": "s3://b-1/1.png",
        "label": 1,
        "label-metadata": {"confidence": 1, "class-name": "bolt", **shared},
        "label1": 1,
        "label1-metadata": {"confidence": 1, "class-name": "rust", **shared},
    }
    assert check_line(image.line).labels == ["bolt", "rust"]
    assert findings == {}


def test_rectangles_become_boxes_in_pixels():
    (image,), findings, _ = converted(
        task(annotation(rectangle("bolt"), rectangle("nut", "rust", x=50, y=0, width=50, height=100)))
    )
    line = json.loads(image.line)
    assert line["boxes"] == {
        "image_size": [{"width": 640, "height": 480, "depth": 3}],
        "annotations": [
            {"class_id": 0, "left": 64, "top": 96, "width": 192, "height": 192},
            {"class_id": 1, "left": 320, "top": 0, "width": 320, "height": 480},
            {"class_id": 2, "left": 320, "top": 0, "width": 320, "height": 480},
        ],
    }
    assert check_line(image.line).objects == ["bolt", "nut", "rust"]
    assert findings == {}


PERCENT = st.floats(0, 100)


@given(PERCENT, PERCENT, PERCENT, PERCENT, st.integers(64, 4096), st.integers(64, 4096), st.floats(-400, 400))
def test_a_rectangle_within_its_image_stays_there(left, right, top, bottom, width, height, rotation):
    left, right, top, bottom = *sorted((left, right)), *sorted((top, bottom))
    drawn = rectangle("a", x=left, y=top, width=right - left, height=bottom - top, rotation=rotation)
    drawn |= {"original_width": width, "original_height": height}
    (image,), _, _ = converted(task(annotation(drawn)))
    assert "ERROR_INVALID_BOUNDING_BOX" not in {fault.code for fault in check_line(image.line).faults}


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("s3://other/x y.png", "s3://other/x y.png"),
        ("parts/1.png", "s3://b-1/export/parts/1.png"),
        ("./parts/../1.png", "s3://b-1/export/1.png"),
        ("/data/upload/3/abc-x%20y.png", "s3://b-1/export/upload/3/abc-x y.png"),
        ("/data/local-files/?d=parts%2F1.png", "s3://b-1/export/parts/1.png"),
        ("/data/local-files/?d=/parts/1.png", "s3://b-1/export/parts/1.png"),
    ],
)
def test_where_an_image_lies(name, reference):
    (image,), _, _ = converted(task(annotation(choice("a")), image=name))
    assert image.reference == reference


def test_an_image_under_another_key():
    data = {"photo": "/data/local-files/?d=1.JPG", "camera": "left", "number": 7}
    (image,), _, _ = converted(task(annotation(choice("a")), data=data))
    assert image.reference == "s3://b-1/export/1.JPG"


BAD = [
    (
        {"image": "https://x/1.png"},
        "the image is 'https://x/1.png'; accepted is s3://bucket/key or a path below s3://b-1/export/",
    ),
    (
        {"image": "/home/me/1.png"},
        "the image is '/home/me/1.png'; accepted is s3://bucket/key or a path below s3://b-1/export/",
    ),
    (
        {"a": "1.png", "b": "2.png"},
        "its data are {'a': '1.png', 'b': '2.png'}; accepted is one image, or the key image",
    ),
    ({"text": "hello"}, "its data are {'text': 'hello'}; accepted is one image, or the key image"),
]


@pytest.mark.parametrize(("data", "says"), BAD)
def test_a_task_without_an_image_is_counted(data, says):
    images, findings, found = converted(task(annotation(choice("a")), data=data), task(annotation(choice("a"))))
    assert [image.reference for image in images] == ["s3://b-1/1.png"]
    assert findings["INVALID_ROW"].examples == [{"item": "task 0 (id 7)", "says": says}]
    assert found.rejected == 1


def test_the_newest_annotation_counts():
    tasks = task(
        annotation(choice("old")),
        annotation(choice("new"), updated_at="2022-01-01T00:00:00.000000Z"),
        annotation(choice("skipped"), updated_at="2023-01-01T00:00:00.000000Z", was_cancelled=True),
        annotation(choice("older"), updated_at=None, created_at="2020-01-01T00:00:00.000000Z"),
    )
    (image,), findings, _ = converted(tasks)
    assert check_line(image.line).labels == ["new"]
    assert findings["SEVERAL_ANNOTATIONS"].examples[0]["says"] == "it has 3 annotations"


def test_of_annotations_of_the_same_time_the_last_counts():
    (image,), _, _ = converted(task(annotation(choice("first")), annotation(choice("last"))))
    assert check_line(image.line).labels == ["last"]


def test_what_was_not_annotated_is_unlabelled():
    images, findings, _ = converted(
        task(),
        task(annotation(choice("a"), was_cancelled=True), image="s3://b-1/2.png"),
        task(annotation(), image="s3://b-1/3.png"),
        task(annotation(choice("a")), image="s3://b-1/4.png"),
    )
    assert [image.labelled for image in images] == [False, False, False, True]
    assert json.loads(images[1].line) == {"source-ref": "s3://b-1/2.png"}
    assert findings["CANCELLED_ANNOTATION"].examples == [{"item": "task 1 (id 7)", "image": "s3://b-1/2.png"}]


def test_predictions_are_not_labels():
    (image,), _, _ = converted(task(predictions=[{"result": [choice("guess")]}]))
    assert not image.labelled


def test_an_older_export_calls_its_annotations_completions():
    (image,), _, _ = converted({"data": {"image": "1.png"}, "completions": [{"result": [choice("a")]}]})
    assert check_line(image.line).labels == ["a"]


LEFT_OUT = [
    ({"type": "brushlabels", "value": {}}, "FOREIGN_ATTRIBUTE", "a result is of the type 'brushlabels'"),
    ("text", "FOREIGN_ATTRIBUTE", "a result is of the type 'None'"),
    (choice("of a region", x=1, y=2), "FOREIGN_ATTRIBUTE", "a result is of the type 'choices'"),
    (
        rectangle("a", image_rotation=90),
        "FOREIGN_ATTRIBUTE",
        "its rectangles lie on an image turned by 90 degrees",
    ),
    (rectangle("a", original_width=None), "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", "original_width"),
    (rectangle(), "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", "a rectangle is "),
    (
        {
            "type": "rectanglelabels",
            "original_width": 9,
            "original_height": 9,
            "value": {"rectanglelabels": ["a"]},
        },
        "ERROR_INVALID_BOUNDING_BOX",
        "a rectangle is {'rectanglelabels': ['a']}; accepted are x, y, width and height in percent",
    ),
]


@pytest.mark.parametrize(("result", "code", "says"), LEFT_OUT)
def test_results_that_are_not_trained_on_are_left_out(result, code, says):
    (image,), findings, found = converted(task(annotation(result, choice("a"))))
    assert check_line(image.line).labels == ["a"]
    assert check_line(image.line).objects == []
    assert says in findings[code].examples[0]["says"]
    assert findings[code].examples[0]["image"] == "s3://b-1/1.png"
    assert found.rejected == 0


def test_a_rotated_rectangle_becomes_the_upright_one_around_it():
    # Turned by 90 degrees about its left top corner, 30 % of 640 pixels go down and 40 % of 480 go left.
    (image,), findings, _ = converted(task(annotation(rectangle("a", x=50, y=20, rotation=90))))
    assert json.loads(image.line)["boxes"]["annotations"] == [
        {"class_id": 0, "left": 128, "top": 96, "width": 192, "height": 192}
    ]
    assert findings["ROTATED_BOX"].examples[0]["says"] == "a rectangle of ['a'] is turned by 90 degrees"


ACCEPTED = "accepted is Label Studio's JSON export (not JSON-MIN), an array of tasks with data and annotations."


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'[{"image": "x.png", "choice": "a"}]', "has at task 0 {'image': 'x.png', 'choice': 'a'}"),
        (b"[7]", "has at task 0 7"),
        (b'{"images": [{"id": 1}]}', "has at the key 'images' {'id': 1}"),
        (b"image,choice", "is not the JSON of such a file at 'image,choice'"),
    ],
)
def test_a_file_of_another_form_is_refused(data, told):
    with pytest.raises(DatasetRejected) as refused:
        list(convert([data], FILE, FOLDER, WHEN, Findings("training")))
    assert str(refused.value) == f"{FILE} {told}; {ACCEPTED}"
