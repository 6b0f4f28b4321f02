import pytest
from customlabels.predictions import confidence, pixels, shape
from customlabels.preflight.headers import Header

SIZE = Header("jpeg", 640, 480)


def found(*names):
    return [{"Name": name, "Confidence": 90.0 - place} for place, name in enumerate(names)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.25, 0.5, 0.125, 0.1), (160, 240, 80, 48)),
        ((0, 0, 1, 1), (0, 0, 640, 480)),
        ((-0.1, -0.1, 0.2, 0.2), (0, 0, 64, 48)),
        ((0.9, 0.9, 0.2, 0.2), (576, 432, 64, 48)),
        ((0.5, 0.5, 0, 0), (320, 240, 0, 0)),
        ((1.5, 0, 0.5, 1), (640, 0, 0, 480)),
    ],
)
def test_a_box_in_pixels_lies_within_the_image(box, expected):
    sides = ("Left", "Top", "Width", "Height")
    assert pixels(dict(zip(sides, box, strict=True)), 640, 480) == dict(zip(sides, expected, strict=True))


def test_boxes_are_told_in_ratios_and_in_pixels():
    box = {"Left": 0.25, "Top": 0.5, "Width": 0.125, "Height": 0.1}
    one = {"Name": "bolt", "Confidence": 98.1, "Geometry": {"BoundingBox": box, "Polygon": []}}
    (shaped,) = shape([one], SIZE, None, None)
    assert shaped["Geometry"] == {
        "BoundingBox": box,
        "Pixels": {"Left": 160, "Top": 240, "Width": 80, "Height": 48},
    }
    assert "Pixels" not in one["Geometry"], "what came is left as it is"


def test_only_the_labels_that_are_asked_for_are_told_and_counted():
    assert shape(found("a", "b", "c"), SIZE, frozenset({"b", "c", "x"}), None) == found("", "b", "c")[1:]
    assert [one["Name"] for one in shape(found("a", "b", "c"), SIZE, frozenset({"b", "c"}), 1)] == ["b"]
    assert shape(found("a"), SIZE, frozenset({"x"}), None) == []


def test_the_confidence_of_an_answer_is_that_of_its_likeliest_label():
    assert confidence(found("a", "b")) == 90.0
    assert confidence([]) == 0.0
