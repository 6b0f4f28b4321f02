"""A switch that fails, or is stopped, at any state from StartModel on: what runs then, and what is live.

Each case switches from the version `one`, which is live and runs, to the trained version `two`.
"""

import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from moto.events.models import EventsBackend
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend

from tests.context import CONTEXT
from tests.rounds import thorough
from tests.stack import PROJECT
from tests.templates import definition
from tests.workflow.worlds import assert_new_is_live, assert_old_is_live, live, name_of

STATES = definition("train.asl.json")["States"]
UNTIL_PROMOTED = ["StartModel", "CheckModel", "WaitForModel", "Running?", "SmokeTest", "OnlyTested?", "Promote"]
PROMOTED = ["PreviousRuns?", "CheckStopped", "Stopped?"]
STOPS = ["StopPrevious", "WaitForStop"]
ENDS = ["Promoted?", "SwitchedResult", "Conclude", "PublishOutcome", "News?", "Notify"]
EACH = 1 if thorough() else 2  # how many of the states that follow each other one is stopped at
ROOM = ["MakeRoom?", "StopLive", "RoomMade?", "WaitForRoom"]


def switch(strategy):
    return {"switchTo": "two", "model": {"strategy": strategy}}


@contextmanager
def broken(stack, state):
    """Let every call of a state's function fail with an error that nobody has foreseen."""
    function = STATES[state]["Resource"].removeprefix("${").removesuffix("Arn}")
    module = next(of for of in stack.modules.values() if of.__name__.replace("_", "").lower() == function.lower())
    with pytest.MonkeyPatch.context() as patch:

        def handler(event, context):
            raise RuntimeError("something nobody has foreseen")

        patch.setattr(module, "handler", handler)
        yield


def assert_stopped_at(result, state):
    assert result.states[-1] == state
    assert result.status == "ABORTED"


@pytest.mark.parametrize(
    ("strategy", "state"),
    [
        *[
            ("blue-green", state)
            for state in [*UNTIL_PROMOTED, *PROMOTED, *STOPS, *ENDS][:: 1 if thorough() else 2]
        ],
        *[("in-place", state) for state in [*ROOM, *UNTIL_PROMOTED, *PROMOTED, *ENDS][::EACH]],
    ],
)
def test_a_switch_that_is_stopped_leaves_one_model_running(world, strategy, state):
    result = world.run(switch(strategy), stop_at=state)
    assert_stopped_at(result, state)
    cleaned = world.ended(result, switch(strategy))
    assert cleaned.status == "SUCCEEDED", cleaned.cause
    if state in (*UNTIL_PROMOTED, *ROOM):
        assert_old_is_live(world)
    else:
        assert_new_is_live(world)
    assert any(result.status in message["Message"] for message in world.told())


@pytest.mark.parametrize(
    ("strategy", "state", "error"),
    [
        ("in-place", "StopLive", "SwitchFailed"),
        *[
            (strategy, state, error)
            for strategy in ("blue-green", "in-place")
            for state, error in (
                ("CheckModel", "StartFailed"),
                ("SmokeTest", "SmokeTestFailed"),
                ("Promote", "SwitchFailed"),
            )
        ],
    ],
)
def test_a_function_that_fails_before_the_switch_leaves_the_old_model_live(world, strategy, state, error):
    with broken(world, state):
        result = world.run(switch(strategy))
    assert (result.status, result.error) == ("FAILED", error), result.cause
    assert "something nobody has foreseen" in result.cause
    assert (
        "Running now: one." in result.cause
        or "The live model one, which had made room, runs again." in result.cause
    )
    assert_old_is_live(world)
    assert [event["error"] for event in world.published()] == [error]


def test_a_function_that_fails_after_the_switch_leaves_the_new_model_live(world):
    with broken(world, "CheckStopped"):
        result = world.run(switch("blue-green"))
    assert (result.status, result.error) == ("FAILED", "Unexpected"), result.cause
    assert_new_is_live(world)


