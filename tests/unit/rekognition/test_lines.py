"""What is wrong with a line, at which level, and what is left of it."""

import json
from typing import Any

import pytest

from local.rekognition.lines import Line, check
from local.rekognition.settings import Settings

from .conftest import box_line, line, metadata


def checked(content: Any) -> Line:
    return check(content if isinstance(content, str) else json.dumps(content), 0, Settings())


def found(content: Any) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(finding.code, finding.place) for finding in checked(content).findings]


def without(content: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return content


def test_good_lines() -> None:
    several = checked(line("1.png", "red", "matte", "red"))
    assert (several.labels, several.findings, several.is_usable) == (["red", "matte"], [], True)
    boxes = checked(box_line("1.png", (0, 0, 0, 640, 480), (1, 600, 300, 40, 2)))
    assert [box.label for box in boxes.boxes] == ["bolt", "washer"]
    assert (boxes.findings, boxes.is_usable) == ([], True)


def test_an_unlabelled_line_is_no_error() -> None:
    bare = checked(line("1.png"))
    assert [finding.code for finding in bare.findings] == ["WARNING_UNANNOTATED_RECORD"]
    assert (bare.removed, bare.is_usable, bare.is_labeled) == (False, False, False)


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("{not json", "ERROR_INVALID_JSON_LINE", ()),
        ("[1]", "ERROR_INVALID_JSON_LINE", ()),
        (without(line("1.png", "red"), "source-ref"), "ERROR_MISSING_SOURCE_REF", ()),
        ({**line("1.png", "red"), "source-ref": "pictures/1.png"}, "ERROR_INVALID_SOURCE_REF_FORMAT", ()),
        ({**line("1.png"), "label": 1}, "ERROR_NO_LABEL_ATTRIBUTES", ()),
        ({**line("1.png", "red"), "colour0": "red"}, "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", ()),
        (
            {**line("1.png", "red"), "colour0-metadata": metadata("red", confidence=2)},
            "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
            ("colour0-metadata",),
        ),
        (
            without(line("1.png", "red"), "colour0-metadata", "creation-date"),
            "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
            ("colour0-metadata",),
        ),
        ({**line("1.png", "red"), "colour0-metadata": 1}, "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT", ()),
        (
            without(box_line("1.png", (0, 1, 1, 9, 9)), "boxes", "image_size"),
            "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT",
            ("boxes",),
        ),
        (
            box_line("1.png", (0, 1, 1, 9, 9), objects=[]),
            "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE",
            ("boxes-metadata",),
        ),
        (box_line("1.png", (7, 1, 1, 9, 9)), "ERROR_MISSING_CLASS_MAP_ID", ("boxes", "annotations", 0)),
        (box_line("1.png", *[(0, 1, 1, 9, 9)] * 51), "ERROR_TOO_MANY_BOUNDING_BOXES", ("boxes",)),
    ],
)
def test_faults_that_remove_the_line(content: Any, code: str, place: tuple[str | int, ...]) -> None:
    assert found(content) == [(code, place)]
    assert checked(content).removed


def test_one_unsupported_attribute_leaves_the_other() -> None:
    content = {**line("1.png", "red"), "other": 1, "other-metadata": metadata("x", type="groundtruth/text")}
    assert found(content) == [("ERROR_UNSUPPORTED_USE_CASE_TYPE", ("other-metadata",))]
    assert checked(content).labels == ["red"]


def test_a_label_of_wrong_length_leaves_no_valid_attribute() -> None:
    for label in ("", "x" * 256):
        codes = [code for code, _ in found(line("1.png", label))]
        assert codes == ["ERROR_INVALID_LABEL_NAME_LENGTH", "ERROR_NO_VALID_LABEL_ATTRIBUTES"]


def test_a_bad_box_removes_just_that_box() -> None:
    content = box_line("1.png", (0, 1, 1, 9, 9), (1, 630, 1, 20, 9), (1, -1, 1, 9, 9), (0, 5, 5, 1, 9))
    assert found(content) == [
        ("ERROR_INVALID_BOUNDING_BOX", ("boxes", "annotations", 1)),
        ("ERROR_INVALID_BOUNDING_BOX", ("boxes", "annotations", 2)),
        ("ERROR_BOUNDING_BOX_TOO_SMALL", ("boxes", "annotations", 3)),
    ]
    assert [box.label for box in checked(content).boxes] == ["bolt"]


def test_a_box_may_be_too_small_once_the_image_is_scaled_down() -> None:
    content = box_line("1.png", (0, 1, 1, 3, 9), (0, 1, 1, 4, 9))
    content["boxes"]["image_size"][0] = {"width": 4000, "height": 3000, "depth": 3}
    assert found(content) == [("ERROR_BOUNDING_BOX_TOO_SMALL", ("boxes", "annotations", 0))]


def test_no_valid_box_and_no_valid_size_remove_the_line() -> None:
    content = box_line("1.png", (0, 630, 1, 20, 9))
    assert found(content)[-1] == ("ERROR_NO_VALID_ANNOTATIONS", ("boxes",))
    assert checked(content).removed
    small = box_line("1.png", (0, 1, 1, 9, 9))
    small["boxes"]["image_size"][0]["width"] = 63
    assert found(small) == [("ERROR_INVALID_IMAGE_DIMENSION", ("boxes",))]


def test_no_boxes_at_all_is_a_warning_if_a_person_said_so() -> None:
    assert found(box_line("1.png")) == [
        ("WARNING_NO_ATTRIBUTE_ANNOTATIONS", ("boxes",)),
        ("WARNING_NO_ANNOTATIONS", ()),
    ]
    assert found(box_line("1.png", **{"human-annotated": "no"})) == []


def test_annotated_lines_hold_the_findings_at_their_level() -> None:
    content = box_line("1.png", (0, 1, 1, 9, 9), (1, 630, 1, 20, 9))
    annotated = checked(content).annotated("errors", "warnings")
    assert [one["code"] for one in annotated["boxes"]["annotations"][1].pop("errors")] == [
        "ERROR_INVALID_BOUNDING_BOX"
    ]
    assert annotated == content
    assert checked("{no").annotated("errors", "warnings") == {
        "errors": [{"code": "ERROR_INVALID_JSON_LINE", "message": "The JSON Line is not valid JSON."}]
    }


def test_findings_of_an_earlier_training_are_not_repeated() -> None:
    annotated = checked(box_line("1.png", (0, 1, 1, 9, 9), (1, 630, 1, 20, 9))).annotated("errors", "warnings")
    annotated["cl-metadata"] = {"is_labeled": True}
    assert checked(annotated).annotated("errors", "warnings") == {
        key: value for key, value in annotated.items() if key != "cl-metadata"
    }
