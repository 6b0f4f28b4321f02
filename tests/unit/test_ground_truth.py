import json

import pytest
from customlabels.errors import DatasetRejected
from customlabels.exports.ground_truth import convert
from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import check_line

from tests.unit.test_line_checks import GOOD, boxes, label

FILE = "s3://b-1/job/manifests/output/output.manifest"
REF = {"source-ref": "s3://b-1/1.png"}


def converted(*rows):
    found = Findings("training")
    data = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()
    images = list(convert([data[:50], data[50:]], FILE, found))
    return images, {one.code: one for one in found.listed()}, found


def multi_label(ids, classes=None, confidences=None, **changes):
    """A line as a multi-label image classification job writes it."""
    return {
        **REF,
        "tags": ids,
        "tags-metadata": {
            "job-name": "labeling-job/tags",
            "class-map": {"0": "bolt", "3": "washer", "8": "rust"} if classes is None else classes,
            "human-annotated": "yes",
            "creation-date": "2020-02-27T21:36:25.000201",
            "type": "groundtruth/image-classification-multilabel",
            "confidence-map": {"0": 0.95, "3": 0.77, "8": 0.2} if confidences is None else confidences,
            **changes,
        },
    }


@pytest.mark.parametrize("part", [label(), boxes(GOOD), label() | boxes(GOOD)])
def test_classification_and_boxes_pass_as_they_are(part):
    (image,), findings, _ = converted({**REF, **part})
    assert json.loads(image.line) == {**REF, **part}
    assert image.labelled
    assert findings == {}


def test_a_multi_label_line_becomes_one_attribute_pair_for_each_label():
    (image,), findings, _ = converted(multi_label([3, 8]))
    shared = {
        "type": "groundtruth/image-classification",
        "job-name": "labeling-job/tags",
        "human-annotated": "yes",
        "creation-date": "2020-02-27T21:36:25.000201",
    }
    assert json.loads(image.line) == {
        **REF,
        "tags0": 0,
        "tags0-metadata": {"confidence": 0.77, "class-name": "washer", **shared},
        "tags1": 1,
        "tags1-metadata": {"confidence": 0.2, "class-name": "rust", **shared},
    }
    assert findings == {}
    checked = check_line(image.line)
    assert (checked.labels, checked.faults) == (["washer", "rust"], [])


def test_a_multi_label_line_of_a_custom_job_is_told_by_its_form():
    (image,), _, _ = converted(multi_label([0], type="groundtruth/custom"))
    assert json.loads(image.line)["tags0-metadata"]["type"] == "groundtruth/image-classification"


def test_an_attribute_of_the_same_name_is_not_overwritten():
    line = multi_label([3]) | label("x", "tags0")
    (image,), _, _ = converted(line)
    assert check_line(image.line).labels == ["washer", "x"]


def test_no_labels_make_an_unlabelled_image():
    (image,), findings, _ = converted(multi_label([]))
    assert (json.loads(image.line), image.labelled, findings) == (REF, False, {})


def test_an_id_without_a_name_is_left_out():
    (image,), findings, _ = converted(multi_label([0, 5]))
    assert check_line(image.line).labels == ["bolt"]
    assert findings["ERROR_MISSING_CLASS_MAP_ID"].examples == [
        {"item": "line 1", "image": "s3://b-1/1.png", "says": "5 is not in the class-map of tags"}
    ]


def test_a_multi_label_attribute_of_another_form_is_left_out():
    (image,), findings, _ = converted(multi_label(7) | label())
    assert check_line(image.line).labels == ["scratch"]
    assert findings["ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT"].examples[0]["says"] == (
        "tags is 7; accepted are a list of ids and a class-map that names them"
    )


SEGMENTATION = {
    "mask-ref": "s3://b-1/mask.png",
    "mask-ref-metadata": {"type": "groundtruth/semantic-segmentation", "human-annotated": "yes"},
}
VERIFICATION = {"verify": "1", "verify-metadata": {"type": "groundtruth/label-verification", "class-name": "bad"}}
FOREIGN = [
    (SEGMENTATION, "mask-ref has 'groundtruth/semantic-segmentation'"),
    (VERIFICATION, "verify has 'groundtruth/label-verification'"),
    ({"camera": 7}, "camera has no metadata"),
    (
        {"boxes-metadata": {"failure-reason": "ClientError: no such file"}},
        "boxes-metadata has no label: 'ClientError: no such file'",
    ),
]


@pytest.mark.parametrize(("part", "says"), FOREIGN)
def test_what_is_not_trained_on_is_left_out_with_a_warning(part, says):
    (image,), findings, found = converted({**REF, **part, **label()})
    assert json.loads(image.line) == {**REF, **label()}
    foreign = findings["FOREIGN_ATTRIBUTE"]
    assert foreign.severity == "warning"
    assert foreign.message == (
        "Annotations of a kind that Rekognition does not train on, left out: 1 in the training dataset."
    )
    assert foreign.examples == [{"item": "line 1", "image": "s3://b-1/1.png", "says": says}]
    assert found.rejected == 0


def test_an_adjustment_takes_the_place_of_what_it_adjusted():
    adjusted = boxes((0, 1, 1, 90, 90), attribute="better", **{"adjustment-status": "unadjusted"})
    (image,), findings, _ = converted({**REF, **boxes(GOOD), **adjusted})
    assert json.loads(image.line) == {**REF, **adjusted}
    assert findings["SUPERSEDED_ATTRIBUTE"].examples[0]["says"] == "boxes stands beside adjusted boxes"


def test_bad_lines_are_counted():
    images, findings, found = converted({**REF, **label()}, "{", "", {"source": "a text"}, "[]")
    assert len(images) == 1
    assert found.rejected == 3
    assert [one["item"] for one in findings["ERROR_INVALID_JSON_LINE"].examples] == ["line 2", "line 5"]
    assert findings["ERROR_MISSING_SOURCE_REF"].examples == [{"item": "line 4", "says": "its keys are ['source']"}]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "it is empty"),
        (["image,label", "a,b"], "line 1 is 'image,label'"),
        (["", '{"source": "a text"}'], 'line 2 is \'{"source": "a text"}\''),
    ],
)
def test_a_file_of_another_form_is_refused(rows, told):
    with pytest.raises(DatasetRejected) as refused:
        converted(*rows)
    assert str(refused.value) == (
        f"{FILE} names no image, {told}; accepted is the output.manifest of a Ground Truth labelling job."
    )
