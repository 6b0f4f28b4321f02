"""The operator's command: what it makes of inputs, prices, statuses and stacks."""

from pathlib import Path

import pytest

from cli import bill, models, run, stack
from cli.errors import CommandError
from tests.unit.test_cli_watch import START, version

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
