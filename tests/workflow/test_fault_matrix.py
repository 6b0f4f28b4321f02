"""Every call that a run makes, with every error that botocore's model declares for it, a reset and a time-out.

Once, an error that passes must cost no run. At every try, and where it does not pass, the run must end with a
name, with the live model running alone and the project free. `make test-all` tries all of them, each that stays
in the first scenario that makes its call and in a sample of the others; `make test` tries each passing error in
one round, and a sample of those that stay. Samples are seeded.
"""

import random
from typing import Any

import pytest

from tests.proof.faults import Fault, Plan, Point, faults, installed, tell
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
SAMPLE = 10 if thorough() else 1  # errors that stay, of each scenario
SEED = 20261127
SECONDS = 300.0  # a call is tried dozens of times before its failure is final
RUNS = ("train", "switch", "switch_in_place", "merge", "tested", "split", "restored", "rejected", "copy")
ENDS = {"restored": "DatasetRejected", "rejected": "ModelRejected"}


_seen: dict[str, dict[Any, Any]] = {}
_tried: set[tuple[Point, Fault]] = set()


def begun(trained, name):
    """A scenario that is prepared: its stack, its input, and what runs it."""
    stack, given = {**SCENARIOS, **BATCHES}[name](trained)
    return stack, given, (stack.batch if name in BATCHES else stack).run


def seen(trained, name):
    """The calls that a scenario makes, with their models."""
    if name not in _seen:
        plan = Plan()
        with installed(plan):
            stack, given, run = begun(trained, name)
            run(given)
        restore(stack, trained[1])
        _seen[name] = plan.seen
    return _seen[name]


def meet_once(trained, name, number, end):
    """Let every call meet an error that passes, which must cost no run: it ends with status and error `end`."""
    plan, points = Plan(), seen(trained, name)
    with installed(plan):
        chosen = {}
        for point, model in points.items():
            passing = [fault for fault in faults(model) if fault.passes]
            chosen[point] = passing[number % len(passing)]
            plan.add(point, chosen[point])
        stack, given, run = begun(trained, name)
        result = run(given)
    survived = (result.status, result.error) == end
    for point in plan.met:
        tell("once", point, chosen[point], survived)
    assert survived, (result.error, result.cause, result.states[-8:])
    assert len(plan.met) > 10
    return stack, given, result


def meet_always(trained, name, check):
    """Let one call after the other meet an error at every try; `check` asserts what must be so afterwards."""
    plan, points, failures = Plan(), seen(trained, name), []
    with installed(plan):
        every = [(point, fault) for point in sorted(points) for fault in faults(points[point])]
        fresh = [pair for pair in every if thorough() and pair not in _tried]
        known = [pair for pair in every if pair not in fresh]
        sample = random.Random(f"{SEED} {name}").sample(known, min(SAMPLE, len(known)))
        tried = [pair for pair in every if pair in fresh or pair in sample]
        _tried.update(fresh)
        for point, fault in tried:
            restore(trained[0], trained[1])
            stack, given, run = begun(trained, name)
            plan.clear()
            plan.add(point, fault, times=None)
            result = run(given, seconds=SECONDS)
            plan.clear()
            before = len(failures)
            try:
                check(stack, result, given)
            except AssertionError as error:
                failures.append((" ".join(point), str(fault), str(error)[:500]))
            tell("always", point, fault, len(failures) == before)
    assert not failures, f"{len(failures)} of {len(tried)}: {failures[:5]}"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, number)
        for name in RUNS
        for number in range(ROUNDS)
        if thorough() or (number < 4 and RUNS[number] == name)
    ],
)
def test_an_error_that_passes_costs_no_run(trained, world, name, number):
    end = ("FAILED", ENDS[name]) if name in ENDS else ("SUCCEEDED", None)
    stack, given, result = meet_once(trained, name, number, end)
    settle(stack, result, given)
    assert_consistent(stack, result)


@pytest.mark.parametrize("name", RUNS)
def test_an_error_that_stays_ends_the_run_with_a_name(trained, world, name):
    def check(stack, result, given):
        settle(stack, result, given)
        assert_consistent(stack, result)

    meet_always(trained, name, check)


@pytest.fixture
def brief(trained, monkeypatch):
    """A chunk has some seconds: a service that stays busy would hold up a test for a quarter of an hour."""
    monkeypatch.setattr(trained[0].modules["detect"], "RESERVE", 897)
    monkeypatch.setattr("customlabels.batching.asking.backoff", lambda _: 0)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("number", range(ROUNDS) if thorough() else (0, 1))
def test_an_error_that_passes_costs_no_batch(trained, world, number):
    stack, _, result = meet_once(trained, "batch", number, ("SUCCEEDED", None))
    assert_batch_consistent(stack, result)


@pytest.mark.usefixtures("brief")
def test_an_error_that_stays_ends_a_batch_with_a_name(trained, world):
    def check(stack, result, given):
        settle_batch(stack, result, given)
        assert_batch_consistent(stack, result)

    meet_always(trained, "batch", check)
