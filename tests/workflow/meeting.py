"""A scenario that meets an error: once at each of its calls, or at every try of one call after the other."""

import random
from typing import Any

from tests.proof.faults import Fault, Plan, Point, faults, installed, tell
from tests.rounds import thorough
from tests.workflow.scenarios import BATCHES, SCENARIOS
from tests.workflow.worlds import restore

ROUNDS = 10  # as many as an operation has errors that pass, before and after the effect
SAMPLE = 10 if thorough() else 1  # errors that stay, of each scenario
SEED = 20261127
SECONDS = 300.0  # a call is tried dozens of times before its failure is final


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
