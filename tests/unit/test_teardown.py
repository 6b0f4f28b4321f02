"""What a teardown stops and deletes of a project's versions, and what it says of what is left."""

import pytest
from customlabels import teardown


def arn(name: str) -> str:
    return f"arn:aws:rekognition:us-east-1:123456789012:project/parts/version/{name}/1690556751958"


EVERY = (
    *(
        "TRAINING_IN_PROGRESS",
        "TRAINING_COMPLETED",
        "TRAINING_FAILED",
        "STARTING",
        "RUNNING",
        "FAILED",
        "STOPPING",
    ),
    *(
        "STOPPED",
        "DELETING",
        "COPYING_IN_PROGRESS",
        "COPYING_COMPLETED",
        "COPYING_FAILED",
        "DEPRECATED",
        "EXPIRED",
    ),
)
VERSIONS = {arn(status): status for status in EVERY}


def test_each_status_has_its_turn():
    assert [status for _, status in teardown.to_stop(VERSIONS)] == ["STARTING", "RUNNING"]
    assert teardown.running(VERSIONS) == ["STARTING", "RUNNING", "STOPPING"]
    assert teardown.under_way(VERSIONS) == ["TRAINING_IN_PROGRESS", "COPYING_IN_PROGRESS"]
    deleted = {one.split("/")[3] for one in teardown.to_delete(VERSIONS)}
    handled = {*teardown.running(VERSIONS), *teardown.under_way(VERSIONS), "DELETING", *deleted}
    assert handled == set(EVERY)


def test_one_call_deletes_the_oldest_few_of_a_hundred():
    versions = {arn(f"v{number}"): "STOPPED" for number in range(100, 0, -1)}  # newest first
    assert teardown.to_delete(versions) == [arn(f"v{number}") for number in range(1, teardown.SLICE + 1)]


@pytest.mark.parametrize(
    ("holder", "leases", "says"),
    [
        (None, [], None),
        (
            "arn:aws:states:us-east-1:123456789012:execution:parts-train:one",
            [],
            "Execution one is at work on project",
        ),
        (None, [(arn("v1"), "batch-7")], "Version v1 of project parts is leased by batch-7: tear it down once"),
    ],
)
def test_who_is_in_the_way_is_named(holder, leases, says):
    refused = teardown.refusal("parts", holder, leases)
    assert refused is None if says is None else says in refused


def test_what_is_left_is_said_in_one_sentence():
    gone = teardown.left_said("parts", 0, None, 3)
    assert (
        gone
        == "Nothing of project parts is left in Rekognition, so that nothing runs, and 3 items of the state table."
    )
    many = {arn(f"v{number}"): "RUNNING" if number < 2 else "STOPPED" for number in range(8)}
    said = teardown.left_said("parts", 2, many, 4)
    assert said == (
        "Left are project parts, 8 versions (v0, v1, v2, v3, v4 and 3 more), 2 datasets and 4 items of the state "
        "table; still runs and bills: v0, v1 (`python -m cli stop`)."
    )
    assert teardown.left_said("parts", 0, {}, 0).endswith("; no model of it runs.")


def test_items_are_counted_by_kind():
    items = ["live", "run#2026#a", "run#2027#b", "lease#by-hand#v1", "wakes#2026-11-30"]
    assert teardown.by_kind(items) == {"live": 1, "run": 2, "lease": 1, "wakes": 1}
