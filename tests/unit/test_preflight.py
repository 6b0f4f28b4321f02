import json
from dataclasses import asdict

import pytest
from customlabels.preflight.checks import Preflight
from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import Facts
from customlabels.preflight.rules import RULES
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_line_checks import GOOD, boxes, label, line


def lines(labels, start=0, bucket="b-1"):
    """A line for each label; every one of another image."""
    return [line(label(name), **{"source-ref": f"s3://{bucket}/{start + n}.png"}) for n, name in enumerate(labels)]


def boxed(labels, start=0):
    return [
        line(boxes(GOOD, classes={"0": name}), **{"source-ref": f"s3://b-1/{start + n}.png"})
        for n, name in enumerate(labels)
    ]


def check(training, testing=None, converted=()):
    """Preflight of lines, or (line, facts) pairs; `testing` of None is a split."""
    preflight = Preflight(split=testing is None)
    for side, rows in (("training", training), ("testing", testing or [])):
        for row in rows:
            text, facts = row if isinstance(row, tuple) else (row, None)
            preflight.add(side, text, facts)
    return preflight.report(converted, "s3://b/findings.html")


def finding(report, code):
    return next((one for one in report.findings if one.code == code), None)


TRAIN = lines(["bolt"] * 20 + ["washer"] * 20)
TEST = lines(["bolt"] * 5 + ["washer"] * 5, 1000)


def test_a_good_pair_has_no_findings():
    report = check(TRAIN, TEST)
    assert report.findings == []
    assert report.verdict == (True, "The data was checked without a finding. All findings: s3://b/findings.html.")
    assert report.kind == "image"
    assert report.labels == [
        {"label": "bolt", "training": 20, "testing": 5},
        {"label": "washer", "training": 20, "testing": 5},
    ]
    assert report.datasets["training"] == {
        "lines": 40,
        "usable": 40,
        "ignored": 0,
        "invalid": 0,
        "duplicates": 0,
        "read": 0,
        "compared": {"none": 40},
    }


ERRORS = [
    ([], TEST, "ERROR_EMPTY_MANIFEST", "The training dataset has no line."),
    (TRAIN, [], "ERROR_EMPTY_MANIFEST", "The testing dataset has no line."),
    (
        TRAIN[:30] + ["{"] * 10,
        TEST,
        "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST",
        "Of the training dataset's 40 lines, 10 are invalid; accepted are at most 20 %.",
    ),
    (
        TRAIN[:39] + lines(["washer"], 39, "b-2"),
        TEST,
        "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS",
        "The training dataset's images are in several buckets, b-1 (39), b-2 (1); accepted is one.",
    ),
    (
        lines(["bolt"] * 20),
        TEST,
        "ERROR_MANIFEST_TOO_FEW_LABELS",
        "The training dataset has too few different labels, 1; accepted are 2 to 250 of images.",
    ),
    (
        [line(**{"source-ref": f"s3://b-1/{n}.png"}) for n in range(10)],
        TEST,
        "ERROR_MANIFEST_TOO_FEW_LABELS",
        "The training dataset has too few different labels, 0; accepted are 2 to 250 of images.",
    ),
    (
        [*lines(["bolt"] * 9), (lines(["washer"], 9)[0], Facts(fault="there is no such object"))],
        TEST,
        "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS",
        "The training dataset has too few different labels on usable images, 1; accepted are 2 to 250 of images.",
    ),
    (
        lines([f"l{n}" for n in range(251)]),
        lines([f"l{n}" for n in range(251)], 1000),
        "ERROR_MANIFEST_TOO_MANY_LABELS",
        "The training dataset has too many different labels, 251; accepted are 2 to 250 of images.",
    ),
    (
        boxed([f"l{n}" for n in range(1200)]),
        boxed(["l0"], 2000),
        "ERROR_MANIFEST_TOO_MANY_LABELS",
        "The training dataset has too many different labels, more than 1,000; accepted are 1 to 250 on boxes.",
    ),
    (
        lines(["a", "b", "c"] * 10),
        lines(["a", "x"], 1000),
        "ERROR_INSUFFICIENT_LABEL_OVERLAP",
        "The test dataset has 1 of the training dataset's 3 labels; accepted are at least 50 %.",
    ),
    (
        lines(["a", "b", "c"] * 10),
        [
            *lines(["a"] * 9, 1000),
            *((text, Facts(format="gif")) for text in lines(["b"], 2000)),
        ],
        "ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP",
        "The test dataset has 1 of the training dataset's 3 usable labels; accepted are at least 50 %.",
    ),
    (
        [*lines(["a", "b"] * 10), *lines(["c"], 100)],
        None,
        "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE",
        "Labels with fewer than 2 images, too few to train on and to test with: 1, the first is 'c'.",
    ),
]


