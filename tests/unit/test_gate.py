import pytest
from customlabels.evaluation import Evaluation, LabelMetrics, describe, read_summary
from customlabels.gate import AGAIN, NOT_COMPARABLE, REASONS, SAME, Champion, judge
from hypothesis import assume, given
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


def whole(value, images=100):
    """An evaluation whose labels all have the value of every metric."""
    labels = tuple(LabelMetrics(name, value, value, value, 0.5, 1) for name in ("bolt", "nut"))
    return Evaluation(value, value, value, images, labels)


def beside(value, live, interval=None):
    return Champion("v1", SAME, "compared", live, value - live, interval)


def test_without_a_live_model_nothing_is_compared():
    verdict = judge(whole(0.9), GATE)
    assert (verdict["comparison"], verdict["champion"], verdict["difference"]) == ("none", None, None)
    assert verdict["accepted"] is True


def test_the_verdict_tells_the_comparison():
    verdict = judge(whole(0.9), GATE, beside(0.9, 0.875, (-0.01, 0.06)), (0.85, 0.95))
    assert verdict == {
        "accepted": True,
        "metric": "f1",
        "value": 0.9,
        "minimum": 0.85,
        "interval": [0.85, 0.95],
        "champion": 0.875,
        "championVersion": "v1",
        "difference": pytest.approx(0.025),
        "differenceInterval": [-0.01, 0.06],
        "comparison": "same test images",
        "note": "compared",
        "reasons": [],
    }


def test_a_model_that_fell_too_far_is_refused():
    verdict = judge(whole(0.87), GATE, beside(0.87, 0.92))
    assert verdict["reasons"] == ["f1 is 0.0500 below the 0.9200 of the live version v1, and 0.02 is allowed"]


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((-0.09, 0.01), "(95 % interval of the difference -0.0900 to 0.0100, which holds 0: it is within noise)"),
        ((-0.09, -0.01), "(95 % interval of the difference -0.0900 to -0.0100)"),
    ],
)
def test_a_refusal_says_whether_it_may_be_noise(interval, said):
    (reason,) = judge(whole(0.87), GATE, beside(0.87, 0.92, interval))["reasons"]
    assert reason.endswith(said)


def test_a_fall_that_is_allowed_to_the_last_digit_is_accepted():
    assert 0.88 - 0.9 < -0.02, "as floats they are not equal"
    assert judge(whole(0.88), GATE, beside(0.88, 0.9))["accepted"] is True


def test_what_is_not_comparable_is_told_and_refuses_nothing():
    verdict = judge(whole(0.9), GATE, Champion("v1", NOT_COMPARABLE, "it has no evaluation"))
    assert (verdict["accepted"], verdict["comparison"], verdict["champion"]) == (True, "not comparable", None)
    assert verdict["note"] == "it has no evaluation"


gates = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(["f1", "precision", "recall"]),
        "minimum": rates,
        "perLabelMinimum": rates,
        "minimumTestImages": st.integers(0, 50),
        "maxRegression": rates,
    }
)


@given(gates, rates, rates, st.none() | rates, st.integers(0, 60))
def test_a_better_model_is_never_refused_where_a_worse_one_is_accepted(gate, one, other, live, images):
    worse, better = sorted((one, other))
    verdicts = [
        judge(whole(value, images), gate, None if live is None else beside(value, live))
        for value in (worse, better)
    ]
    assert verdicts[1]["accepted"] or not verdicts[0]["accepted"]
    assert len(verdicts[1]["reasons"]) <= len(verdicts[0]["reasons"])


@given(gates, rates, rates, st.integers(0, 60))
def test_there_is_a_reason_for_each_thing_that_is_wrong(gate, value, live, images):
    assume(abs(value - live + gate["maxRegression"]) > 1e-6)
    verdict = judge(whole(value, images), gate, beside(value, live))
    wrong = [
        value < gate["minimum"],
        value < live - gate["maxRegression"],
        images < gate["minimumTestImages"],
        *[value < gate["perLabelMinimum"]] * 2,
    ]
    assert len(verdict["reasons"]) == sum(wrong)
    assert verdict["accepted"] is not any(wrong)


@given(gates, rates, st.sampled_from([SAME, AGAIN]))
def test_a_model_that_equals_the_live_one_is_refused_for_nothing_else(gate, value, comparison):
    alone = judge(whole(value), gate)
    compared = judge(whole(value), gate, Champion("v1", comparison, "", value, 0.0, (0.0, 0.0)))
    assert compared["accepted"] is alone["accepted"]
    assert compared["reasons"] == alone["reasons"]
