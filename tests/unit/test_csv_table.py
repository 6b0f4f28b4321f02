import json
from datetime import UTC, datetime

import pytest
from customlabels.errors import DatasetRejected
from customlabels.exports.csv_table import convert
from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import check_line
from hypothesis import given
from hypothesis import strategies as st

FILE, FOLDER = "s3://b-1/data/labels.csv", "s3://b-1/data/"
WHEN = datetime(2026, 11, 22, 8, 30, 11, tzinfo=UTC)
LABELS, BOXES = "image,label", "image,label,left,top,width,height"
SIZED = f"{BOXES},image_width,image_height"


def converted(*rows, sizes_of=lambda references: [(640, 480)] * len(references), encoding="utf-8", end="\n"):
    found = Findings("training")
    data = end.join(rows).encode(encoding)
    images = list(convert([data[:9], data[9:]], FILE, FOLDER, WHEN, sizes_of, found))
    return images, {one.code: one for one in found.listed()}, found


def test_a_table_of_labels():
    images, findings, _ = converted(
        LABELS, "a.png,bolt", "s3://other/b.png,große Mutter", "sub/c.png,", "a.png,rust"
    )
    assert [image.reference for image in images] == [
        "s3://b-1/data/a.png",
        "s3://other/b.png",
        "s3://b-1/data/sub/c.png",
    ]
    assert [check_line(image.line).labels for image in images] == [["bolt", "rust"], ["große Mutter"], []]
    assert json.loads(images[1].line) == {
        "source-ref": "s3://other/b.png",
        "label": 1,
        "label-metadata": {
            "confidence": 1,
            "class-name": "große Mutter",
            "type": "groundtruth/image-classification",
            "human-annotated": "yes",
            "creation-date": "2026-11-22T08:30:11.000Z",
            "job-name": "labeling-job/csv",
        },
    }
    assert [image.labelled for image in images] == [True, True, False]
    assert findings == {}


def test_a_table_of_boxes_asks_for_the_sizes_of_its_images():
    asked = []

    def sizes_of(references):
        asked.extend(references)
        return [(640, 480)] * len(references)

    rows = ["a.png,bolt,10,20,30,40", "b.png,washer,1.4,2.6,3.2,4", "a.png,rust,0,0,640,480", "c.png,,,,,"]
    images, findings, _ = converted(BOXES, *rows, sizes_of=sizes_of)
    assert asked == ["s3://b-1/data/a.png", "s3://b-1/data/b.png"]
    line = json.loads(images[0].line)
    assert line["boxes"]["annotations"] == [
        {"class_id": 0, "left": 10, "top": 20, "width": 30, "height": 40},
        {"class_id": 1, "left": 0, "top": 0, "width": 640, "height": 480},
    ]
    assert line["boxes-metadata"]["class-map"] == {"0": "bolt", "1": "rust"}
    assert json.loads(images[1].line)["boxes"]["annotations"] == [
        {"class_id": 0, "left": 1, "top": 3, "width": 4, "height": 4}
    ]
    assert [check_line(image.line).removed for image in images] == [False] * 3
    assert images[2].labelled is False
    assert findings == {}


def test_sizes_in_the_table_are_not_asked_for():
    images, _, _ = converted(SIZED, "a.png,bolt,10,20,30,40,320,240", sizes_of=None)
    assert json.loads(images[0].line)["boxes"]["image_size"] == [{"width": 320, "height": 240, "depth": 3}]


def test_sizes_are_asked_for_in_batches(monkeypatch):
    monkeypatch.setattr("customlabels.exports.lines.BATCH", 2)
    calls = []

    def sizes_of(references):
        calls.append(len(references))
        return [(640, 480)] * len(references)

    images, _, _ = converted(BOXES, *(f"{n}.png,bolt,10,20,30,40" for n in range(5)), sizes_of=sizes_of)
    assert (len(images), calls) == (5, [2, 2, 1])


@pytest.mark.parametrize(
    "options", [{}, {"encoding": "utf-8-sig"}, {"end": "\r\n"}, {"encoding": "utf-8-sig", "end": "\r\n"}]
)
def test_what_spreadsheets_write_is_read(options):
    images, findings, _ = converted(" Image , LABEL", '"a, b.png","bolt ""M8"""', "", "c.png,\u2028x", **options)
    assert [image.reference for image in images] == ["s3://b-1/data/a, b.png", "s3://b-1/data/c.png"]
    assert check_line(images[0].line).labels == ['bolt "M8"']
    assert findings == {}


