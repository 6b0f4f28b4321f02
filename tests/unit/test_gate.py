import pytest
from customlabels.evaluation import Evaluation, LabelMetrics, describe, read_summary
from customlabels.gate import REASONS, judge
from hypothesis import given
from hypothesis import strategies as st

GATE = {"metric": "f1", "minimum": 0.85, "perLabelMinimum": 0.0, "minimumTestImages": 1, "maxRegression": 0.02}
SUMMARY = {
    "Version": 1,
    "EvaluationDetails": {"NumberOfTrainingImages": 40, "NumberOfTestingImages": 12},
    "AggregatedEvaluationResults": {"Precision": 0.9, "Recall": 0.8, "F1Score": 0.84},
    "LabelEvaluationResults": [
        {
            "Label": "bolt",
            "NumberOfTestingImages": 6,
            "Metrics": {"Threshold": 0.4, "Precision": 1.0, "Recall": 0.9, "F1Score": 0.94},
        },
        {
            "Label": "nut",
            "NumberOfTestingImages": 6,
            "Metrics": {"Threshold": 0.1, "Precision": 0.8, "Recall": 0.7, "F1Score": 0.74},
        },
    ],
}
rates = st.floats(0, 1)


def nested(summary):
    means = summary["AggregatedEvaluationResults"]
    return {**summary, "AggregatedEvaluationResults": {"Metrics": means, "ConfusionMatrix": []}}


@pytest.mark.parametrize("summary", [SUMMARY, nested(SUMMARY)], ids=["as in the example", "as in the schema"])
def test_both_documented_forms_of_a_summary_are_read(summary):
    evaluation = read_summary(summary)
    assert evaluation[:4] == (0.84, 0.9, 0.8, 12)
    assert evaluation.labels[1] == LabelMetrics("nut", 0.74, 0.8, 0.7, 0.1, 6)


def test_the_worst_labels_come_first_and_are_few():
    labels = tuple(LabelMetrics(f"l{i}", i / 250, 1, 1, 0.5, 1) for i in range(250))
    told = describe(Evaluation(0.5, 1, 1, 250, labels))
    assert [label["label"] for label in told["worstLabels"]] == [f"l{i}" for i in range(20)]
    assert told["labels"] == 250


def test_every_reason_is_listed():
    verdict = judge(
        read_summary(SUMMARY), {**GATE, "perLabelMinimum": 0.8, "minimumTestImages": 20, "minimum": 0.9}
    )
    assert verdict["accepted"] is False
    assert verdict["reasons"] == [
        "f1 0.8400 is below the minimum 0.9",
        "12 test images are fewer than the minimum 20",
        "f1 0.7400 of label 'nut' is below 0.8",
    ]


def test_a_value_at_the_minimum_is_accepted():
    assert judge(read_summary(SUMMARY), {**GATE, "minimum": 0.84})["accepted"] is True


@pytest.mark.parametrize(("metric", "value"), [("f1", 0.84), ("precision", 0.9), ("recall", 0.8)])
def test_the_metric_that_the_gate_names_decides(metric, value):
    verdict = judge(read_summary(SUMMARY), {**GATE, "metric": metric})
    assert verdict["value"] == value
    assert verdict["accepted"] is (value >= 0.85)


@given(st.lists(rates, max_size=300), rates, rates, st.integers(0, 50))
def test_the_verdict_follows_from_its_reasons(values, floor, minimum, images):
    labels = tuple(LabelMetrics(str(i), value, value, value, 0.5, 1) for i, value in enumerate(values))
    mean = sum(values) / len(values) if values else 0.0
    verdict = judge(
        Evaluation(mean, mean, mean, images, labels),
        {
            "metric": "f1",
            "minimum": minimum,
            "perLabelMinimum": floor,
            "minimumTestImages": 10,
            "maxRegression": 1,
        },
    )
    good = mean >= minimum and images >= 10 and all(value >= floor for value in values)
    assert verdict["accepted"] is good
    assert bool(verdict["reasons"]) is not good
    assert len(verdict["reasons"]) <= REASONS
