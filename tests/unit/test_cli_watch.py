"""The command `watch`: what it makes of histories, of what Rekognition says, and of the runs before."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli import estimates, facts, history, runs, watch
from cli.screen import Screen
from cli.stack import Stack, connect

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


# --- an execution's history, in the shapes of GetExecutionHistory -----------------------------------------


def event(number: int, before: int | None, kind: str, seconds: float = 0, **details: Any) -> dict[str, Any]:
    made = {"id": number, "type": kind, "timestamp": START + timedelta(seconds=seconds), **details}
    return made if before is None else {**made, "previousEventId": before}


def entered(number: int, before: int | None, state: str, kind: str = "Task", seconds: float = 0) -> dict[str, Any]:
    details = {"name": state, "input": "{}", "inputDetails": {"truncated": False}}
    return event(number, before, f"{kind}StateEntered", seconds, stateEnteredEventDetails=details)


def task(number: int, before: int | None, kind: str, **details: Any) -> dict[str, Any]:
    of = {"resourceType": "aws-sdk:rekognition", "resource": "createDataset", **details}
    return event(number, before, kind, **{f"{kind[0].lower()}{kind[1:]}EventDetails": of})


PARALLEL = [
    event(
        1, 0, "ExecutionStarted", executionStartedEventDetails={"input": "{}", "roleArn": "arn:aws:iam::1:role/r"}
    ),
    entered(2, 0, "Datasets", "Parallel", 1),
    event(3, 2, "ParallelStateStarted", 1),
    entered(4, 3, "CreateTrain", seconds=2),
    entered(5, 3, "CreateTest", seconds=2),
    task(6, 4, "TaskScheduled"),
    task(7, 5, "TaskScheduled"),
    task(8, 6, "TaskSucceeded", output="{}"),
    event(9, 8, "TaskStateExited", 3, stateExitedEventDetails={"name": "CreateTrain", "output": "{}"}),
    entered(10, 9, "CheckTrain", seconds=3),
    task(11, 7, "TaskFailed", error="Rekognition.ThrottlingException", cause="slow\ndown"),
    task(12, 11, "TaskScheduled"),
    task(13, 12, "TaskSucceeded", output="{}"),
    event(14, 13, "TaskStateExited", 4, stateExitedEventDetails={"name": "CreateTest", "output": "{}"}),
    event(15, 10, "TaskStateExited", 4, stateExitedEventDetails={"name": "CheckTrain", "output": "{}"}),
    event(16, 15, "ParallelStateSucceeded", 4),
    event(17, 16, "ParallelStateExited", 4, stateExitedEventDetails={"name": "Datasets", "output": "[]"}),
    entered(18, 17, "Train", seconds=5),
]


def test_the_states_of_branches_carry_the_branch() -> None:
    assert [(step.state, step.branch, step.error) for step in history.steps(PARALLEL)] == [
        ("Datasets", (), None),
        ("CreateTrain", (1,), None),
        ("CreateTest", (2,), None),
        ("CheckTrain", (1,), None),
        ("CreateTest", (2,), "Rekognition.ThrottlingException: slow down"),
        ("Train", (), None),
    ]


def test_the_live_line_has_each_branch_that_goes_on() -> None:
    now = START + timedelta(seconds=10)
    whole = "Datasets (for 0:00:09)"
    assert history.where(history.standing(PARALLEL[:1]), now) == "starting"
    assert history.where(history.standing(PARALLEL[:2]), now) == whole
    both = "CreateTest (for 0:00:08, tries that failed: 1), CheckTrain (for 0:00:07)"
    assert history.where(history.standing(PARALLEL[:13]), now) == both
    assert history.where(history.standing(PARALLEL[:14]), now) == "CheckTrain (for 0:00:07)"
    assert history.where(history.standing(PARALLEL[:16]), now) == whole, "both branches have ended"
    assert history.where(history.standing(PARALLEL), now) == "Train (for 0:00:05)"


def test_nested_branches_and_a_failed_parallel() -> None:
    events = [
        event(1, 0, "ExecutionStarted"),
        entered(2, 0, "Outer", "Parallel"),
        event(3, 2, "ParallelStateStarted"),
        entered(4, 3, "Each", "Map"),
        event(5, 4, "MapStateStarted", mapStateStartedEventDetails={"length": 2}),
        event(6, 5, "MapIterationStarted", mapIterationStartedEventDetails={"name": "Each", "index": 0}),
        entered(7, 6, "Inner"),
        event(8, 5, "MapIterationStarted", mapIterationStartedEventDetails={"name": "Each", "index": 1}),
        entered(9, 8, "Inner"),
        task(10, 9, "TaskFailed", error="Broken"),
        event(11, 10, "MapIterationFailed", mapIterationFailedEventDetails={"name": "Each", "index": 1}),
        event(12, 11, "MapStateFailed"),
        event(13, 12, "ParallelStateFailed"),
        event(14, 13, "ParallelStateExited", stateExitedEventDetails={"name": "Outer", "output": "{}"}),
        entered(15, 14, "CleanUp"),
    ]
    found = [(step.state, step.branch, step.error) for step in history.steps(events)]
    assert found[:4] == [
        ("Outer", (), None),
        ("Each", (1,), None),
        ("Inner", (1, 1), None),
        ("Inner", (1, 2), None),
    ]
    assert found[4] == ("Inner", (1, 2), "Broken")
    assert found[-1] == ("CleanUp", (), None)


def test_a_history_without_branches_and_previous_events() -> None:
    """The local cloud's: no previousEventId, and no states inside a Parallel, only their tasks."""
    events = [
        event(1, None, "ExecutionStarted"),
        entered(2, None, "Datasets", "Parallel"),
        task(3, None, "TaskScheduled"),
        task(4, None, "TaskFailed", error="Rekognition.ResourceInUseException", cause="busy"),
        entered(5, None, "Train"),
    ]
    found = history.steps(events)
    assert [(step.state, step.branch) for step in found] == [("Datasets", ()), ("Datasets", ()), ("Train", ())]
    assert found[1].error == "Rekognition.ResourceInUseException: busy"


