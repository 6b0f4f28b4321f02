"""Teardowns: nothing is left but what is kept on purpose, whatever was there and whenever the one before ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from customlabels import feedback, leases

from tests.conftest import TIMES
from tests.stack import BUCKET, PROJECT, Stack, deployed
from tests.workflow.engine import Result
from tests.workflow.worlds import name_of

EMPTY = {"projects": [], "items": []}


@pytest.fixture
def full(stack: Stack, images: dict[str, Any]) -> Stack:
    """A project with both datasets, a live version that runs, an older one, and what people have said."""
    for name in ("old", "new"):
        result = stack.run({**images, "force": True}, name=name)
        assert result.status == "SUCCEEDED", result.cause
    now = datetime.now(UTC)
    said = feedback.Said(("green",), None)
    one = feedback.Feedback(feedback.new_id(now), now.isoformat(), "feedback/one.png", 64, 64, said)
    feedback.put(stack.table, PROJECT, one, timedelta(days=1), now)
    feedback.accept(stack.table, PROJECT, feedback.Reviewed("0" * 64, "s3://data/x", "{}", "now", "me", one.id))
    leases.take(stack.table, PROJECT, "over", _live(stack), until=now - timedelta(hours=1))
    while stack.told() or stack.published():
        pass
    return stack


def _live(stack: Stack) -> str:
    assert stack.live
    arn: str = stack.live["projectVersionArn"]
    return arn


def items(stack: Stack) -> set[str]:
    """The state table: each item with its partition."""
    return {f"{item['project']}: {item['item'].partition('#')[0]}" for item in stack.table.scan()["Items"]}


def assert_empty(stack: Stack) -> None:
    assert stack.rekognition.describe_projects()["ProjectDescriptions"] == []
    assert not {item for item in items(stack) if item.startswith(f"{PROJECT}:")}


def assert_failed(result: Result, error: str = "TeardownFailed") -> str:
    assert (result.status, result.error) == ("FAILED", error), result.cause
    assert result.cause
    assert len(result.cause) <= 1000
    return result.cause


def test_a_project_that_does_not_exist_is_gone_already(stack):
    result = stack.teardown.run({})
    assert result.status == "SUCCEEDED", result.cause
    kept = f"the bucket {BUCKET} is kept."
    assert result.output == {
        "outcome": "absent",
        "project": PROJECT,
        "deleted": {"project": None, "versions": [], "datasets": [], "items": {}},
        "left": EMPTY,
        "kept": {"bucket": BUCKET, "feedback": 0, "reviewed": 0},
        "reason": f"There was no project {PROJECT}, and nothing of it in the state table; {kept}",
    }
    assert stack.lock is None
    assert (stack.published()[0]["outcome"], stack.told()[0]["Subject"]) == (
        "absent",
        f"{PROJECT}: nothing to delete",
    )


def test_everything_of_a_project_is_deleted_and_what_people_said_is_kept(full):
    live = _live(full)
    keys = {of["Key"] for of in full.s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    result = full.teardown.run({"project": PROJECT})
    assert result.status == "SUCCEEDED", result.cause
    deleted = result.output["deleted"]
    assert result.output["outcome"] == "deleted"
    assert sorted(deleted["versions"]) == ["new", "old"]
    assert deleted["project"].split("/")[1] == PROJECT
    assert sorted(arn.split("/")[3] for arn in deleted["datasets"]) == ["test", "train"]
    assert deleted["items"] == {"run": 2, "lease": 1}  # live is forgotten before a version is stopped
    assert result.output["left"] == EMPTY
    assert result.output["kept"] == {"bucket": BUCKET, "feedback": 1, "reviewed": 1}
    assert "1 images that wait for a review and 1 that were accepted" in result.output["reason"]
    assert_empty(full)
    assert items(full) == {f"feedback#{PROJECT}: {next(iter(_ids(full)))}", f"reviewed#{PROJECT}: {'0' * 64}"}
    assert {of["Key"] for of in full.s3.list_objects_v2(Bucket=BUCKET)["Contents"]} == keys
    assert result.states.index("StopVersions") < result.states.index("DeleteVersions")
    (event,) = full.published()
    assert {key: event[key] for key in ("outcome", "versions", "datasets", "items", "error")} == {
        "outcome": "deleted",
        "versions": 2,
        "datasets": 2,
        "items": 3,
        "error": None,
    }
    (message,) = full.told()
    assert message["Subject"] == f"{PROJECT}: the project is deleted"
    assert message["Message"] == result.output["reason"]
    assert name_of(live) == "new"


def _ids(stack: Stack) -> list[str]:
    return [one.id for one in feedback.waiting(stack.table, PROJECT)]


def test_a_project_that_was_torn_down_can_be_trained_anew(full, images):
    assert full.teardown.run({}).status == "SUCCEEDED"
    result = full.run(images)
    assert (result.status, result.output["outcome"]) == ("SUCCEEDED", "promoted")
    assert [record["version"] for record in full.records()] == [result.output["version"]]


def test_a_dry_run_lists_and_changes_nothing(full):
    before, versions = items(full), full.versions()
    result = full.teardown.run({"dryRun": True})
    assert result.status == "SUCCEEDED", result.cause
    assert (result.output["outcome"], result.output["deleted"], result.output["left"]) == ("dryRun", None, None)
    found = result.output["found"]
    assert (
        {of["name"]: of["status"] for of in found["versions"]} == versions == {"new": "RUNNING", "old": "STOPPED"}
    )
    assert found["items"] == {"live": 1, "run": 2, "lease": 1}
    assert len(found["datasets"]) == 2
    assert result.output["reason"] is None
    assert (items(full), full.versions(), full.lock) == (before, versions, None)
    assert not full.published()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "The input is []; accepted is a JSON object"),
        ({"projekt": "x"}, "projekt is 'x'; it is not known, accepted are project, dryRun, force."),
        (
            {"project": "others"},
            "project is 'others'; accepted is a name of letters, digits, '_', '.' and '-' that",
        ),
        ({"dryRun": "yes"}, "dryRun is 'yes'; accepted is true or false."),
        ({"force": 1}, "force is 1; accepted is true or false."),
    ],
)
def test_an_input_that_is_not_accepted_is_refused(shared, given, says):
    assert says in assert_failed(shared.teardown.run(given), "InvalidInput")


@pytest.fixture(scope="module")
def shared():
    with deployed(TIMES) as opened:
        yield opened
