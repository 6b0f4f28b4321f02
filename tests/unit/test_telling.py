"""What is told of a run: the event's form, and a message that a person can read."""

from pathlib import Path

import pytest
from customlabels.costs import Prices
from customlabels.records import record_of
from customlabels.telling import event_of, message_of, subject_of

PRICES = Prices(training=1.5, inference=4)
RECORD = {
    "execution": "arn:aws:states:us-east-1:123456789012:execution:train:week-7",
    "version": "week-7",
    "started": "2026-11-22T03:00:00Z",
    "ended": "2026-11-22T05:00:00+00:00",
    "outcome": "promoted",
    "reason": None,
    "error": None,
    "cause": None,
    "projectVersionArn": "arn:aws:rekognition:us-east-1:123456789012:project/parts/version/week-7/1",
    "images": {"training": 80, "testing": 20, "new": 7},
    "metrics": {"f1": 0.93, "precision": 0.94, "recall": 0.92, "worstLabels": [{"label": "bolt"}]},
    "verdict": {"accepted": True, "metric": "f1", "value": 0.93, "minimum": 0.85, "champion": 0.91, "reasons": []},
    "trainingSeconds": 3600,
    "inferenceUnits": 2,
    "cost": {"training": 1.5, "perDay": 192.0},
    "report": "s3://data/reports/parts/week-7/index.html",
    "findings": None,
}
REFUSED = {
    **RECORD,
    "outcome": "failed",
    "error": "ModelRejected",
    "cause": "The gate refused version week-7: f1 0.5000 is below the minimum 0.85. Running now: week-6.",
    "verdict": {
        "accepted": False,
        "metric": "f1",
        "value": 0.5,
        "minimum": 0.85,
        "champion": None,
        "comparison": "not comparable",
        "reasons": ["f1 0.5000 is below the minimum 0.85"],
    },
    "inferenceUnits": None,
    "cost": {"training": 1.5, "perDay": None},
}
SWITCHED = {
    **dict.fromkeys(RECORD),
    "execution": RECORD["execution"],
    "version": "week-6",
    "outcome": "switched",
    "inferenceUnits": 1,
    "cost": {"training": None, "perDay": 96.0},
}
TESTED = {
    **RECORD,
    "outcome": "tested",
    "inferenceUnits": None,
    "cost": {"training": 1.5, "perDay": None},
}
UNCHANGED = {
    **dict.fromkeys(RECORD),
    "execution": RECORD["execution"],
    "version": "week-7",
    "outcome": "unchanged",
    "reason": "The data is that of the live version week-6.",
    "cost": {"training": None, "perDay": None},
}


def test_a_promotion_is_told():
    assert subject_of("parts", RECORD) == "parts: version week-7 is live"
    assert message_of("parts", RECORD, PRICES).splitlines() == [
        "Project parts, run week-7: promoted.",
        "Accepted: f1 0.9300, minimum 0.85, the live model's 0.9100.",
        "It runs on 2 inference units, which cost about 192.00 a day at 4.00 an hour and unit, "
        "until it is stopped.",
        "Billed training: 60 minutes, about 1.50.",
        "Report: s3://data/reports/parts/week-7/index.html",
    ]


def test_a_refusal_is_told_with_its_reasons():
    assert subject_of("parts", REFUSED) == "parts: the new model was refused"
    told = message_of("parts", REFUSED, PRICES)
    assert "ModelRejected: The gate refused version week-7: f1 0.5000 is below the minimum 0.85." in told
    assert "Refused: f1 0.5000, minimum 0.85, not comparable with the live model." in told
    assert "until it is stopped" not in told
    assert "Billed training: 60 minutes, about 1.50." in told


def test_a_switch_is_told_with_what_runs_and_bills_now():
    assert subject_of("parts", SWITCHED) == "parts: switched to version week-6"
    assert message_of("parts", SWITCHED, PRICES).splitlines() == [
        "Project parts, run week-7: switched.",
        "It runs on 1 inference unit, which costs about 96.00 a day at 4.00 an hour and unit, "
        "until it is stopped.",
    ]


def test_a_model_that_was_only_tested_is_told_as_stopped():
    assert subject_of("parts", TESTED) == "parts: version week-7 was tested and stopped"
    told = message_of("parts", TESTED, PRICES)
    assert "nothing of it bills. It is live only if no version was before." in told
    assert "Accepted: f1 0.9300" in told
    assert "until it is stopped" not in told


RUN = {
    "execution": RECORD["execution"],
    "since": RECORD["started"],
    "version": "week-7",
    "trained": {"version": "week-7", "trainingSeconds": 5400},
    "model": {"created": {"arn": RECORD["projectVersionArn"]}},
}


@pytest.mark.parametrize(
    ("outcome", "units", "per_day"),
    [("promoted", 2, 192.0), ("tested", None, None), ("unchanged", None, None), ("failed", None, None)],
)
def test_a_record_says_what_a_day_costs_only_where_a_model_is_left_running(outcome, units, per_day):
    result = {"outcome": outcome, "cost": {"trainingSeconds": 5400, "inferenceUnits": 2}}
    run = RUN if outcome == "failed" else {**RUN, "result": result}
    record = record_of(run, RECORD["ended"], PRICES)
    assert (record["outcome"], record["inferenceUnits"]) == (outcome, units)
    assert record["cost"] == {"training": 2.25, "perDay": per_day}


def test_a_record_of_a_switch_is_of_the_version_that_is_live_now():
    arn = "arn:aws:rekognition:us-east-1:123456789012:project/parts/version/week-6/1"
    cost = {"trainingSeconds": 0, "inferenceUnits": 1}
    result = {"outcome": "switched", "version": "week-6", "projectVersionArn": arn, "cost": cost}
    state = {key: RUN[key] for key in ("execution", "since", "version")}
    record = record_of({**state, "result": result}, RECORD["ended"], PRICES)
    assert (record["version"], record["projectVersionArn"]) == ("week-6", arn)
    assert record["cost"] == {"training": None, "perDay": 96.0}
    assert "which costs about 96.00 a day" in message_of("parts", record, PRICES)
    assert event_of("parts", record)["cost"] == record["cost"]
    untold = record_of({**state, "result": {**result, "cost": None}}, RECORD["ended"], PRICES)
    assert message_of("parts", untold, PRICES).endswith("It runs, and bills, until it is stopped.")


def test_a_run_that_came_to_nothing_is_told():
    assert subject_of("parts", {**UNCHANGED, "outcome": "failed", "error": "TrainingFailed"}) == (
        "parts: a run failed: TrainingFailed"
    )
    assert message_of("parts", UNCHANGED, PRICES).splitlines()[1] == UNCHANGED["reason"]


def test_a_subject_is_what_sns_takes():
    subject = subject_of("p" * 200, RECORD)
    assert len(subject) == 100
    assert subject.isascii()


@pytest.mark.parametrize("record", [RECORD, REFUSED, SWITCHED, TESTED, UNCHANGED])
def test_an_event_has_the_documented_keys(record):
    event = event_of("parts", record)
    text = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text()
    keys = text.partition("| outcome |")[0]
    documented = {line.split("`")[1] for line in keys.splitlines() if line.startswith("| `")}
    assert event.keys() == documented
    assert event["version"] == 1
    outcomes = {line.split("`")[1] for line in text.partition("| outcome |")[2].splitlines() if line[:3] == "| `"}
    assert event["outcome"] in outcomes
