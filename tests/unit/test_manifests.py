import json
from datetime import UTC, datetime

import pytest
from customlabels.manifests import folder_label, folder_line, is_image, read_line

WHEN = datetime(2026, 11, 22, 8, 30, 11, 204000, tzinfo=UTC)


def test_a_folder_line_is_the_documented_classification_line():
    line = json.loads(folder_line("s3://b/images/bolt/1.png", "bolt", WHEN))
    assert line["source-ref"] == "s3://b/images/bolt/1.png"
    assert line["label-metadata"] == {
        "confidence": 1,
        "class-name": "bolt",
        "human-annotated": "yes",
        "creation-date": "2026-11-22T08:30:11.000Z",
        "type": "groundtruth/image-classification",
        "job-name": "labeling-job/folder",
    }


def test_an_image_beside_the_label_folders_is_unlabelled():
    assert json.loads(folder_line("s3://b/x.png", None, WHEN)) == {"source-ref": "s3://b/x.png"}


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("images/train/bolt/1.png", "bolt"),
        ("images/train/bolt/old/1.png", "bolt"),
        ("images/train/große Mutter/1.png", "große Mutter"),
        ("images/train/1.png", None),
    ],
)
def test_the_first_folder_below_is_the_label(key, label):
    assert folder_label("images/train/", key) == label


@pytest.mark.parametrize(
    ("key", "image"), [("a.png", True), ("a.JPG", True), ("a.jpeg", True), ("a.gif", False), (".DS_Store", False)]
)
def test_only_the_formats_that_are_trained_on_are_images(key, image):
    assert is_image(key) is image


def test_the_services_own_keys_are_left_out_at_every_level():
    line = {
        "source-ref": "s3://b/x.png",
        "boxes": {"annotations": [{"class_id": 0, "cl-errors": [{}]}]},
        "boxes-metadata": {"cl-errors": [{}], "type": "groundtruth/object-detection"},
        "cl-metadata": {"is_labeled": True},
    }
    image = read_line(json.dumps(line))
    assert json.loads(image.line) == {
        "source-ref": "s3://b/x.png",
        "boxes": {"annotations": [{"class_id": 0}]},
        "boxes-metadata": {"type": "groundtruth/object-detection"},
    }
    assert image.labelled


def test_a_bare_line_is_unlabelled():
    assert read_line('{"source-ref": "s3://b/x.png", "cl-metadata": {"is_labeled": false}}').labelled is False


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source-ref": 1}', '{"label": 1}', '"x"'])
def test_a_line_that_names_no_image_is_none(text):
    assert read_line(text) is None
