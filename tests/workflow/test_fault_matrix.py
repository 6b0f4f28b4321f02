"""Every call that a run makes, with every error that botocore's model declares for it, a reset and a time-out.

Once, an error that passes must cost no run. At every try, and where it does not pass, the run must end with a
name, with the live model running alone and the project free. All of them are tried by `make test-all`; `make
test` tries each passing error in one round, and a seeded sample of those that stay.
"""

import random
from typing import Any

import pytest

from tests.proof.faults import Plan, faults, installed, tell
from tests.rounds import thorough
from tests.workflow.scenarios import (
    BATCHES,
    SCENARIOS,
    assert_batch_consistent,
    assert_consistent,
    settle,
    settle_batch,
)
from tests.workflow.worlds import restore

ROUNDS = 10  # as many as an operation has errors that pass, before and after the effect
SAMPLE = 1  # errors that stay, of each scenario
SEED = 20261127
SECONDS = 300.0  # a call is tried dozens of times before its failure is final
RUNS = ("train", "switch", "switch_in_place", "merge", "tested", "split", "restored", "rejected", "copy")
ENDS = {"restored": "DatasetRejected", "rejected": "ModelRejected"}


_seen: dict[str, dict[Any, Any]] = {}


def seen(trained, name):
    """The calls that a scenario makes, with their models."""
    if name not in _seen:
        plan = Plan()
        with installed(plan):
            stack, given = {**SCENARIOS, **BATCHES}[name](trained)
            (stack.batch if name in BATCHES else stack).run(given)
        restore(stack, trained[1])
        _seen[name] = plan.seen
    return _seen[name]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, number)
        for name in RUNS
        for number in range(ROUNDS)
        if thorough() or (RUNS[number % 4] == name and number < 4)
    ],
)
def test_an_error_that_passes_costs_no_run(trained, world, name, number):
    plan, points = Plan(), seen(trained, name)
    with installed(plan):
        chosen = {}
        for point, model in points.items():
            passing = [fault for fault in faults(model) if fault.passes]
            chosen[point] = passing[number % len(passing)]
            plan.add(point, chosen[point])
        stack, given = SCENARIOS[name](trained)
        result = stack.run(given)
    survived = (result.status, result.error) == (("FAILED", ENDS[name]) if name in ENDS else ("SUCCEEDED", None))
    for point in plan.met:
        tell("once", point, chosen[point], survived)
    assert survived, (result.error, result.cause, result.states[-8:])
    assert len(plan.met) > 10
    settle(stack, result, given)
    assert_consistent(stack, result)


@pytest.mark.parametrize("name", RUNS)
def test_an_error_that_stays_ends_the_run_with_a_name(trained, world, name):
    plan, points, failures = Plan(), seen(trained, name), []
    with installed(plan):
        every = [(point, fault) for point in sorted(points) for fault in faults(points[point])]
        seed = f"{SEED} {name}"
        tried = every if thorough() else random.Random(seed).sample(every, SAMPLE)
        for point, fault in tried:
            restore(trained[0], trained[1])
            stack, given = SCENARIOS[name](trained)
            plan.clear()
            plan.add(point, fault, times=None)
            result = stack.run(given, seconds=SECONDS)
            plan.clear()
            try:
                settle(stack, result, given)
                assert_consistent(stack, result)
            except AssertionError as error:
                failures.append((" ".join(point), str(fault), str(error)[:500]))
            tell("always", point, fault, not failures or failures[-1][:2] != (" ".join(point), str(fault)))
    assert not failures, f"{len(failures)} of {len(tried)}: {failures[:5]}"


@pytest.fixture
def brief(trained, monkeypatch):
    """A chunk has some seconds: a service that stays busy would hold up a test for a quarter of an hour."""
    monkeypatch.setattr(trained[0].modules["detect"], "RESERVE", 897)
    monkeypatch.setattr("customlabels.batching.asking.backoff", lambda _: 0)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("number", range(ROUNDS) if thorough() else (0, 1))
def test_an_error_that_passes_costs_no_batch(trained, world, number):
    plan, points = Plan(), seen(trained, "batch")
    with installed(plan):
        chosen = {}
        for point, model in points.items():
            passing = [fault for fault in faults(model) if fault.passes]
            chosen[point] = passing[number % len(passing)]
            plan.add(point, chosen[point])
        stack, given = BATCHES["batch"](trained)
        result = stack.batch.run(given)
    survived = result.status == "SUCCEEDED"
    for point in plan.met:
        tell("once", point, chosen[point], survived)
    assert survived, (result.error, result.cause, result.states[-8:])
    assert len(plan.met) > 10
    assert_batch_consistent(stack, result)


@pytest.mark.usefixtures("brief")
def test_an_error_that_stays_ends_a_batch_with_a_name(trained, world):
    plan, points, failures = Plan(), seen(trained, "batch"), []
    with installed(plan):
        every = [(point, fault) for point in sorted(points) for fault in faults(points[point])]
        tried = every if thorough() else random.Random(f"{SEED} batch").sample(every, SAMPLE)
        for point, fault in tried:
            restore(trained[0], trained[1])
            stack, given = BATCHES["batch"](trained)
            plan.clear()
            plan.add(point, fault, times=None)
            result = stack.batch.run(given, seconds=SECONDS)
            plan.clear()
            try:
                settle_batch(stack, result, given)
                assert_batch_consistent(stack, result)
            except AssertionError as error:
                failures.append((" ".join(point), str(fault), str(error)[:500]))
            tell("always", point, fault, not failures or failures[-1][:2] != (" ".join(point), str(fault)))
    assert not failures, f"{len(failures)} of {len(tried)}: {failures[:5]}"