def test_columns_may_be_in_any_order():
    images, _, _ = converted("label,image", "bolt,a.png")
    assert check_line(images[0].line).labels == ["bolt"]


ROWS = [
    (LABELS, "a.png", "it has 1 cells; accepted are 2, image,label", 1),
    (
        LABELS,
        "http://x/a.png,bolt",
        "the image is 'http://x/a.png'; accepted is s3://bucket/key or a path below s3://b-1/data/",
        1,
    ),
    (LABELS, ",bolt", "the image is ''; accepted is s3://bucket/key or a path below s3://b-1/data/", 1),
    (
        LABELS,
        "../../a.png,bolt",
        "the image is '../../a.png'; accepted is s3://bucket/key or a path below s3://b-1/data/",
        1,
    ),
    (BOXES, "a.png,bolt,x,1,2,3", "left is 'x'; accepted is a number of pixels", 0),
    (BOXES, "a.png,bolt,1,nan,2,3", "top is 'nan'; accepted is a number of pixels", 0),
    (BOXES, "a.png,bolt,1,1,1e9,3", "width is '1e9'; accepted is a number of pixels", 0),
    (BOXES, "a.png,bolt,,,,", "left is ''; accepted is a number of pixels", 0),
    (BOXES, "a.png,,1,1,2,3", "its box has no label", 0),
    (SIZED, "a.png,bolt,1,1,2,3,0,480", "image_width is '0'; accepted is a number of pixels", 0),
]


@pytest.mark.parametrize(("header", "row", "says", "rejected"), ROWS)
def test_bad_rows_are_counted_and_the_others_stay(header, row, says, rejected):
    good = "good.png,bolt" + ",10,20,30,40" * (header != LABELS) + ",640,480" * (header == SIZED)
    images, findings, found = converted(header, row, good)
    finding = findings["INVALID_ROW"]
    assert finding.message == "Rows that cannot be read: 1 in the training dataset."
    assert finding.examples[0]["says"] == says
    assert finding.examples[0]["item"] == "row 2"
    assert found.rejected == rejected
    assert images[-1].reference == "s3://b-1/data/good.png"
    assert all(not image.labelled for image in images[:-1])


ACCEPTED = (
    "accepted is UTF-8 text with commas and a header of image,label or image,label,left,top,width,height or "
    "image,label,left,top,width,height,image_width,image_height."
)


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        ([], {}, "begins with ''"),
        (["a.png,bolt"], {}, "begins with 'a.png,bolt'"),
        (["image;label", "a;b"], {}, "begins with 'image;label'"),
        (["image,label,left"], {}, "begins with 'image,label,left'"),
        ([LABELS, "ä.png,bolt"], {"encoding": "latin-1"}, "is not UTF-8 after line 1"),
        ([LABELS, '"a.png,bolt'], {}, "has unexpected end of data after line 2"),
    ],
)
def test_a_file_of_another_form_is_refused(rows, options, told):
    with pytest.raises(DatasetRejected) as refused:
        converted(*rows, **options)
    assert str(refused.value) == f"{FILE} {told}; {ACCEPTED}"


NAMES = st.text("ab/ü,\"' ", min_size=1, max_size=6).map(lambda name: f"x{name}y.png")


@given(st.lists(st.tuples(NAMES, st.sampled_from(["bolt", "a,b", 'c"d'])), max_size=10), st.integers(1, 20))
def test_every_row_of_a_good_table_is_found_again(rows, size):
    def quote(text):
        return '"' + text.replace('"', '""') + '"'

    data = "\n".join([LABELS, *(f"{quote(name)},{quote(label)}" for name, label in rows)]).encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    images = list(convert(chunks, FILE, FOLDER, WHEN, len, Findings("training")))
    expected = {}
    for name, label in rows:
        expected.setdefault(FOLDER + name, dict.fromkeys([label])).update({label: None})
    assert {image.reference: check_line(image.line).labels for image in images} == {
        reference: list(labels) for reference, labels in expected.items()
    }