@pytest.mark.parametrize("strategy", ["blue-green", "in-place"])
@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidParameterException", "LimitExceededException"])
def test_a_start_that_is_refused_leaves_the_old_model_live(world, strategy, code):
    world.cloud.service.faults.add("StartProjectVersion", code)
    result = world.run(switch(strategy))
    error = "QuotaExceeded" if code.startswith("Limit") else "StartFailed"
    assert (result.status, result.error) == ("FAILED", error), result.cause
    assert_old_is_live(world)


@pytest.mark.parametrize("state", ["PublishOutcome", "Notify", "Conclude"])
def test_what_is_told_of_a_switch_never_undoes_it(world, state):
    if state == "Conclude":
        with broken(world, "Conclude"):
            result = world.run(switch("blue-green"))
        world.table.delete_item(Key={"project": PROJECT, "item": "lock"})
    else:
        client = {"PublishOutcome": "events", "Notify": "sns"}[state]
        with refusing(client):
            result = world.run(switch("blue-green"))
    assert result.status == "SUCCEEDED", result.cause
    assert_new_is_live(world)


@contextmanager
def refusing(service):
    """Let a service refuse what a state machine tells it."""

    def publish(self, *given, **more):
        raise SNSInvalidParameter("not now")

    def put_events(self, events):
        return [{"ErrorCode": "InternalFailure", "ErrorMessage": "not now"} for _ in events]

    backend, refuse = (EventsBackend, put_events) if service == "events" else (SNSBackend, publish)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, refuse.__name__, refuse)
        yield


def test_another_run_that_switched_meanwhile_keeps_its_model(world, trained):
    _, arns, _ = trained
    real = world.modules["promote"].handler

    def handler(event, context):
        other = {"project": PROJECT, "item": "live", "projectVersionArn": arns["one"] + "9", "previous": None}
        world.table.put_item(Item=other)
        return real(event, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.modules["promote"], "handler", handler)
        result = world.run(switch("blue-green"))
    assert (result.status, result.error) == ("FAILED", "SwitchFailed"), result.cause
    assert "was made live; it stays so" in result.cause
    assert world.running() == ["one"]
    assert world.live["projectVersionArn"] == arns["one"] + "9"


def test_it_is_shouted_that_a_model_could_not_be_stopped(world, capfd):
    world.cloud.service.faults.add("StopProjectVersion", "AccessDeniedException", call=None)
    with broken(world, "SmokeTest"):
        result = world.run(switch("blue-green"))
    assert result.status == "FAILED"
    assert "The clean-up of this run failed" in result.cause
    assert "a model may be running and billed" in result.cause
    assert sorted(world.running()) == ["one", "two"]
    assert live(world) == ("one", None)
    (event,) = world.published()
    assert (event["outcome"], event["cause"]) == ("failed", result.cause)
    (message,) = world.told()
    assert "a model may be running and billed" in message["Message"]
    assert '"StopFailures"' in capfd.readouterr().out
    # The watch goes on trying, and shouts again, until the stop is accepted.
    watch, begun = world.modules["watch_models"], datetime.now(UTC)
    with pytest.MonkeyPatch.context() as patch:
        for minutes, stopped, failed in ((0, [], []), (16, [], ["two"]), (21, ["two"], [])):
            patch.setattr(watch, "now", lambda minutes=minutes: begun + timedelta(minutes=minutes))
            if stopped:
                world.cloud.service.faults.clear()
            found = watch.handler({}, CONTEXT)
            assert [[name_of(arn) for arn in found[key]] for key in ("stopped", "failed")] == [stopped, failed]
    world.cloud.clock.advance(3600)
    assert world.running() == ["one"]


