import json

import pytest
from customlabels.preflight.line_checks import Facts, check_line
from hypothesis import given
from hypothesis import strategies as st

SHARED = {"human-annotated": "yes", "creation-date": "2024-05-02T08:30:11.204Z", "job-name": "labeling-job/x"}


def label(name="scratch", attribute="defect", value=1, **changes):
    metadata = {
        "confidence": 1,
        "class-name": name,
        "type": "groundtruth/image-classification",
        **SHARED,
        **changes,
    }
    return {attribute: value, f"{attribute}-metadata": {k: v for k, v in metadata.items() if v is not None}}


def boxes(*annotations, size=(1280, 720), classes=None, objects=None, attribute="boxes", **changes):
    keys = ("class_id", "left", "top", "width", "height")
    metadata = {
        "objects": [{"confidence": 1} for _ in annotations] if objects is None else objects,
        "class-map": {"0": "bolt", "1": "washer"} if classes is None else classes,
        "type": "groundtruth/object-detection",
        **SHARED,
        **changes,
    }
    value = {
        "image_size": [{"width": size[0], "height": size[1], "depth": 3}],
        "annotations": [dict(zip(keys, one, strict=True)) for one in annotations],
    }
    return {attribute: value, f"{attribute}-metadata": metadata}


def line(*parts, **first):
    merged = {"source-ref": "s3://plant-imgs/a17.png", **first}
    for part in parts:
        merged.update(part)
    return json.dumps({key: value for key, value in merged.items() if value is not None})


def codes(checked):
    return [fault.code for fault in checked.faults]


GOOD = (0, 40, 52, 210, 118)


def test_one_label():
    checked = check_line(line(label()))
    assert (checked.reference, checked.bucket) == ("s3://plant-imgs/a17.png", "plant-imgs")
    assert (checked.labels, checked.objects, checked.faults, checked.removed) == (["scratch"], [], [], False)


def test_several_labels_and_boxes():
    checked = check_line(line(label(attribute="t0"), label("matte", "t1"), boxes(GOOD, (1, 600, 300, 64, 64))))
    assert (checked.labels, checked.objects, checked.faults) == (["scratch", "matte"], ["bolt", "washer"], [])


def test_the_services_own_keys_do_not_matter():
    checked = check_line(line(**{"cl-metadata": {"is_labeled": False}}))
    assert codes(checked) == ["WARNING_UNANNOTATED_RECORD"]
    assert not checked.removed


REMOVED = [
    ("{", "ERROR_INVALID_JSON_LINE", "it is '{'"),
    ("", "ERROR_INVALID_JSON_LINE", "it is ''"),
    ("[1]", "ERROR_INVALID_JSON_LINE", "it is '[1]'"),
    ("[" * 99_000, "ERROR_INVALID_JSON_LINE", None),
    (line(x="y" * 100_000), "LINE_TOO_LONG", "it has 100,050 characters"),
    (
        line(label(), **{"source-ref": None}),
        "ERROR_MISSING_SOURCE_REF",
        "its keys are ['defect', 'defect-metadata']",
    ),
    (
        line(label(), **{"source-ref": "https://x/y.png"}),
        "ERROR_INVALID_SOURCE_REF_FORMAT",
        "source-ref is 'https://x/y.png'",
    ),
    (
        line(label(), **{"source-ref": "s3://bucket/"}),
        "ERROR_INVALID_SOURCE_REF_FORMAT",
        "source-ref is 's3://bucket/'",
    ),
    (line(label(), **{"source-ref": 7}), "ERROR_INVALID_SOURCE_REF_FORMAT", "source-ref is 7"),
    (line(defect=1), "ERROR_NO_LABEL_ATTRIBUTES", "its keys are ['defect']"),
    (
        line(label(value="1")),
        "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT",
        "defect is '1'; accepted is a whole number",
    ),
    (
        line(label(confidence=1.5)),
        "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
        "confidence of defect-metadata is 1.5; accepted is a number from 0 to 1",
    ),
    (
        line(label(None)),
        "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
        "class-name of defect-metadata is missing; accepted is a label",
    ),
    (
        line(label(**{"human-annotated": "no one"})),
        "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
        "human-annotated of defect-metadata is 'no one'; accepted is yes or no",
    ),
    (
        line(label(**{"creation-date": None})),
        "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
        "creation-date of defect-metadata is missing; accepted is a date",
    ),
    (
        line(label(type=None)),
        "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
        "defect-metadata has no type; "
        "accepted are groundtruth/image-classification and groundtruth/object-detection",
    ),
    (
        line(boxes=1, **{"boxes-metadata": boxes()["boxes-metadata"]}),
        "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT",
        "boxes has the value 1; accepted are an image_size of one width, height, depth and annotations of "
        "class_id, left, top, width, height",
    ),
    (line(boxes((0, "4", 5, 6, 7))), "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", None),
    (line(boxes(GOOD, size=("a", 7))), "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT", None),
    (
        line(boxes(GOOD, objects=[])),
        "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE",
        "boxes has 1 annotations and 0 confidences",
    ),
    (line(boxes(GOOD, objects=[{}])), "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE", None),
    (
        line(boxes(GOOD, objects=7)),
        "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT",
        "objects of boxes-metadata is 7; accepted is a list",
    ),
    (
        line(boxes(GOOD, classes={"1": "x"})),
        "ERROR_MISSING_CLASS_MAP_ID",
        "class_id 0 is not in the class-map of boxes",
    ),
    (
        line(boxes(*[GOOD] * 51)),
        "ERROR_TOO_MANY_BOUNDING_BOXES",
        "boxes has 51 boxes",
    ),
    (
        line(boxes(GOOD, size=(5000, 720))),
        "ERROR_INVALID_IMAGE_DIMENSION",
        "boxes was drawn on 5000 x 720 pixels",
    ),
    (
        line(*(label(f"l{n}", f"a{n}") for n in range(51))),
        "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT",
        "it has 51 labels; accepted are 50 an image",
    ),
]


