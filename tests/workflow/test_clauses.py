"""Every Retry and every Catch of a run, a teardown and what follows them, met by an error that it names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.moto.private import module
from tests.rounds import thorough
from tests.stack import PROJECT, Stack
from tests.templates import definition, states
from tests.workflow.scenarios import (
    BATCHES,
    SCENARIOS,
    assert_batch_consistent,
    assert_consistent,
    settle,
    settle_batch,
)
from tests.workflow.worlds import held

RUN, BATCH, AFTER, TEARDOWN = (
    states(definition(f"{name}.asl.json")) for name in ("train", "batch", "after_train", "teardown")
)
EXEC = "stepfunctions.parser.asl.component.state.exec"
THROTTLED, DENIED, UNFORESEEN = "Rekognition.ThrottlingException", "Rekognition.AccessDeniedException", "KeyError"
# The scenario that comes to a state; the others are walked by `train`.
WAYS = {
    "switch": [
        *("ChooseModel", "TakeOverTraining", "StartModel", "CheckModel", "SmokeTest", "Promote", "CheckStopped"),
        *("StopPrevious", "Conclude", "PublishOutcome", "Notify"),
    ],
    "switch_in_place": ["StopLive"],
    "tested": ["StopTested", "CheckTested", "StartLive"],
    "copy": ["ChooseSource", "CopyModel"],
    "merge": ["MergeTrainEntries", "MergeTestEntries", "MeasureChampion"],
    "split": ["CreateEmptyTestDataset", "DistributeEntries", "CheckDistribution"],
    "adopted": ["AdoptTrainDataset", "AdoptTestDataset", "AdoptVersion"],
    "restored": ["RestoreTrainDataset", "RestoreTestDataset"],
    "rejected": ["CleanUp", "ConcludeFailure", "PublishFailure", "NotifyFailed"],
}
SCENARIO_OF = {state: scenario for scenario, names in WAYS.items() for state in names}
DOOMED = f"{PROJECT}-doomed"  # the project of the teardowns
FIRST = "CreateProject"  # of a project's first run only, which has no world


class Failing:
    """Errors that are due: of states that have work to do, each before it does anything."""

    def __init__(self) -> None:
        self.due: dict[str, list[str]] = {}
        self.met: set[str] = set()

    def every(self, machine: dict[str, Any]) -> None:
        """Let every task of a machine fail once with what passes."""
        for name, state in machine.items():
            if state["Type"] == "Task":
                self.due[name] = [UNFORESEEN if _kind(state) == "Lambda" else THROTTLED]

    def add(self, machine: dict[str, Any], name: str, error: str) -> None:
        """Let a task fail as often as it takes until a Catch decides."""
        tries = 1
        for clause in machine[name].get("Retry", []):
            if clause["ErrorEquals"] == ["States.ALL"] or error in clause["ErrorEquals"]:
                tries += clause["MaxAttempts"]
                break
        self.due[name] = [error] * tries

    def check(self, state: Any, env: Any) -> None:
        if not self.due.get(state.name):
            return
        error = self.due[state.name].pop()
        self.met.add(state.name)
        folder = "stepfunctions.parser.asl.component.common.error_name"
        events = module(f"{folder}.failure_event")
        if error.startswith("States."):
            named = module(f"{folder}.states_error_name").StatesErrorName.from_name(error)
        else:
            named = module(f"{folder}.custom_error_name").CustomErrorName(error)
        details = {"taskFailedEventDetails": {"error": error, "cause": "A failure that a test has planned."}}
        kind = module("stepfunctions.parser.api").HistoryEventType.TaskFailed
        raise events.FailureEventException(
            events.FailureEvent(env=env, error_name=named, event_type=kind, event_details=details)
        )


def _kind(state: dict[str, Any]) -> str:
    return "Lambda" if state.get("Resource", "").startswith("${") else "call"


@pytest.fixture
def failing() -> Iterator[Failing]:
    with _failing() as plan:
        yield plan


@contextmanager
def _failing() -> Iterator[Failing]:
    plan = Failing()
    owners = (
        module(f"{EXEC}.state_task.state_task_lambda").StateTaskLambda,
        module(f"{EXEC}.state_task.service.state_task_service").StateTaskService,
        module(f"{EXEC}.state_parallel.state_parallel").StateParallel,
        module(f"{EXEC}.state_map.state_map").StateMap,
    )
    with pytest.MonkeyPatch.context() as patch:
        for owner in owners:

            def act(state: Any, env: Any, real: Any = owner._eval_execution) -> None:
                plan.check(state, env)
                real(state, env)

            patch.setattr(owner, "_eval_execution", act)
        yield plan


def catches(machine: dict[str, Any]) -> list[Any]:
    """An error for each Catch clause: States.ALL is met by what a function says is final, or by a refusal.

    `make test-all` takes every error that a clause names.
    """
    found = []
    for name, state in machine.items():
        for clause in state.get("Catch", []):
            final = state["Retry"][0]["ErrorEquals"][:1] if _kind(state) == "Lambda" else [DENIED]
            errors = final if clause["ErrorEquals"] == ["States.ALL"] else clause["ErrorEquals"]
            found += [
                pytest.param(name, error, id=f"{name}: {error}")
                for error in (errors if thorough() else errors[:1])
            ]
    return found


CATCHES = catches(RUN)


# These two have a cloud of their own, and come before the one that the others share.


def test_what_passes_costs_no_first_run(stack, images, failing):
    failing.every(RUN)
    result = stack.run(images)
    assert result.status == "SUCCEEDED", result.cause
    assert FIRST in failing.met


@pytest.mark.parametrize("error", [each.values[1] for each in CATCHES if each.values[0] == FIRST])
def test_a_first_run_that_cannot_make_its_project_leaves_nothing(stack, images, failing, error):
    failing.add(RUN, FIRST, error)
    result = stack.run(images)
    assert failing.met == {FIRST}
    if error == DENIED:
        assert (result.status, result.error) == ("FAILED", "Unexpected"), result.cause
        assert stack.versions() == {}
    else:  # it is there already
        assert result.status == "SUCCEEDED", result.cause
    assert stack.lock is None


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_passes_costs_no_run(trained, world, failing, name):
    stack, given = SCENARIOS[name](trained)
    failing.every(RUN)
    result = stack.run(given)
    wanted = {"restored": "DatasetRejected", "rejected": "ModelRejected"}.get(name)
    assert (result.status, result.error) == (("FAILED", wanted) if wanted else ("SUCCEEDED", None)), result.cause
    assert len(failing.met) >= 8
    settle(stack, result, given)
    assert_consistent(stack, result)


@pytest.mark.parametrize(("name", "error"), [each for each in CATCHES if each.values[0] != FIRST])
def test_what_stays_ends_the_run_with_a_name(trained, world, failing, name, error):
    stack, given = SCENARIOS[SCENARIO_OF.get(name, "train")](trained)
    failing.add(RUN, name, error)
    result = stack.run(given)
    assert failing.met == {name}
    settle(stack, result, given)
    assert_consistent(stack, result)


@pytest.mark.parametrize("name", BATCHES)
def test_what_passes_costs_no_batch(trained, world, failing, name):
    stack, given = BATCHES[name](trained)
    failing.every(BATCH)
    result = stack.batch.run(given)
    wanted = ("FAILED", "TooManyFailures") if name == "broken_batch" else ("SUCCEEDED", None)
    assert (result.status, result.error) == wanted, result.cause
    assert failing.met == {
        state for state, of in BATCH.items() if of["Type"] == "Task" and state in result.states
    } | {"Detect"}
    settle_batch(stack, result, given)
    assert_batch_consistent(stack, result)


@pytest.mark.parametrize(("name", "error"), [*catches(BATCH), pytest.param("Detect", "InvalidInput", id="Detect")])
def test_what_stays_ends_a_batch_with_a_name(trained, world, failing, name, error):
    stack, given = BATCHES["broken_batch" if name == "EndFailedBatch" else "batch"](trained)
    failing.add(BATCH, name, error)
    result = stack.batch.run(given)
    assert failing.met == {name}
    # What a round leaves is for the next one.
    assert result.status == ("SUCCEEDED" if name in ("Chunks", "Detect") else "FAILED"), result.cause
    settle_batch(stack, result, given)
    assert_batch_consistent(stack, result)


@pytest.mark.parametrize("error", [None, "Unexpected"])
def test_the_clean_up_of_a_batch_goes_on(trained, world, failing, error):
    stack, given = BATCHES["batch"](trained)
    result = stack.batch.run(given, stop_at="CheckChunks")
    if error is None:
        failing.every(AFTER)
    else:
        failing.add(AFTER, "EndBatch", error)
    cleaned = stack.ended(result, given, stack.batch)
    assert "EndBatch" in failing.met
    assert cleaned.status == ("SUCCEEDED" if error is None else "FAILED"), cleaned.cause
    failing.due.clear()
    settle_batch(stack, result, given)
    assert held(stack) == []
    assert stack.running() == []


OF_RUNS = {name: state for name, state in AFTER.items() if name not in ("EndBatch", "FailTeardown")}


@pytest.mark.parametrize(("name", "error"), [pytest.param(None, None, id="what passes"), *catches(OF_RUNS)])
def test_the_clean_up_from_outside_goes_on(trained, world, failing, name, error):
    stack, given = SCENARIOS["switch"](trained)
    result = stack.run(given, stop_at="SmokeTest")
    if name is None:
        failing.every(AFTER)
    else:
        failing.add(AFTER, name, error)
    if name in ("PublishFailed", "NotifyFailed"):
        failing.add(AFTER, "CleanUp", "Unexpected")
    cleaned = stack.ended(result, given)
    assert cleaned.status == ("FAILED" if "CleanUpFailed" in cleaned.states else "SUCCEEDED"), cleaned.cause
    assert name is None or name in failing.met
    failing.due.clear()
    settle(stack, result, given)
    assert_consistent(stack, stack.run({"switchTo": "nowhere"}))


@pytest.fixture
def doomed(world: Stack) -> Stack:
    """A stack with a project, and some items of it, to be torn down."""
    world.rekognition.create_project(ProjectName=DOOMED)
    for item in ("live", "run#1"):
        world.table.put_item(Item={"project": DOOMED, "item": item, "projectVersionArn": "arn"})
    return world


def assert_torn_down(stack: Stack) -> None:
    """Nothing of the project is left, or a teardown with nothing in its way sees to it."""
    result = stack.teardown.run({"project": DOOMED})
    assert result.status == "SUCCEEDED", result.cause
    assert stack.rekognition.describe_projects(ProjectNames=[DOOMED])["ProjectDescriptions"] == []
    assert [item for item in stack.table.scan()["Items"] if item["project"] == DOOMED] == []


@pytest.mark.parametrize("first", [None, "ListProject"], ids=["to its end", "to its failure"])
def test_what_passes_costs_no_teardown(doomed, failing, first):
    failing.every(TEARDOWN)
    if first:
        failing.add(TEARDOWN, first, "Unexpected")
    result = doomed.teardown.run({"project": DOOMED})
    assert (result.status, result.error) == (("FAILED", "Unexpected") if first else ("SUCCEEDED", None)), (
        result.cause
    )
    tasks = {name for name in result.states if TEARDOWN[name]["Type"] == "Task"}
    assert failing.met == tasks
    failing.due.clear()
    assert_torn_down(doomed)


@pytest.mark.parametrize(("name", "error"), catches(TEARDOWN))
def test_what_stays_ends_the_teardown_with_a_name(doomed, failing, name, error):
    on_failure = ("FailTeardown", "PublishFailure", "NotifyFailed")
    if name in on_failure:
        failing.add(TEARDOWN, "DeleteDatasets", "Unexpected")
    failing.add(TEARDOWN, name, error)
    result = doomed.teardown.run({"project": DOOMED})
    assert name in failing.met
    if name in ("PublishDeleted", "NotifyDeleted"):
        assert result.status == "SUCCEEDED", result.cause
    else:
        from customlabels.errors import NAMES

        assert result.status == "FAILED"
        assert result.error in NAMES, (result.error, result.cause)
        assert result.cause
    assert_torn_down(doomed)


@pytest.mark.parametrize("error", [None, "Unexpected"], ids=["what passes", "what stays"])
def test_the_clean_up_after_a_teardown_goes_on(doomed, failing, error):
    given = {"project": DOOMED}
    result = doomed.teardown.run(given, stop_at="StopVersions")
    if error:
        failing.add(AFTER, "FailTeardown", error)
    else:
        failing.every(AFTER)
    cleaned = doomed.ended(result, given, doomed.teardown)
    assert "FailTeardown" in failing.met
    assert cleaned.status == ("FAILED" if error else "SUCCEEDED"), cleaned.cause
    failing.due.clear()
    assert_torn_down(doomed)