def test_the_clean_up_from_outside_shouts_too(world):
    result = world.run(switch("blue-green"), stop_at="SmokeTest")
    world.cloud.service.faults.add("StopProjectVersion", "AccessDeniedException", call=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.modules["clean_up"], "handler", lambda event, context: raise_unexpected())
        cleaned = world.ended(result, switch("blue-green"))
    assert cleaned.status == "FAILED"
    assert any(event["outcome"] == "failed" for event in world.published())
    assert any("a model may be running" in message["Message"] for message in world.told())


def raise_unexpected():
    from customlabels.errors import Unexpected

    raise Unexpected("The model could not be stopped.")


@pytest.mark.parametrize("strategy", ["blue-green", "in-place"])
@pytest.mark.parametrize("state", ["CheckTested", "TestedStopped?", "StopTested", "WaitForTested", "TestedResult"])
def test_a_test_that_is_stopped_leaves_the_live_model(world, trained, strategy, state):
    _, _, given = trained
    given = {**given, "model": {"keepRunning": False, "strategy": strategy}}
    result = world.run(given, stop_at=state)
    assert_stopped_at(result, state)
    assert world.ended(result, given).status == "SUCCEEDED"
    assert_old_is_live(world)


@pytest.mark.parametrize("state", ["Restart?", "StartLive", "LiveRuns?", "WaitForLive", "Conclude"])
def test_a_test_in_place_that_is_stopped_has_the_live_model_started_again(world, trained, state):
    _, _, given = trained
    given = {**given, "model": {"keepRunning": False, "strategy": "in-place"}}
    result = world.run(given, stop_at=state)
    assert_stopped_at(result, state)
    assert world.ended(result, given).status == "SUCCEEDED"
    assert_old_is_live(world)


def test_a_live_model_that_does_not_start_again_after_a_test_is_a_failure(world, trained):
    _, _, given = trained
    given = {**given, "model": {"keepRunning": False, "strategy": "in-place"}}
    with broken(world, "StartLive"):
        result = world.run(given)
    assert (result.status, result.error) == ("FAILED", "StartFailed"), result.cause
    assert "TestedResult" in result.states
    assert "The live model one, which had made room, runs again." in result.cause
    assert_old_is_live(world)
    (event,) = world.published()
    assert (event["outcome"], event["cause"]) == ("failed", result.cause)


def test_a_debt_outlives_a_clean_up_that_failed(world):
    with broken(world, "SmokeTest"), broken(world, "CleanUp"):
        result = world.run(switch("in-place"))
    assert "The clean-up of this run failed" in result.cause
    assert name_of(world.lock["owes"]) == "one"
    cleaned = world.ended(result, switch("in-place"))
    assert cleaned.status == "SUCCEEDED", cleaned.cause
    assert world.running() == ["one"]
    assert "owes" not in world.lock
    assert live(world) == ("one", None)


def test_the_clean_up_leaves_what_another_run_switches_to(world, trained):
    result = world.run(switch("blue-green"), stop_at="StopPrevious")
    assert sorted(world.running()) == ["one", "two"]
    other = world.train.start({"switchTo": "previous"}, name=f"back-{uuid.uuid4().hex[:8]}")
    deadline = time.monotonic() + 30
    while world.lock["execution"] != other:  # it takes the project over from the one that was stopped
        assert time.monotonic() < deadline
    cleaned = world.ended(result, switch("blue-green"))
    assert cleaned.status == "SUCCEEDED", cleaned.cause
    back = world.train.result(other)
    assert back.status == "SUCCEEDED", back.cause
    assert world.running() == ["one"]
    assert live(world) == ("one", "two")


def test_the_next_run_starts_a_live_model_again_that_a_stopped_one_left(world):
    stopped = world.run(switch("in-place"), stop_at="StartModel")
    assert world.running() == []
    assert name_of(world.lock["owes"]) == "one"
    result = world.run({"switchTo": "nowhere"})
    assert result.error == "InvalidInput"
    assert_old_is_live(world)
    assert world.ended(stopped, switch("in-place")).status == "SUCCEEDED"
    assert_old_is_live(world)
