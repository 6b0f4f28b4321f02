"""Runs that together walk every state of the training workflow, each from a world of `worlds`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from tests.context import CONTEXT
from tests.images import LABELS, picture
from tests.stack import BUCKET, PROJECT, Stack
from tests.workflow.engine import Result
from tests.workflow.worlds import Trained, held

Scenario = Callable[[Trained], tuple[Stack, Any]]  # prepares the stack, and gives it with the input of the run


def switch(trained: Trained) -> tuple[Stack, Any]:
    return trained[0], {"switchTo": "two"}


def switch_in_place(trained: Trained) -> tuple[Stack, Any]:
    return trained[0], {"switchTo": "two", "model": {"strategy": "in-place"}}


def unchanged(trained: Trained) -> tuple[Stack, Any]:
    return trained[0], {**trained[2], "force": False}


def train(trained: Trained) -> tuple[Stack, Any]:
    """Both datasets made anew."""
    return trained[0], {**trained[2], "refresh": {"training": "replace", "testing": "replace"}}


def merge(trained: Trained) -> tuple[Stack, Any]:
    """Both datasets merged with other images; the live model is measured on the new ones."""
    stack, _, given = trained
    more = {"training": {"folder": stack.put("more", range(20, 23))}}
    tests = {"testing": {"folder": stack.put("more-tests", range(200, 203))}}
    return stack, {**given, **more, **tests, "refresh": {"training": "merge", "testing": "merge"}}


def split(trained: Trained) -> tuple[Stack, Any]:
    stack, _, given = trained
    return stack, {**given, "testing": {"split": "auto"}, "refresh": {"testing": "replace"}}


def tested(trained: Trained) -> tuple[Stack, Any]:
    """The live model makes room and runs again."""
    return trained[0], {**trained[2], "model": {"strategy": "in-place", "keepRunning": False}}


def adopted(trained: Trained) -> tuple[Stack, Any]:
    """Every creation takes effect and answers an error."""
    faults = trained[0].cloud.service.faults
    # Which of the two branches calls first and second is anybody's guess.
    faults.add("CreateDataset", "InternalServerError", effect="after", call=None)
    faults.add("CreateProjectVersion", "InternalServerError", effect="after")
    return train(trained)


def restored(trained: Trained) -> tuple[Stack, Any]:
    """Neither dataset can be made anew."""
    stack, given = train(trained)
    for _ in range(2):
        stack.cloud.service.faults.dataset("The manifest file has too many rows.")
    return stack, given


def orphaned(trained: Trained) -> tuple[Stack, Any]:
    """An earlier run has left a model running."""
    stack, arns, given = trained
    stack.rekognition.start_project_version(ProjectVersionArn=arns["two"], MinInferenceUnits=1)
    stack.cloud.clock.advance(3600)
    return stack, given


def rejected(trained: Trained) -> tuple[Stack, Any]:
    return trained[0], {**trained[2], "gate": {"minimum": 0.6, "minimumTestImages": 500}}


def copy(trained: Trained) -> tuple[Stack, Any]:
    """A version of another project is made live."""
    stack, arns, given = trained
    origin = f"{PROJECT}-origin"
    if not stack.rekognition.describe_projects(ProjectNames=[origin])["ProjectDescriptions"]:
        (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
        made = stack.rekognition.create_project(ProjectName=origin)["ProjectArn"]
        stack.cloud.clock.advance(60)
        stack.rekognition.copy_project_version(
            SourceProjectArn=project["ProjectArn"],
            SourceProjectVersionArn=arns["two"],
            DestinationProjectArn=made,
            VersionName="origin",
            OutputConfig={"S3Bucket": BUCKET, "S3KeyPrefix": f"training-output/{origin}"},
        )
        stack.cloud.clock.advance(3600)
    (project,) = stack.rekognition.describe_projects(ProjectNames=[origin])["ProjectDescriptions"]
    found = stack.rekognition.describe_project_versions(ProjectArn=project["ProjectArn"])
    arn = found["ProjectVersionDescriptions"][0]["ProjectVersionArn"]
    return stack, {"copyFrom": arn, **{key: given[key] for key in ("gate", "keepVersions")}}


SCENARIOS: dict[str, Scenario] = {
    each.__name__: each
    for each in (
        switch,
        switch_in_place,
        unchanged,
        tested,
        train,
        merge,
        split,
        adopted,
        restored,
        rejected,
        copy,
        orphaned,
    )
}


def batch(trained: Trained) -> tuple[Stack, Any]:
    """A batch of two chunks that has to start the model; some images are none."""
    stack, arns, _ = trained
    for number in range(12):
        body = b"no image" if number < 2 else picture(LABELS[number % 3], number)
        stack.s3.put_object(Bucket=BUCKET, Key=f"shots/{number}.png", Body=body)
    stack.rekognition.stop_project_version(ProjectVersionArn=arns["one"])
    stack.cloud.clock.advance(3600)
    return stack, {"images": f"s3://{BUCKET}/shots/", "tolerated": 0.5}


def broken_batch(trained: Trained) -> tuple[Stack, Any]:
    """The same with less patience."""
    stack, given = batch(trained)
    return stack, {**given, "tolerated": 0.1}


BATCHES: dict[str, Scenario] = {each.__name__: each for each in (batch, broken_batch)}


def settle_batch(stack: Stack, result: Result, given: Any) -> None:
    """What the rule on the end of an execution does for a batch."""
    if result.status != "SUCCEEDED":
        cleaned = stack.ended(result, given, stack.batch)
        assert cleaned.status == "SUCCEEDED", cleaned.cause


def assert_batch_consistent(stack: Stack, result: Result) -> None:
    """The batch ended with a name and a sentence, holds nothing, and the model sleeps as it did before."""
    from customlabels.errors import NAMES

    assert result.status in ("SUCCEEDED", "FAILED"), (result.status, result.states[-3:])
    if result.status == "FAILED":
        assert result.error in NAMES, (result.error, result.cause)
        assert result.cause
        assert len(result.cause) <= 1000
    assert held(stack) == []
    assert stack.running() == []


def settle(stack: Stack, result: Result, given: Any) -> None:
    """Do what happens after a run by itself: the rule on its end, and some looks of the watch."""
    if result.status != "SUCCEEDED":
        stack.ended(result, given)
    watch, begun = stack.modules["watch_models"], datetime.now(UTC)
    for minutes in (0, 16, 21) if len(stack.running()) != 1 else ():
        with patch.object(watch, "now", lambda minutes=minutes: begun + timedelta(minutes=minutes)):
            watch.handler({}, CONTEXT)
        stack.cloud.clock.advance(3600)


def assert_consistent(stack: Stack, result: Result) -> None:
    """The run ended with a name and a sentence; the live model runs alone; the next run finds the project free."""
    from customlabels.errors import NAMES

    assert result.status in ("SUCCEEDED", "FAILED"), (result.status, result.states[-3:])
    if result.status == "FAILED":
        assert result.error in NAMES, (result.error, result.cause)
        assert result.cause
        assert len(result.cause) <= 1000
    assert stack.live
    assert stack.running() == [stack.live["projectVersionArn"].split("/")[3]], result.cause
    if stack.lock is not None:  # a lock that stays is taken over
        assert stack.run({"switchTo": "nowhere"}).error == "InvalidInput"
    assert stack.lock is None