@pytest.mark.parametrize(("text", "code", "says"), REMOVED)
def test_a_fault_of_the_line_removes_the_image(text, code, says):
    checked = check_line(text)
    assert checked.removed
    assert codes(checked) == [code]
    assert (checked.labels, checked.objects) == ([], [])
    if says is not None:
        assert checked.faults[0].says == says


def test_an_unsupported_type_leaves_the_other_attributes():
    both = check_line(line(label(), label("x", "other", type="groundtruth/text-classification")))
    assert codes(both) == ["ERROR_UNSUPPORTED_USE_CASE_TYPE"]
    assert both.faults[0].says == (
        "the type of other is 'groundtruth/text-classification'; "
        "accepted are groundtruth/image-classification and groundtruth/object-detection"
    )
    assert both.labels == ["scratch"]
    alone = check_line(line(label(type="groundtruth/text-classification")))
    assert codes(alone) == ["ERROR_UNSUPPORTED_USE_CASE_TYPE", "ERROR_NO_VALID_LABEL_ATTRIBUTES"]
    assert alone.removed


@pytest.mark.parametrize(("length", "good"), [(0, False), (1, True), (255, True), (256, False)])
def test_the_length_of_a_label_is_counted_in_characters(length, good):
    checked = check_line(line(label("ü" * length)))
    assert ("ERROR_INVALID_LABEL_NAME_LENGTH" in codes(checked)) is not good
    assert checked.removed is not good
    box = check_line(line(boxes(GOOD, classes={"0": "ü" * length})))
    assert bool(box.objects) is good


BOXES = [
    ((0, 0, 1280, 720), (1280, 720), None),
    ((0, 0, 1281, 720), (1280, 720), "ERROR_INVALID_BOUNDING_BOX"),
    ((1, 0, 1280, 720), (1280, 720), "ERROR_INVALID_BOUNDING_BOX"),
    ((-1, 0, 20, 20), (1280, 720), "ERROR_INVALID_BOUNDING_BOX"),
    ((0, 0, 20, -20), (1280, 720), "ERROR_INVALID_BOUNDING_BOX"),
    ((0, 0, 2, 2), (1280, 720), None),
    ((0, 0, 1, 2), (1280, 720), "ERROR_BOUNDING_BOX_TOO_SMALL"),
    ((0, 0, 2, 0), (1280, 720), "ERROR_BOUNDING_BOX_TOO_SMALL"),
    # 2560 pixels become 1280, and two of them one.
    ((0, 0, 2, 20), (2560, 720), "ERROR_BOUNDING_BOX_TOO_SMALL"),
    ((0, 0, 20, 2), (720, 2560), "ERROR_BOUNDING_BOX_TOO_SMALL"),
    ((0, 0, 3, 3), (2560, 720), None),
]


