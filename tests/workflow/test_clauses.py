"""Every Retry and every Catch of every task of a run, met by an error that it names, where the run comes to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.moto.private import module
from tests.templates import definition, states
from tests.workflow.scenarios import SCENARIOS, assert_consistent, settle

RUN = states(definition("train.asl.json"))
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
    "merge": ["MergeTrainEntries", "MergeTestEntries", "MeasureChampion"],
    "split": ["CreateEmptyTestDataset", "DistributeEntries", "CheckDistribution"],
    "adopted": ["AdoptTrainDataset", "AdoptTestDataset", "AdoptVersion"],
    "restored": ["RestoreTrainDataset", "RestoreTestDataset"],
    "rejected": ["CleanUp", "ConcludeFailure", "PublishFailure", "NotifyFailed"],
}
SCENARIO_OF = {state: scenario for scenario, names in WAYS.items() for state in names}
FIRST = "CreateProject"  # of a project's first run only, which has no world


class Failing:
    """Errors that are due: of states that have work to do, each before it does anything."""

    def __init__(self) -> None:
        self.due: dict[str, str] = {}
        self.met: set[str] = set()

    def every(self, of_function: str, of_call: str) -> None:
        """Let every task fail once."""
        for name, state in RUN.items():
            if state["Type"] == "Task":
                self.due[name] = of_function if "Lambda" in _kind(state) else of_call

    def check(self, state: Any, env: Any) -> None:
        error = self.due.pop(state.name, None)
        if error is None:
            return
        self.met.add(state.name)
        names = module("stepfunctions.parser.asl.component.common.error_name.custom_error_name")
        events = module("stepfunctions.parser.asl.component.common.error_name.failure_event")
        details = {"taskFailedEventDetails": {"error": error, "cause": "A failure that a test has planned."}}
        kind = module("stepfunctions.parser.api").HistoryEventType.TaskFailed
        raise events.FailureEventException(
            events.FailureEvent(
                env=env, error_name=names.CustomErrorName(error), event_type=kind, event_details=details
            )
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
    )
    with pytest.MonkeyPatch.context() as patch:
        for owner in owners:

            def act(state: Any, env: Any, real: Any = owner._eval_execution) -> None:
                plan.check(state, env)
                real(state, env)

            patch.setattr(owner, "_eval_execution", act)
        yield plan


CATCHES = [
    pytest.param(name, _error, id=f"{name}: {_error}")
    for name, state in RUN.items()
    for clause in state.get("Catch", [])
    for _error in (
        clause["ErrorEquals"]
        if clause["ErrorEquals"] != ["States.ALL"]
        else [state["Retry"][0]["ErrorEquals"][0]]
        if _kind(state) == "Lambda"
        else [DENIED]
    )
]


# These two have a cloud of their own, and come before the one that the others share.


def test_what_passes_costs_no_first_run(stack, images, failing):
    failing.every(UNFORESEEN, THROTTLED)
    result = stack.run(images)
    assert result.status == "SUCCEEDED", result.cause
    assert FIRST in failing.met


@pytest.mark.parametrize("error", [each.values[1] for each in CATCHES if each.values[0] == FIRST])
def test_a_first_run_that_cannot_make_its_project_leaves_nothing(stack, images, failing, error):
    failing.due[FIRST] = error
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
    failing.every(UNFORESEEN, THROTTLED)
    result = stack.run(given)
    wanted = {"restored": "DatasetRejected", "rejected": "ModelRejected"}.get(name)
    assert (result.status, result.error) == (("FAILED", wanted) if wanted else ("SUCCEEDED", None)), result.cause
    assert len(failing.met) >= 8
    settle(stack, result, given)
    assert_consistent(stack, result)


@pytest.mark.parametrize(("name", "error"), [each for each in CATCHES if each.values[0] != FIRST])
def test_what_stays_ends_the_run_with_a_name(trained, world, failing, name, error):
    stack, given = SCENARIOS[SCENARIO_OF.get(name, "train")](trained)
    failing.due[name] = error
    result = stack.run(given)
    assert failing.met == {name}
    settle(stack, result, given)
    assert_consistent(stack, result)