@pytest.mark.parametrize(("training", "testing", "code", "message"), ERRORS)
def test_what_rekognition_would_refuse_ends_the_run(training, testing, code, message):
    report = check(training, testing)
    found = finding(report, code)
    assert found.message == message
    assert found.severity == "error"
    assert not report.verdict.accepted
    assert f"{code}: {message}" in report.verdict.cause


def test_too_many_lines_end_the_run(monkeypatch):
    monkeypatch.setattr("customlabels.preflight.rules.LINES", 39)
    found = finding(check(TRAIN, TEST), "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM")
    assert found.message == "The training dataset has 40 lines; accepted are at most 39."


def test_too_large_a_manifest_ends_the_run(monkeypatch):
    size = sum(len(text.encode()) + 1 for text in TRAIN)
    monkeypatch.setattr("customlabels.preflight.rules.MANIFEST_BYTES", size)
    assert check(TRAIN, TEST).verdict.accepted
    monkeypatch.setattr("customlabels.preflight.rules.MANIFEST_BYTES", size - 1)
    found = finding(check(TRAIN, TEST), "ERROR_MANIFEST_SIZE_TOO_LARGE")
    assert found.message == f"The manifest of the training dataset has {size:,} bytes; accepted is at most 1 GB."


BOUNDS = [
    (TRAIN[:32] + ["{"] * 8, TEST),  # a fifth is invalid
    (boxed(["bolt"] * 10), boxed(["bolt"], 1000)),  # one label is enough on boxes
    (lines(["a", "b"] * 10), lines(["a"], 1000)),  # half of the labels are tested
    (lines([f"l{n}" for n in range(250)]), lines([f"l{n}" for n in range(125)], 1000)),
    (lines(["a", "b"] * 2), None),  # two images of a label can be split
    (lines(["brand", "logo"] * 10), boxed(["brand", "logo"], 1000)),  # boxes test image-level labels
]


@pytest.mark.parametrize(("training", "testing"), BOUNDS)
def test_what_is_just_within_the_limits_goes_on(training, testing):
    assert check(training, testing).verdict.accepted