@pytest.mark.parametrize(("box", "size", "code"), BOXES)
def test_a_bad_box_is_left_out_and_the_others_stay(box, size, code):
    checked = check_line(line(boxes((0, *box), (1, 10, 10, 50, 50), size=size)))
    assert codes(checked) == ([code] if code else [])
    assert checked.objects == (["washer"] if code else ["bolt", "washer"])
    assert not checked.removed


def test_a_bad_box_is_described():
    checked = check_line(line(boxes((0, 700, 10, 600, 20))))
    assert checked.faults[0].says == "the box 700, 10, 600 x 20 of boxes in 1280 x 720 pixels"
    assert checked.faults[1] == ("ERROR_NO_VALID_ANNOTATIONS", "none of the 1 boxes of boxes can be used")
    assert checked.removed


def test_the_dimensions_are_checked_where_no_box_was_drawn_too():
    checked = check_line(line(boxes(size=(63, 720)), label()))
    assert codes(checked) == ["ERROR_INVALID_IMAGE_DIMENSION", "WARNING_NO_ATTRIBUTE_ANNOTATIONS"]
    assert checked.removed


def test_no_boxes_are_a_warning_of_the_line_or_of_the_attribute():
    assert check_line(line(boxes())).faults == [("WARNING_NO_ANNOTATIONS", "boxes has no annotations")]
    assert codes(check_line(line(boxes(), boxes(GOOD, attribute="more")))) == ["WARNING_NO_ATTRIBUTE_ANNOTATIONS"]


IMAGES = [
    (Facts("png", 640, 480, 1000), None, None),
    (Facts("webp", 640, 480), "ERROR_INVALID_IMAGE", "its format is webp; accepted are PNG and JPEG"),
    (Facts(size=15 * 1024**2), None, None),
    (
        Facts(size=15 * 1024**2 + 1),
        "ERROR_INVALID_IMAGE",
        "it has 15,728,641 bytes; accepted are at most 15,728,640",
    ),
    (Facts("png", 64, 1280), None, None),
    (Facts("png", 64, 1281), "ERROR_INVALID_IMAGE", "accepted is one side at most 20 times the other"),
    (Facts("png", 63, 64), "ERROR_INVALID_IMAGE", "it has 63 x 64 pixels; accepted are sides of 64 to 4096"),
    (Facts("png", 4096, 4096), None, None),
    (
        Facts("png", 4097, 4096),
        "ERROR_INVALID_IMAGE",
        "it has 4097 x 4096 pixels; accepted are sides of 64 to 4096",
    ),
    (Facts(fault="there is no such object"), "ERROR_INVALID_IMAGE", "there is no such object"),
]


@pytest.mark.parametrize(("facts", "code", "says"), IMAGES)
def test_an_image_that_was_read_is_checked(facts, code, says):
    checked = check_line(line(label()), facts)
    assert codes(checked) == ([code] if code else [])
    assert checked.bad_image is (code is not None)
    assert not checked.removed
    if says:
        assert says in checked.faults[0].says


def test_the_dimensions_of_an_image_with_boxes_have_a_code_of_their_own():
    checked = check_line(line(boxes(GOOD)), Facts("png", 5000, 480))
    assert codes(checked) == ["ERROR_INVALID_IMAGE_DIMENSION"]


def test_boxes_drawn_on_a_turned_image_are_told():
    checked = check_line(line(boxes(GOOD)), Facts("jpeg", 720, 1280))
    assert checked.faults == [
        (
            "IMAGE_SIZE_DIFFERS",
            "it has 720 x 1280 pixels and its boxes were drawn on 1280 x 720; "
            "a camera's rotation may have been applied",
        )
    ]
    assert checked.objects == ["bolt"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["class-name", "type", "objects", "class-map", "confidence", "human-annotated", "creation-date"]
)


@given(JSON, st.dictionaries(KEYS, JSON), st.sampled_from(["defect", "boxes"]), st.data())
def test_any_value_gives_findings_and_never_an_exception(value, changes, attribute, data):
    whole = label() | boxes(GOOD)
    whole[attribute] = data.draw(st.sampled_from([value, whole[attribute]]))
    whole[f"{attribute}-metadata"] = whole[f"{attribute}-metadata"] | changes
    checked = check_line(line(whole), Facts("png", 1280, 720))
    assert checked.removed or checked.labels or checked.objects or checked.faults
