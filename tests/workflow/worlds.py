"""The stack with two trained versions, `one` live and running: what most tests of a switch begin with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conftest import TIMES
from tests.stack import PROJECT, Stack, deployed

# Of batches: several chunks of few images, asked about without waiting.
FAST = {"CHUNK_IMAGES": "10", "DETECTIONS_PER_UNIT": "100"}
Trained = tuple[Stack, dict[str, str], dict[str, Any]]


@contextmanager
def trained() -> Iterator[Trained]:
    """A stack with the versions `one` and `two`, their ARNs, and the input of the runs that trained them."""
    with deployed(TIMES, **FAST) as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {
            "training": {"folder": train},
            "testing": {"folder": test},
            "gate": {"minimum": 0.6},
            "force": True,
            "keepVersions": 50,  # more trainings may follow, and none may prune what others switch to
        }
        arns = {name: stack.run(given, name=name).output["projectVersionArn"] for name in ("two", "one")}
        yield stack, arns, given


def restore(stack: Stack, arns: dict[str, str]) -> None:
    """Let `one` be live and run, no version but it and `two` be there; no lock, leases, faults or messages."""
    stack.cloud.service.faults.clear()
    stack.cloud.clock.advance(3600)
    for name, status in stack.versions().items():
        if status == "RUNNING" and name != "one":
            stack.rekognition.stop_project_version(ProjectVersionArn=_arn(stack, name))
    if stack.versions()["one"] != "RUNNING":
        stack.rekognition.start_project_version(ProjectVersionArn=arns["one"], MinInferenceUnits=1)
    stack.cloud.clock.advance(3600)
    assert stack.running() == ["one"]
    for name in set(stack.versions()) - arns.keys():  # else hundreds of runs come to prune `two`
        stack.rekognition.delete_project_version(ProjectVersionArn=_arn(stack, name))
    stack.cloud.clock.advance(60)
    since = "2026-11-22T10:00:00+00:00"
    item = {"project": PROJECT, "item": "live", "projectVersionArn": arns["one"], "previous": None, "since": since}
    stack.table.put_item(Item=item)
    stack.table.delete_item(Key={"project": PROJECT, "item": "lock"})
    for item in held(stack):
        stack.table.delete_item(Key={"project": PROJECT, "item": item})
    while stack.told() or stack.published():
        pass


def held(stack: Stack) -> list[str]:
    """The leases, and the marks of batches that have started a model."""
    return [item for item in stack.items() if item.startswith(("lease#", "started#"))]


def _arn(stack: Stack, name: str) -> str:
    (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    found = stack.rekognition.describe_project_versions(ProjectArn=project["ProjectArn"], VersionNames=[name])
    arn: str = found["ProjectVersionDescriptions"][0]["ProjectVersionArn"]
    return arn


def name_of(arn: str | None) -> str | None:
    """A version's name."""
    return arn and arn.split("/")[3]


def live(stack: Stack) -> tuple[str | None, str | None]:
    """Names of the live version and of the one before."""
    assert stack.live
    return name_of(stack.live["projectVersionArn"]), name_of(stack.live["previous"])


def assert_old_is_live(stack: Stack) -> None:
    assert stack.running() == ["one"]
    assert live(stack) == ("one", None)
    assert stack.lock is None


def assert_new_is_live(stack: Stack) -> None:
    assert stack.running() == ["two"]
    assert live(stack) == ("two", "one")
    assert stack.lock is None