MANY_TESTS = lines(["bolt"] * 1001 + ["washer"], 5000)
WARNINGS = [
    (
        [*TRAIN[:35], *boxed(["bolt"] * 5, 35)],
        TEST,
        "MIXED_LABEL_KINDS",
        "Of the training dataset's usable lines, 35 have image-level labels and 5 have boxes; Rekognition trains "
        "one kind, probably image-level labels, and ignores the other.",
    ),
    (
        lines(["bolt"] * 20 + ["washer"] * 9),
        TEST,
        "FEW_IMAGES_PER_LABEL",
        "Labels with fewer than the recommended 10 training images: 1, the fewest has 'washer', 9.",
    ),
    (
        lines(["bolt"] * 101 + ["washer"] * 10),
        TEST,
        "CLASS_IMBALANCE",
        "Labels with less than a tenth of the training images of 'bolt', 101: 1, the fewest has 'washer', 10.",
    ),
    (
        lines(["Bolt", "bolt ", "washer"] * 10),
        lines(["Bolt", "bolt ", "washer"], 1000),
        "SIMILAR_LABELS",
        "Labels that differ only in case, spaces or the coding of a letter, and are trained as different ones: "
        "'Bolt' and 'bolt '.",
    ),
    (
        lines(["große Mutter", "gro\u00dfe  Mutter", "cafe\u0301", "caf\u00e9"] * 10),
        lines(["große Mutter", "gro\u00dfe  Mutter", "cafe\u0301", "caf\u00e9"], 1000),
        "SIMILAR_LABELS",
        "Labels that differ only in case, spaces or the coding of a letter, and are trained as different ones: "
        "'große Mutter' and 'große  Mutter', and 1 more.",
    ),
    (
        TRAIN,
        TEST + lines(["nut"], 3000),
        "LABEL_NOT_IN_TRAINING",
        "Labels that are tested but not trained: 1, the first is 'nut'.",
    ),
    (TRAIN, TEST[:5], "LABEL_NOT_IN_TESTING", "Labels that are trained but not tested: 1, the first is 'washer'."),
    (
        TRAIN,
        MANY_TESTS,
        "MANY_TEST_IMAGES_PER_LABEL",
        "Labels with more than the 1,000 test images that are used: 1, the first is 'bolt'.",
    ),
    (
        TRAIN + TRAIN[:1],
        TEST,
        "DUPLICATE_SOURCE_REF",
        "Lines of an image that an earlier line names, dropped without a word: 1 in the training dataset.",
    ),
    (TRAIN, TEST + TRAIN[:1], "IMAGE_IN_BOTH_DATASETS", "Images that are trained on and tested with: 1."),
    (
        lines(["bolt", "washer"] * 100) + [(text, Facts(format="gif")) for text in lines(["bolt"] * 20, 500)],
        TEST,
        "ERROR_INVALID_IMAGE",
        "Images that Rekognition cannot use: 20 in the training dataset.",
    ),
    (
        lines(["bolt", "washer"] * 100)
        + [(text, Facts("png", 100, 100)) for text in lines(["bolt"] * 39, 500)]
        + [(text, Facts("png", 10, 10)) for text in lines(["bolt"] * 11, 600)],
        TEST,
        "MANY_INVALID_IMAGES_READ",
        "Of the training dataset's 50 images that were read, 11 cannot be used; if those that were not read are "
        "like them, more than the accepted 20 % of the lines are invalid.",
    ),
]


@pytest.mark.parametrize(("training", "testing", "code", "message"), WARNINGS)
def test_what_rekognition_would_bear_is_a_warning(training, testing, code, message):
    report = check(training, testing)
    found = finding(report, code)
    assert found.message == message
    assert found.severity == "warning"
    assert report.verdict.accepted


def with_content(text, content):
    return text, Facts(content=content)


def test_the_same_content_is_found_under_other_names():
    training = [with_content(text, f"etag:{n}") for n, text in enumerate(TRAIN)]
    training += [with_content(text, "etag:0") for text in lines(["bolt", "washer"], 100)]
    testing = [with_content(TEST[0], "etag:7"), *TEST[1:]]
    report = check(training, testing)
    duplicates = finding(report, "DUPLICATE_CONTENT")
    assert duplicates.count == 2
    assert duplicates.examples[0] == {
        "line": 41,
        "image": "s3://b-1/100.png",
        "says": "line 1 has the same content",
    }
    (other,) = finding(report, "SAME_CONTENT_OTHER_LABELS").examples
    assert other["says"] == "it has ['washer'] and line 1, which has the same content, has others"
    both = finding(report, "CONTENT_IN_BOTH_DATASETS")
    assert both.dataset == "both"
    assert both.examples == [
        {"line": 1, "image": "s3://b-1/1000.png", "says": "testing line, the training line 8 has the same content"}
    ]
    assert report.datasets["testing"]["compared"] == {"etag": 1, "none": 9}
    assert finding(report, "IMAGE_IN_BOTH_DATASETS") is None


