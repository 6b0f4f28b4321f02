import json

from customlabels.preflight.findings import EXAMPLES, Findings, quoted, verdict
from customlabels.preflight.rules import RULES
from hypothesis import given
from hypothesis import strategies as st


def test_a_finding_counts_and_keeps_a_few_examples():
    found = Findings("training")
    for line in range(1, 1001):
        found.add("ERROR_INVALID_JSON_LINE", "it is '{'", line=line, image=None)
    (finding,) = found.listed()
    assert finding.count == 1000
    assert finding.severity == "warning"
    assert finding.message == "Lines that are not one JSON object: 1,000 in the training dataset."
    assert finding.examples == [{"line": line, "says": "it is '{'"} for line in range(1, EXAMPLES + 1)]


def test_errors_come_first():
    found = Findings("testing")
    found.add("WARNING_UNANNOTATED_RECORD")
    found.whole("ERROR_EMPTY_MANIFEST", "The testing dataset has no line.")
    assert [finding.severity for finding in found.listed()] == ["error", "warning"]


def test_long_texts_of_examples_are_cut():
    found = Findings("training")
    found.add("INVALID_ROW", "x" * 1000, image="s3://" + "y" * 2000)
    (example,) = found.listed()[0].examples
    assert len(example["says"]) == len(example["image"]) == 300
    assert len(quoted("z" * 500)) == 80


def test_findings_outlive_a_state_as_json():
    found = Findings("training")
    found.reject("INVALID_ROW", "it has 3 cells", item="row 7")
    found.whole("SIMILAR_LABELS", "Labels that are alike.", ["a", "A"], 2)
    read = Findings.from_json(json.loads(json.dumps(found.to_json())))
    assert read.listed() == found.listed()
    assert read.rejected == 1


def test_findings_of_two_steps_add_up():
    first, second = Findings("training"), Findings("training")
    first.reject("INVALID_ROW", "first", item="row 2")
    second.reject("INVALID_ROW", "second", item="row 3")
    second.merge(first)
    (finding,) = second.listed()
    assert (finding.count, second.rejected) == (2, 2)
    assert [one["says"] for one in finding.examples] == ["first", "second"]


def found_with(*codes):
    found = Findings("training")
    for code in codes:
        found.whole(code, f"About {code}.")
    return found.listed()


def test_warnings_go_on():
    assert verdict([]) == (True, "The data was checked without a finding.")
    warned = verdict(found_with("CLASS_IMBALANCE"), "s3://b/reports/x.html")
    assert warned == (True, "The data was checked with 1 warning. All findings: s3://b/reports/x.html.")


def test_errors_end_the_run_and_are_named():
    refused = verdict(found_with("ERROR_EMPTY_MANIFEST", "CLASS_IMBALANCE", "SIMILAR_LABELS"), "s3://b/x.html")
    assert refused == (
        False,
        "The data was refused before training, 1 error and 2 warnings: "
        "ERROR_EMPTY_MANIFEST: About ERROR_EMPTY_MANIFEST. All findings: s3://b/x.html.",
    )


@given(st.lists(st.sampled_from(sorted(RULES)), unique=True), st.integers(0, 900), st.integers(300, 1000))
def test_a_cause_is_never_too_long_and_keeps_its_link(codes, length, limit):
    found = Findings("both")
    for code in codes:
        found.whole(code, "x" * length + ".")
    accepted, cause = verdict(found.listed(), "s3://bucket/reports/project/run/findings.html", limit)
    assert len(cause) <= limit
    assert cause.endswith("All findings: s3://bucket/reports/project/run/findings.html.")
    assert accepted == all(RULES[code].severity == "warning" for code in codes)
