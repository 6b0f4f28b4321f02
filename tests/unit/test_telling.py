"""What is told of a run: the event's form, and a message that a person can read."""

from pathlib import Path

import pytest
from customlabels.telling import event_of, message_of, subject_of

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
    "inferenceUnits": 1,
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
}
UNCHANGED = {
    **dict.fromkeys(RECORD),
    "execution": RECORD["execution"],
    "version": "week-7",
    "outcome": "unchanged",
    "reason": "The data is that of the live version week-6.",
}


def test_a_promotion_is_told():
    assert subject_of("parts", RECORD) == "parts: version week-7 is live"
    assert message_of("parts", RECORD).splitlines() == [
        "Project parts, run week-7: promoted.",
        "Accepted: f1 0.9300, minimum 0.85, the live model's 0.9100.",
        "It runs on 1 inference unit, and bills until it is stopped.",
        "Billed training: 60 minutes.",
        "Report: s3://data/reports/parts/week-7/index.html",
    ]


def test_a_refusal_is_told_with_its_reasons():
    assert subject_of("parts", REFUSED) == "parts: the new model was refused"
    told = message_of("parts", REFUSED)
    assert "ModelRejected: The gate refused version week-7: f1 0.5000 is below the minimum 0.85." in told
    assert "Refused: f1 0.5000, minimum 0.85, not comparable with the live model." in told
    assert "bills until" not in told


def test_a_run_that_came_to_nothing_is_told():
    assert subject_of("parts", {**UNCHANGED, "outcome": "failed", "error": "TrainingFailed"}) == (
        "parts: a run failed: TrainingFailed"
    )
    assert message_of("parts", UNCHANGED).splitlines()[1] == UNCHANGED["reason"]


def test_a_subject_is_what_sns_takes():
    subject = subject_of("p" * 200, RECORD)
    assert len(subject) == 100
    assert subject.isascii()


@pytest.mark.parametrize("record", [RECORD, REFUSED, UNCHANGED])
def test_an_event_has_the_documented_keys(record):
    event = event_of("parts", record)
    text = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text()
    documented = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert event.keys() == documented
    assert event["version"] == 1