def test_the_cause_of_a_function_is_its_message() -> None:
    cause = '{"errorMessage": "There is no image.", "errorType": "DatasetRejected", "stackTrace": []}'
    events = [entered(1, 0, "Plan"), task(2, 1, "TaskFailed", error="DatasetRejected", cause=cause)]
    assert history.steps(events)[1].error == "DatasetRejected: There is no image."


def test_an_error_that_retries_repeat_is_told_once_and_without_its_request_id() -> None:
    cause = "The project exists already. (Service: Rekognition, Status Code: 400, Request ID: 1)"
    failed = [task(number, number - 1, "TaskFailed", error="InUse", cause=cause) for number in (2, 3, 4)]
    events = [entered(1, 0, "Plan"), *failed]
    found = history.steps(events)
    assert [step.error for step in found if history.is_news(step)] == [None, "InUse: The project exists already."]
    assert history.where(history.standing(events), START) == "Plan (for 0:00:00, tries that failed: 3)"


def poll_loop(rounds: int) -> list[dict[str, Any]]:
    events = [event(1, 0, "ExecutionStarted"), entered(2, 0, "Train")]
    for _ in range(rounds):
        for kind, state in (("Wait", "WaitForTraining"), ("Task", "CheckTraining"), ("Choice", "Trained?")):
            number = len(events) + 1
            events.append(entered(number, number - 1, state, kind, number))
    return events


def test_a_poll_loop_is_one_line_for_each_of_its_states() -> None:
    found = history.steps(poll_loop(1000))
    assert len(found) == 3001
    assert [step.state for step in found if history.is_news(step)] == [
        "Train",
        "WaitForTraining",
        "CheckTraining",
        "Trained?",
    ]
    now = START + timedelta(seconds=3100)
    assert history.where(history.standing(poll_loop(1000)), now) == "Trained? (for 0:01:38, entered 1000 times)"


def test_what_happened_stays_the_same_while_the_history_grows() -> None:
    for length in range(len(PARALLEL) + 1):
        assert history.steps(PARALLEL)[: len(history.steps(PARALLEL[:length]))] == history.steps(PARALLEL[:length])


def test_lines_show_the_time_the_branch_and_the_error() -> None:
    lines = [history.line(step, START) for step in history.steps(PARALLEL)]
    assert lines[0] == "0:00:01  Datasets"
    assert lines[1] == "0:00:02    1 · CreateTrain"
    assert lines[4].endswith("2 · CreateTest: Rekognition.ThrottlingException: slow down")
    long = history.Step(START, "Train", (), 1, "Failed: " + "x" * 500)
    assert len(history.line(long, START)) < 200


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (61.9, "0:01:01"), (90_061, "25:01:01"), (-3, "0:00:00")]
)
def test_elapsed(seconds: float, text: str) -> None:
    assert history.elapsed(seconds) == text


# --- what Rekognition says meanwhile ----------------------------------------------------------------------


def version(name: str, status: str, f1: float | None = None, units: int | None = None) -> facts.Version:
    arn = f"arn:aws:rekognition:us-east-1:123456789012:project/parts/version/{name}/1690556751958"
    return facts.Version(name, arn, status, START, f1, "", units, None)


def test_changes_are_told_once() -> None:
    before = facts.Facts({"TRAIN": "CREATE_IN_PROGRESS"}, (version("one", "RUNNING"),))
    after = facts.Facts(
        {"TRAIN": "CREATE_COMPLETE", "TEST": "CREATE_IN_PROGRESS"},
        (version("two", "TRAINING_COMPLETED", 0.9312), version("one", "RUNNING")),
    )
    assert facts.changes(before, after) == [
        "train dataset CREATE_COMPLETE",
        "test dataset CREATE_IN_PROGRESS",
        "version two TRAINING_COMPLETED, F1 0.931",
    ]
    assert facts.changes(after, after) == []


