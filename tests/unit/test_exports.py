import json
from datetime import UTC, datetime

import pytest
from customlabels.errors import InvalidInput
from customlabels.exports import Export, convert, parse_export
from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import check_line

WHEN = datetime(2026, 11, 22, 8, 30, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "export"),
    [
        ("groundTruth", "s3://b-1/out.manifest", ("s3://b-1/out.manifest", "s3://b-1/")),
        ("coco", "s3://b-1/a/instances.json", ("s3://b-1/a/instances.json", "s3://b-1/a/")),
        ("csv", {"file": "s3://b-1/a/x.csv"}, ("s3://b-1/a/x.csv", "s3://b-1/a/")),
        (
            "labelStudio",
            {"file": "s3://b-1/a/x.json", "images": "s3://b-2/photos"},
            ("s3://b-1/a/x.json", "s3://b-2/photos/"),
        ),
        ("coco", {"file": "s3://b-1/x.json", "images": "s3://b-2"}, ("s3://b-1/x.json", "s3://b-2/")),
    ],
)
def test_a_file_is_named_alone_or_with_the_folder_of_its_images(kind, value, export):
    assert parse_export(f"training.{kind}", kind, value) == Export(kind, *export)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("csv", 7, "training.csv is 7; accepted is s3://bucket/key."),
        ("csv", "s3://b-1/folder/", "training.csv is 's3://b-1/folder/'; accepted is s3://bucket/key."),
        ("csv", {"file": "x.csv"}, "training.csv.file is 'x.csv'; accepted is s3://bucket/key."),
        (
            "csv",
            {"file": "s3://b-1/x.csv", "images": "photos/"},
            "training.csv.images is 'photos/'; accepted is s3://bucket/folder/.",
        ),
        (
            "csv",
            {"images": "s3://b-1/photos/"},
            "training.csv is {'images': 's3://b-1/photos/'}; accepted is s3://bucket/key, or an object with file "
            "and images (a folder).",
        ),
        (
            "groundTruth",
            {"file": "s3://b-1/x", "images": "s3://b-1/y/"},
            "training.groundTruth is {'file': 's3://b-1/x', 'images': 's3://b-1/y/'}; accepted is s3://bucket/key.",
        ),
    ],
)
def test_what_else_is_named_is_refused_by_key_and_value(kind, value, message):
    with pytest.raises(InvalidInput) as refused:
        parse_export(f"training.{kind}", kind, value)
    assert str(refused.value) == message


FILES = {
    "groundTruth": {
        "source-ref": "s3://b-1/a/1.png",
        "t": [3],
        "t-metadata": {
            "class-map": {"3": "bolt"},
            "confidence-map": {"3": 1},
            "human-annotated": "yes",
            "creation-date": "2026-11-22",
            "type": "groundtruth/image-classification-multilabel",
        },
    },
    "coco": {
        "images": [{"id": 1, "file_name": "1.png", "width": 640, "height": 480}],
        "annotations": [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 30, 40]}],
        "categories": [{"id": 2, "name": "bolt"}],
    },
    "csv": "image,label\n1.png,bolt\n",
    "labelStudio": [
        {
            "data": {"image": "1.png"},
            "annotations": [{"result": [{"type": "choices", "value": {"choices": ["bolt"]}}]}],
        }
    ],
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_becomes_lines_that_rekognition_takes(kind):
    content = FILES[kind] if isinstance(FILES[kind], str) else json.dumps(FILES[kind])
    found = Findings("training")
    export = parse_export(kind, kind, "s3://b-1/a/file")
    (image,) = convert(export, [content.encode()], WHEN, lambda references: [], found)
    checked = check_line(image.line)
    assert (checked.reference, checked.labels + checked.objects) == ("s3://b-1/a/1.png", ["bolt"])
    assert checked.faults == []
    assert found.listed() == []
