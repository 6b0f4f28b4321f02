"""The operator's command: what it makes of histories, inputs, statuses and outcomes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import bill, estimates, facts, history, models, run, runs, stack, watch
from cli.errors import CommandError
from cli.screen import Screen

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


# --- the input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "option", "expected"),
    [
        ("s3://b/images/train", "--training", {"folder": "s3://b/images/train/"}),
        ("s3://b/images/train/", "--training", {"folder": "s3://b/images/train/"}),
        ("s3://b/output.manifest", "--training", {"manifest": "s3://b/output.manifest"}),
        ("auto", "--testing", {"split": "auto"}),
        (
            "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/test/1",
            "--testing",
            {"dataset": "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/test/1"},
        ),
    ],
)
def test_sources(given: str, option: str, expected: dict[str, str]) -> None:
    assert run.source(given, option) == expected


@pytest.mark.parametrize(
    ("given", "option"), [("auto", "--training"), ("./images", "--testing"), ("", "--training")]
)
def test_what_is_no_source(given: str, option: str) -> None:
    with pytest.raises(CommandError, match=f"{option} {given!r} is no source: give s3://"):
        run.source(given, option)


def test_options_win_over_the_input() -> None:
    given = {"project": "a", "gate": {"metric": "recall", "minimum": 0.1}, "force": True}
    made = run.request(given, project="b", training="s3://b/t/", testing="auto", minimum=0.9)
    assert made == {
        "project": "b",
        "gate": {"metric": "recall", "minimum": 0.9},
        "force": True,
        "training": {"folder": "s3://b/t/"},
        "testing": {"split": "auto"},
    }
    assert given["project"] == "a"
    assert run.request({}) == {}


def test_the_input_is_json_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text('{"force": true}')
    assert run.read_input(str(file)) == run.read_input(' {"force": true}') == {"force": True}
    assert run.read_input(None) == {}
    with pytest.raises(CommandError, match=r"--input 'nowhere.json' cannot be read \(No such file"):
        run.read_input("nowhere.json")
    with pytest.raises(CommandError, match="--input is not JSON"):
        run.read_input("{force")
    with pytest.raises(CommandError, match="--input holds a JSON list: the input is an object"):
        run.read_input("[1]")


def test_an_execution_is_named_by_the_time() -> None:
    assert run.default_name(START) == "run-2026-11-22-100000"
    assert run.default_name(START, "rollback") == "rollback-2026-11-22-100000"


# --- what it costs ----------------------------------------------------------------------------------------

PRICED = stack.Stack("parts", {}, {"TrainingPrice": "1.5", "InferencePrice": "4", "MinUnits": "2"})
UNPRICED = stack.Stack("parts", {}, {})


def test_what_a_run_costs_is_told_before_it_starts() -> None:
    note = bill.before_run(PRICED, {}, "parts", billed=True, flag=" --stack s")
    assert note == (
        "Training costs 1.50 an hour. A model that this run promotes runs on 2 inference units, which cost about "
        "192.00 a day at 4.00 an hour and unit, also when nobody uses it, until it is stopped: "
        "`python -m cli stop --project parts --stack s`."
    )
    asked = bill.before_run(PRICED, {"model": {"minUnits": 3}}, "parts", billed=True)
    assert "runs on 3 inference units, which cost about 288.00 a day" in (asked or "")
    assert bill.before_run(PRICED, {"dryRun": True}, "parts", billed=True) is None
    for odd in ({"model": 7}, {"model": {"minUnits": "many"}}):
        assert bill.before_run(PRICED, odd, "parts", billed=True) == bill.before_run(PRICED, {}, "parts", True)


def test_a_model_that_is_only_tested_does_not_bill_on() -> None:
    note = bill.before_run(PRICED, {"model": {"keepRunning": False}}, "parts", billed=True) or ""
    assert note.startswith(
        "Training costs 1.50 an hour. A model that is accepted runs for its test, on 2 inference"
    )
    assert note.endswith("and is then stopped.")
    thrifty = stack.Stack("parts", {}, {**PRICED.parameters, "KeepRunning": "false"})
    assert bill.before_run(thrifty, {}, "parts", billed=True) == note


def test_a_switch_trains_nothing() -> None:
    note = bill.before_run(PRICED, {"switchTo": "previous"}, "parts", billed=True) or ""
    assert note.startswith(
        "The model that it switches to runs on 2 inference units, which cost about 192.00 a day"
    )


def test_nothing_bills_on_this_machine() -> None:
    note = bill.before_run(PRICED, {}, "parts", billed=False) or ""
    assert note.startswith("Nothing bills here. On AWS: Training costs 1.50 an hour.")
    assert note.endswith("until it is stopped.")
    at = bill.prices(PRICED)
    assert bill.running(at, 1, billed=False) == (
        "Nothing bills here. On AWS it would be 1 inference unit, "
        "which costs about 96.00 a day at 4.00 an hour and unit."
    )
    assert bill.trained(at, 7200, billed=False).endswith(
        "2:00:00. On AWS it would cost about 3.00 at 1.50 an hour."
    )


def test_a_stack_without_prices_bills_all_the_same() -> None:
    at = bill.prices(UNPRICED)
    assert at is None
    assert "bill by the hour" in (bill.before_run(UNPRICED, {}, "parts", billed=True) or "")
    assert bill.running(at, 1, billed=True) == "It bills by the hour."
    assert bill.trained(at, 60, billed=True) == "Trainings of these runs: 0:01:00."
    assert bill.account(at, 1, [])["perDay"] is None


def test_the_account_counts_a_training_once() -> None:
    runs = [
        {"execution": "c", "projectVersionArn": "two", "trainingSeconds": 3600},
        {"execution": "b", "projectVersionArn": "one", "trainingSeconds": 7200},
        {"execution": "a", "projectVersionArn": "one", "trainingSeconds": 7200},
        {"execution": "0", "projectVersionArn": None, "trainingSeconds": None},
        {"execution": "before"},
    ]
    assert bill.account(bill.prices(PRICED), 3, runs) == {
        "inferenceUnits": 3,
        "perDay": 288.0,
        "trainingSeconds": 10_800,
        "training": 4.5,
    }
    assert bill.trained(bill.prices(PRICED), 10_800, billed=True) == (
        "Trainings of these runs: 3:00:00, which cost about 4.50 at 1.50 an hour."
    )


# --- starting and stopping by hand ------------------------------------------------------------------------


def test_which_version_is_started() -> None:
    found = (version("two", "STOPPED"), version("one", "STOPPED"))
    assert models.to_start(found, "one", None).name == "one"
    assert models.to_start(found, found[0].arn, None).name == "two"
    assert models.to_start(found, None, {"projectVersionArn": found[1].arn}).name == "one"
    with pytest.raises(CommandError, match="no live model: name the version"):
        models.to_start(found, None, None)
    with pytest.raises(CommandError, match="no version 'three'; the newest that exist: two, one"):
        models.to_start(found, "three", None)


@pytest.mark.parametrize("status", ["TRAINING_COMPLETED", "STOPPED", "FAILED", "COPYING_COMPLETED"])
def test_a_trained_version_is_started(status: str) -> None:
    assert models.must_start(version("one", status))


@pytest.mark.parametrize("status", ["RUNNING", "STARTING"])
def test_a_started_version_is_waited_for(status: str) -> None:
    assert not models.must_start(version("one", status))


@pytest.mark.parametrize("status", ["TRAINING_FAILED", "TRAINING_IN_PROGRESS", "STOPPING", "DELETING"])
def test_any_other_version_is_refused(status: str) -> None:
    with pytest.raises(CommandError, match="Version one "):
        models.must_start(version("one", status))


def test_stop_means_every_version_that_bills() -> None:
    found = (version("three", "STARTING"), version("two", "STOPPED"), version("one", "RUNNING"))
    assert [one.name for one in models.to_stop(found, None)] == ["three", "one"]
    assert [one.name for one in models.to_stop(found, "two")] == ["two"]


# --- the end of an execution ------------------------------------------------------------------------------

VERDICT = {"accepted": True, "metric": "f1", "value": 0.93, "minimum": 0.85, "champion": None}
BOLT = {"label": "bolt", "f1": 0.85, "precision": 0.9, "recall": 0.81, "threshold": 0.41}


def test_verdict_and_labels() -> None:
    assert watch.verdict_line(VERDICT) == "accepted: f1 0.930, minimum 0.850"
    refused = {"accepted": False, "metric": "f1", "value": 0.5, "minimum": 0.85, "champion": 0.9}
    assert watch.verdict_line(refused) == "refused: f1 0.500, minimum 0.850, the live model's 0.900"
    assert watch.label_rows({"worstLabels": [BOLT]}) == [["bolt", "0.850", "0.900", "0.810", "0.410"]]
    assert watch.label_rows({"worstLabels": None}) == []


# --- the stack --------------------------------------------------------------------------------------------


def test_names_come_from_samconfig(tmp_path: Path) -> None:
    assert stack.configured_name("default") != stack.configured_name("inference")
    file = tmp_path / "samconfig.toml"
    with pytest.raises(CommandError, match=r"samconfig.toml is missing"):
        stack.configured_name("default", file)
    file.write_text('[default.deploy.parameters]\nstack_name = "parts"\n')
    assert stack.configured_name("default", file) == "parts"
    with pytest.raises(CommandError, match=r"sets no stack_name under \[inference.deploy.parameters\]"):
        stack.configured_name("inference", file)