def test_the_live_line_gives_the_training_its_age() -> None:
    busy = facts.Facts(
        {"TRAIN": "UPDATE_IN_PROGRESS"}, (version("two", "TRAINING_IN_PROGRESS"), version("one", "STOPPED"))
    )
    later = START + timedelta(hours=2, seconds=5)
    assert facts.ongoing(busy, later) == "version two training for 2:00:05, train dataset UPDATE_IN_PROGRESS"
    assert facts.ongoing(facts.Facts(), later) == ""


def test_a_version_of_describe_project_versions() -> None:
    arn = version("run-1", "RUNNING").arn
    found = facts.version(
        {
            "ProjectVersionArn": arn,
            "Status": "RUNNING",
            "CreationTimestamp": START,
            "MinInferenceUnits": 2,
            "EvaluationResult": {"F1Score": 0.5},
        }
    )
    assert (found.name, found.f1, found.min_units, found.max_units, found.message) == ("run-1", 0.5, 2, None, "")


# --- how long it will take --------------------------------------------------------------------------------


def record(minutes: int, outcome: str, **more: Any) -> dict[str, Any]:
    ended = START + timedelta(minutes=minutes)
    return {"outcome": outcome, "started": START.isoformat(), "ended": ended.isoformat(), **more}


RECORDS = [
    record(90, "promoted", trainingSeconds=3600),
    record(70, "failed", trainingSeconds=3600, error="ModelRejected"),
    record(1, "failed", error="DatasetRejected"),
    record(500, "failed", trainingSeconds=3600, error="StartFailed"),
    record(80, "promoted", trainingSeconds=3600),
    record(2, "unchanged", trainingSeconds=None),
    record(9, "switched", trainingSeconds=0),
]


def test_the_estimate_is_the_median_of_runs_that_came_to_a_verdict() -> None:
    made = estimates.estimate(RECORDS)
    assert made == estimates.Estimate(80 * 60, 3)
    assert made.said() == "The 3 such runs before this took 1:20:00 (median)."
    assert made.left(3000) == "about 0:30:00 left"
    assert made.left(80 * 60 + 1) == "longer than expected, 1:20:00"
    assert estimates.estimate(RECORDS, switch=True) == estimates.Estimate(9 * 60, 1)
    assert estimates.Estimate(540, 1).said() == "The one such run before this took 0:09:00."
    assert estimates.estimate(RECORDS[5:]) is None


@pytest.mark.parametrize(
    ("machine", "made", "seconds"),
    [
        ("train", {}, 80 * 60),
        ("train", {"switchTo": "previous"}, 9 * 60),
        ("train", {"dryRun": True}, None),
        ("train", {"copyFrom": "arn"}, None),
        ("teardown", {}, None),
        ("batch", {"images": "s3://bucket/photos/"}, None),
    ],
)
def test_only_a_training_and_a_switch_have_an_estimate(
    machine: str, made: dict[str, Any], seconds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.runs.records", lambda *_: RECORDS)
    stack = Stack("custom-labels", {"StateMachineArn": "arn:train"}, {})
    execution = {"status": "RUNNING", "stateMachineArn": f"arn:{machine}", "input": json.dumps(made)}
    found = estimates.expected(connect(True), stack, "custom-labels", execution)
    assert (found and found.seconds) == seconds


# --- terminals ------------------------------------------------------------------------------------------------

RUN = {
    "execution": "arn:aws:states:us-east-1:123456789012:execution:train:run-2026-11-22-100000",
    "metrics": {"f1": 0.93},
    "images": {"training": 500, "testing": 150, "new": 12},
    **record(150, "promoted", trainingSeconds=3600),
}


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_the_history_fits_a_narrow_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    runs.show([RUN, {**RUN, "metrics": None}], Screen())
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= columns for line in lines), lines
    paragraph = " ".join(lines[1 : 1 + (len(lines) - 1) // 2 + 1])
    for whole in ("run-2026-11-22-100000", "outcome promoted", "F1 0.930", "images 650", "took 2:30:00"):
        assert whole in paragraph
    assert "F1 -" not in "".join(lines)


def test_a_pipe_gets_the_table_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    runs.show([RUN], Screen())
    _title, heads, row = capsys.readouterr().out.splitlines()
    assert heads.split() == list(runs.COLUMNS)
    assert row.split()[:4] == ["run-2026-11-22-100000", "promoted", "0.930", "650"]


# --- the end of an execution ------------------------------------------------------------------------------

VERDICT = {"accepted": True, "metric": "f1", "value": 0.93, "minimum": 0.85, "champion": None}
BOLT = {"label": "bolt", "f1": 0.85, "precision": 0.9, "recall": 0.81, "threshold": 0.41}


def test_verdict_and_labels() -> None:
    assert watch.verdict_line(VERDICT) == "accepted: f1 0.930, minimum 0.850"
    refused = {"accepted": False, "metric": "f1", "value": 0.5, "minimum": 0.85, "champion": 0.9}
    assert watch.verdict_line(refused) == "refused: f1 0.500, minimum 0.850, the live model's 0.900"
    assert watch.label_rows({"worstLabels": [BOLT]}) == [["bolt", "0.850", "0.900", "0.810", "0.410"]]
    assert watch.label_rows({"worstLabels": None}) == []