def test_the_datasets_may_come_in_any_order():
    preflight = Preflight()
    for text in TEST:
        preflight.add("testing", text)
    for text in [*TRAIN, TEST[0]]:
        preflight.add("training", text)
    (example,) = finding(preflight.report(), "IMAGE_IN_BOTH_DATASETS").examples
    assert example == {
        "line": 41,
        "image": "s3://b-1/1000.png",
        "says": "training line, the testing one is line 1",
    }


def test_examples_name_the_line_and_the_image():
    report = check([*TRAIN, line(label(value="x"), **{"source-ref": "s3://b-1/bad.png"})], TEST)
    (example,) = finding(report, "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT").examples
    assert example == {
        "line": 41,
        "image": "s3://b-1/bad.png",
        "says": "defect is 'x'; accepted is a whole number",
    }


def test_rows_that_a_conversion_left_out_count_as_invalid_lines():
    converted = Findings("training")
    for number in range(11):
        converted.reject("INVALID_ROW", "it has 1 cells", item=f"row {number}")
    report = check(TRAIN, TEST, [converted])
    assert finding(report, "INVALID_ROW").count == 11
    assert finding(report, "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST").message == (
        "Of the training dataset's 51 lines, 11 are invalid; accepted are at most 20 %."
    )


def test_a_split_needs_no_testing_lines():
    report = check(TRAIN, None)
    assert report.findings == []
    assert list(report.datasets) == ["training"]
    assert report.labels[0] == {"label": "bolt", "training": 20, "testing": None}


def test_a_label_that_is_not_usable_has_a_code_of_its_own():
    training = [*lines(["bolt"] * 20), *((text, Facts("png", 10, 10)) for text in lines(["washer"] * 3, 100))]
    report = check(training, TEST)
    assert finding(report, "ERROR_MANIFEST_TOO_FEW_LABELS") is None
    assert finding(report, "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS").severity == "error"


def test_the_report_is_json_of_the_documented_form():
    report = check([*TRAIN, "{"], TEST)
    value = json.loads(json.dumps(report.to_json()))
    assert list(value) == ["verdict", "kind", "datasets", "labels", "findings"]
    assert value["verdict"] == {"accepted": True, "cause": report.verdict.cause}
    assert value["findings"] == [asdict(one) for one in report.findings]
    assert value["findings"][0] == {
        "code": "ERROR_INVALID_JSON_LINE",
        "severity": "warning",
        "dataset": "training",
        "message": "Lines that are not one JSON object: 1 in the training dataset.",
        "count": 1,
        "examples": [{"line": 41, "says": "it is '{'"}],
    }


ANY_LINE = st.sampled_from(
    [
        "{",
        "",
        line(label("a")),
        line(label("b", value="x"), **{"source-ref": "s3://b-1/2"}),
        line(boxes(GOOD), **{"source-ref": "s3://b-1/3"}),
        line(boxes(), **{"source-ref": "s3://b-2/4"}),
        line(**{"source-ref": "s3://b-2/5"}),
        line(label("c", attribute="x"), boxes(GOOD), **{"source-ref": "s3://b-2/6"}),
    ]
)
ANY_FACTS = st.none() | st.builds(
    Facts,
    st.sampled_from([None, "png", "gif"]),
    st.sampled_from([None, 10, 1280]),
    st.sampled_from([None, 10, 720]),
    content=st.sampled_from([None, "etag:1", "checksum:1"]),
)
ROWS = st.lists(st.tuples(ANY_LINE, ANY_FACTS), max_size=20)


@given(ROWS, st.none() | ROWS)
def test_every_line_is_counted_once_and_every_code_has_a_rule(training, testing):
    report = check(training, testing)
    for side, counts in report.datasets.items():
        assert counts["lines"] == len(training if side == "training" else testing)
        assert counts["lines"] == sum(counts[key] for key in ("usable", "ignored", "invalid", "duplicates"))
        assert min(counts["ignored"], counts["usable"]) >= 0
    assert {one.code for one in report.findings} <= RULES.keys()
    assert report.verdict.accepted == all(one.severity == "warning" for one in report.findings)
    json.dumps(report.to_json())
