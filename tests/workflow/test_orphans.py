"""What a run that was ended between two models has left running, met by the next run before anything cleans up."""

from datetime import UTC, datetime, timedelta

import pytest
from customlabels import leases
from customlabels.polling import begin

from tests.context import CONTEXT
from tests.stack import PROJECT
from tests.workflow.worlds import live


@pytest.fixture
def left(world):
    """The stack with `two` live, and `one`, which was live before, still running and leased by nobody."""
    result = world.run({"switchTo": "two"}, stop_at="PreviousRuns?")
    assert result.status == "ABORTED"
    assert sorted(world.running()) == ["one", "two"]
    return world, result


def test_a_training_finds_room_though_a_model_was_left_running(left, trained):
    stack, ended = left
    result = stack.run({**trained[2]}, name="third")
    assert result.status == "SUCCEEDED", result.cause
    assert result.states.index("WaitForOrphans") < result.states.index("CheckQuotas")
    assert stack.running() == ["third"]
    assert live(stack) == ("third", "two")
    assert [(one["projectVersion"], one["why"]) for one in stack.published() if "why" in one] == [
        ("one", "orphan")
    ]
    assert f"{PROJECT}: one was stopped" in [one["Subject"] for one in stack.told()]
    # The clean-up after the first run comes late.
    assert stack.ended(ended, {"switchTo": "two"}).status == "SUCCEEDED"
    assert stack.running() == ["third"]


def test_a_switch_to_what_was_left_running_does_not_stop_it(left):
    stack, _ = left
    result = stack.run({"switchTo": "one"})
    assert result.status == "SUCCEEDED", result.cause
    assert "WaitForOrphans" not in result.states
    assert stack.running() == ["one"]


def test_a_model_that_somebody_holds_is_left_and_counted(left, trained):
    stack, _ = left
    until = datetime.now(UTC) + timedelta(days=1)
    leases.take(stack.table, PROJECT, leases.by_hand("one"), trained[1]["one"], until=until)
    result = stack.run(trained[2])
    assert (result.status, result.error) == ("FAILED", "QuotaExceeded"), result.cause
    assert sorted(stack.running()) == ["one", "two"]


def test_a_model_whose_batch_has_ended_is_held_by_nobody(left, trained):
    stack, _ = left
    batch = stack.batch.run({})
    assert batch.status == "FAILED"
    leases.take(stack.table, PROJECT, "batch", trained[1]["one"], execution=batch.arn)
    result = stack.run(trained[2], name="fourth")
    assert result.status == "SUCCEEDED", result.cause
    assert stack.running() == ["fourth"]


def test_a_model_that_cannot_be_stopped_holds_up_no_run(left, trained):
    stack, _ = left
    stack.cloud.service.faults.add("StopProjectVersion", "AccessDeniedException", call=1)
    result = stack.run(trained[2])
    assert (result.status, result.error) == ("FAILED", "QuotaExceeded"), result.cause
    assert stack.told()[0]["Subject"] == f"{PROJECT}: one could not be stopped"


def test_a_model_that_takes_too_long_to_stop_holds_up_no_run(left, trained):
    stack, _ = left
    (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    poll = begin(10, 60, 20)
    seen = {"poll": {**poll, "waited": poll["limit"]}, "stopped": []}
    event = {
        "execution": "arn",
        "project": PROJECT,
        "projectArn": project["ProjectArn"],
        "live": {"arn": trained[1]["two"]},
        "reuse": None,
        "orphans": seen,
    }
    found = stack.modules["stop_orphans"].handler(event, CONTEXT)
    assert (found["poll"]["done"], found["stopped"]) == (True, ["one"])
