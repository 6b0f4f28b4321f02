"""Teardowns: nothing is left but what is kept on purpose, whatever was there and whenever the one before ended."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from customlabels import feedback, leases

from tests.conftest import TIMES, put_images
from tests.stack import BUCKET, PROJECT, Stack, deployed
from tests.workflow.conftest import Shared
from tests.workflow.engine import Result
from tests.workflow.rewinding import remembered
from tests.workflow.worlds import name_of

EMPTY = {"projects": [], "items": []}


@pytest.fixture
def stack(emptied: Stack) -> Stack:
    return emptied


@pytest.fixture(scope="module")
def filled(shared: Shared) -> Callable[[], None]:
    """What fills a project: both datasets, a live version that runs, an older one, and what people have said."""
    stack, empty = shared
    empty()
    result = stack.run(put_images(stack), name="new")
    assert result.status == "SUCCEEDED", result.cause
    train_by_hand(stack, "old")
    stack.cloud.clock.advance(3600)
    now = datetime.now(UTC)
    said = feedback.Said(("green",), None)
    one = feedback.Feedback(feedback.new_id(now), now.isoformat(), "feedback/one.png", 64, 64, said)
    feedback.put(stack.table, PROJECT, one, timedelta(days=1), now)
    feedback.accept(stack.table, PROJECT, feedback.Reviewed("0" * 64, "s3://data/x", "{}", "now", "me", one.id))
    leases.take(stack.table, PROJECT, "over", _live(stack), until=now - timedelta(hours=1))
    return remembered(stack)


@pytest.fixture
def full(shared: Shared, filled: Callable[[], None]) -> Stack:
    """The stack with a project; see `filled`."""
    filled()
    return shared[0]


def train_by_hand(stack: Stack, name: str) -> None:
    """Begin a training that no run knows of."""
    (project,) = stack.rekognition.describe_projects()["ProjectDescriptions"]
    output = {"S3Bucket": BUCKET, "S3KeyPrefix": name}
    stack.rekognition.create_project_version(
        ProjectArn=project["ProjectArn"], VersionName=name, OutputConfig=output
    )


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


# This one has clouds of its own, and comes before the one that the others share.
@pytest.mark.parametrize(
    ("never", "says"),
    [
        ("stop_seconds", "Versions still ran or were stopping (one) after 60 minutes, the limit set for it."),
        ("training_minimum_seconds", "A training or a copy, which no call ends, still went on (one) after 60"),
        ("delete_seconds", "1 versions were still not deleted after 60 minutes, the limit set for it."),
    ],
)
def test_what_does_not_end_ends_the_teardown_at_its_limit(never, says):
    with deployed(replace(TIMES, **{never: 10**9}), TRAINING_HOURS="1", DATASET_HOURS="1") as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
        assert stack.run(given, name="one").status == ("FAILED" if never.startswith("training") else "SUCCEEDED")
        cause = assert_failed(stack.teardown.run({}))
        assert says in cause
        assert stack.lock is None


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
    assert deleted["items"] == {"live": 1, "run": 1, "lease": 1}
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


def test_a_project_that_was_torn_down_can_be_trained_anew(full):
    assert full.teardown.run({}).status == "SUCCEEDED"
    result = full.run(put_images(full))
    assert (result.status, result.output["outcome"]) == ("SUCCEEDED", "promoted")
    assert [record["version"] for record in full.records()] == [result.output["version"]]


def test_a_dry_run_lists_and_changes_nothing(full):
    before, versions = items(full), full.versions()
    result = full.teardown.run({"dryRun": True})
    assert result.status == "SUCCEEDED", result.cause
    assert (result.output["outcome"], result.output["deleted"], result.output["left"]) == ("dryRun", None, None)
    found = result.output["found"]
    assert (
        {of["name"]: of["status"] for of in found["versions"]}
        == versions
        == {"new": "RUNNING", "old": "TRAINING_COMPLETED"}
    )
    assert found["items"] == {"live": 1, "run": 1, "lease": 1}
    assert len(found["datasets"]) == 2
    assert result.output["reason"] is None
    assert (items(full), full.versions(), full.lock) == (before, versions, None)
    assert not full.published()


@pytest.fixture
def working(full, monkeypatch):
    """A run that holds the lock, and goes on once the event is set."""
    find, go_on = full.modules["find_project"].handler, threading.Event()

    def wait(event, context):
        go_on.wait(30)
        return find(event, context)

    monkeypatch.setattr(full.modules["find_project"], "handler", wait)
    arn = full.train.start({"force": True}, "working")
    for _ in range(1000):
        if (full.lock or {}).get("execution") == arn:
            break
        threading.Event().wait(0.01)
    yield full, arn, go_on
    go_on.set()


def test_while_a_run_is_at_work_only_force_tears_down(working):
    stack, arn, go_on = working
    live, versions = stack.live, stack.versions()
    said = f"Execution working is at work on project {PROJECT}: tear it down once that has ended"
    assert said in stack.teardown.run({"dryRun": True}).output["reason"]
    cause = assert_failed(stack.teardown.run({}), "RunInProgress")
    assert said in cause
    assert "still runs and bills: new (`python -m cli stop`)" in cause
    assert (stack.live, stack.versions(), stack.lock["execution"]) == (live, versions, arn)
    result = stack.teardown.run({"force": True})
    assert result.status == "SUCCEEDED", result.cause
    go_on.set()
    ended = stack.train.result(arn)
    assert ended.status == "ABORTED"
    assert stack.ended(ended, {"force": True}).status == "SUCCEEDED"
    assert stack.rekognition.describe_projects()["ProjectDescriptions"] == []
    assert {item for item in items(stack) if item.startswith(f"{PROJECT}:")} == {f"{PROJECT}: run"}


def test_while_a_version_is_leased_only_force_tears_down(full):
    leases.take(full.table, PROJECT, "batch-7", _live(full), until=datetime.now(UTC) + timedelta(hours=1))
    said = f"Version new of project {PROJECT} is leased by batch-7: tear it down once that has ended"
    assert said in full.teardown.run({"dryRun": True}).output["reason"]
    assert said in assert_failed(full.teardown.run({}), "RunInProgress")
    assert (full.running(), full.lock) == (["new"], None)
    assert full.teardown.run({"force": True}).status == "SUCCEEDED"
    assert_empty(full)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("StopProjectVersion", "2 versions (old, new), 2 datasets and 2 items of the state table; still runs and"),
        (
            "DeleteProjectVersion",
            "2 versions (old, new), 2 datasets and 2 items of the state table; no model of it",
        ),
        ("DeleteDataset", "0 versions, 2 datasets and 2 items of the state table; no model of it runs."),
        ("DeleteProject", "0 versions, 0 datasets and 2 items of the state table; no model of it runs."),
    ],
)
def test_a_second_teardown_finishes_what_a_failed_one_has_left(full, call, says):
    full.cloud.service.faults.add(call, "InvalidParameterException", call=None)
    first = full.teardown.run({})
    cause = assert_failed(first)
    assert "InvalidParameterException" in cause
    assert f"Left are project {PROJECT}, {says}" in cause
    assert "A second teardown goes on where this one ended." in cause
    assert (full.live, full.lock) == (None, None)
    (event,), (message,) = full.published(), full.told()
    assert (event["outcome"], event["error"], event["cause"]) == ("failed", "TeardownFailed", cause)
    assert message["Message"] == f"TeardownFailed: {cause}"
    assert full.ended(first, {}, full.teardown).status == "SUCCEEDED"
    assert full.told() == [], "it has been told already"
    full.cloud.service.faults.clear()
    second = full.teardown.run({})
    assert (second.status, second.output["outcome"]) == ("SUCCEEDED", "deleted"), second.cause
    assert_empty(full)


def test_a_teardown_that_fails_after_the_project_is_gone_says_so(full, monkeypatch):
    def fail(event, context):
        raise RuntimeError("no table")

    with monkeypatch.context() as patch:
        patch.setattr(full.modules["clear_state"], "handler", fail)
        cause = assert_failed(full.teardown.run({}))
    assert f"Nothing of project {PROJECT} is left in Rekognition, so that nothing runs, and 2 items" in cause
    second = full.teardown.run({})
    assert (second.output["outcome"], second.output["deleted"]["project"]) == ("deleted", None)
    assert_empty(full)


@pytest.mark.parametrize("state", ["StopVersions", "DeleteProject", "CheckGone"])
def test_one_that_is_ended_from_outside_is_told_and_lets_go(full, state):
    result = full.teardown.run({}, stop_at=state)
    assert result.status == "ABORTED"
    assert full.lock["execution"] == result.arn
    assert full.ended(result, {}, full.teardown).states[-3:] == ["News?", "NotifyEnded", "Clean"]
    assert full.lock is None
    (message,) = full.told()
    assert message["Message"].startswith("ABORTED: the run was ended from outside of its definition. ")
    assert ("Left are project" in message["Message"]) == (state != "CheckGone")
    assert len(full.records()) == (state != "CheckGone"), "a teardown is no run, and leaves no record"
    assert full.teardown.run({}).status == "SUCCEEDED"
    assert_empty(full)


def test_the_lock_of_one_that_nobody_cleaned_up_after_is_taken_over(full):
    full.teardown.run({}, stop_at="StopVersions")
    assert full.run(put_images(full)).status == "SUCCEEDED"
    full.teardown.run({}, stop_at="StopVersions")
    assert full.teardown.run({}).status == "SUCCEEDED"
    assert_empty(full)


def test_a_training_that_goes_on_is_waited_for(full):
    train_by_hand(full, "third")
    result = full.teardown.run({})
    assert result.status == "SUCCEEDED", result.cause
    assert sorted(result.output["deleted"]["versions"]) == ["new", "old", "third"]
    assert_empty(full)


def test_a_version_that_somebody_starts_meanwhile_is_stopped_again(full, monkeypatch):
    delete, begun = full.modules["delete_versions"].handler, []

    def start_first(event, context):
        if not begun:
            arn = next(
                of["ProjectVersionArn"]
                for of in full.rekognition.describe_project_versions(ProjectArn=event["projectArn"])[
                    "ProjectVersionDescriptions"
                ]
            )
            begun.append(full.rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1))
        return delete(event, context)

    monkeypatch.setattr(full.modules["delete_versions"], "handler", start_first)
    result = full.teardown.run({})
    assert result.status == "SUCCEEDED", result.cause
    at = result.states.index("DeleteVersions")
    assert "StopVersions" in result.states[at:]
    assert_empty(full)


def test_a_project_that_is_being_deleted_is_waited_for(stack):
    arn = stack.rekognition.create_project(ProjectName=PROJECT)["ProjectArn"]
    stack.cloud.clock.advance(60)
    stack.rekognition.delete_project(ProjectArn=arn)
    result = stack.teardown.run({})
    assert result.status == "SUCCEEDED", result.cause
    assert (result.output["deleted"]["project"], result.states.count("StopVersions")) == (arn, 0)
    assert_empty(stack)


def test_many_items_and_versions_go_in_slices(full, monkeypatch):
    monkeypatch.setattr("clear_state.ITEMS", 1)
    monkeypatch.setattr("customlabels.teardown.SLICE", 1)
    result = full.teardown.run({})
    assert result.status == "SUCCEEDED", result.cause
    assert result.states.count("ClearState") == 2
    assert result.states.count("DeleteVersions") >= 3
    assert result.output["deleted"]["items"] == {"live": 1, "run": 1, "lease": 1}
    assert_empty(full)


def test_what_somebody_makes_anew_meanwhile_fails_the_proof(stack, monkeypatch):
    check = stack.modules["check_gone"].handler

    def make_first(event, context):
        stack.table.put_item(Item={"project": PROJECT, "item": "live", "projectVersionArn": "arn"})
        return check(event, context)

    monkeypatch.setattr(stack.modules["check_gone"], "handler", make_first)
    assert "somebody made anew what it had deleted: 0 projects and the items live" in assert_failed(
        stack.teardown.run({})
    )
    assert stack.lock is None


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
def test_an_input_that_is_not_accepted_is_refused(stack, given, says):
    assert says in assert_failed(stack.teardown.run(given), "InvalidInput")
