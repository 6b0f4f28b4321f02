"""What is counted of runs, and for how long none has ended well."""

import json
from datetime import UTC, datetime

import pytest
from customlabels import figures
from customlabels.records import write

from tests.conftest import TIMES
from tests.context import CONTEXT
from tests.stack import PROJECT, Stack, deployed

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def record(**of):
    return {"outcome": "promoted", "error": None, "metrics": {"f1": 0.9}, "cost": {"training": 2.5}, **of}


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ({}, (1, 0, 0)),
        ({"outcome": "unchanged"}, (1, 0, 0)),
        ({"outcome": "failed", "error": "ModelRejected"}, (0, 1, 0)),
        ({"outcome": "failed", "error": "TrainingFailed"}, (0, 0, 1)),
        ({"outcome": "failed", "error": "ABORTED"}, (0, 0, 1)),
    ],
)
def test_a_run_ends_in_one_of_three_ways(of, expected):
    values = figures.of_run(record(**of))
    assert (values["SuccessfulRuns"], values["RefusedModels"], values["FailedRuns"]) == expected
    assert (values["F1"], values["TrainingCost"]) == (0.9, 2.5)


def test_what_a_run_has_not_come_to_is_not_counted():
    values = figures.of_run(
        record(outcome="failed", error="DatasetRejected", metrics=None, cost={"training": None})
    )
    assert values.keys() == {"SuccessfulRuns", "RefusedModels", "FailedRuns"}


@pytest.mark.parametrize(
    ("outcomes", "days"),
    [
        ([], None),
        ([("promoted", 20)], 6.5),
        ([("failed", 25), ("unchanged", 24), ("promoted", 1)], 2.5),
        ([("failed", 25), ("failed", 16)], 10.5),
    ],
)
def test_the_age_is_that_of_the_last_run_that_ended_well(outcomes, days):
    records = [{"outcome": outcome, "ended": f"2026-11-{day:02}T00:00:00+00:00"} for outcome, day in outcomes]
    assert figures.days_since_success(records, NOW) == days


@pytest.fixture(scope="module")
def stack():
    with deployed(TIMES) as opened:
        yield opened


def test_the_age_is_counted_by_project(stack: Stack, capsys):
    for name in (PROJECT, f"{PROJECT}-b", "another"):
        stack.rekognition.create_project(ProjectName=name)
    ended = datetime.now(UTC).isoformat()
    for name, outcome in ((PROJECT, "promoted"), ("another", "failed")):
        write(stack.table, name, {"started": ended, "version": "v", "ended": ended, "outcome": outcome})
    capsys.readouterr()
    found = stack.modules["check_freshness"].handler({}, CONTEXT)
    assert found == {PROJECT: pytest.approx(0, abs=0.01)}, "one has never run, one is of somebody else"
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert (line["project"], line["service"]) == (PROJECT, "custom-labels")
    assert line["DaysSinceSuccess"] == pytest.approx(0, abs=0.01)
