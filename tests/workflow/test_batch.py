"""Batches: every image has one line, whatever happens, and no lease and no model is left behind."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ReadTimeoutError
from customlabels.batching.pacing import Throttle

from tests.conftest import TIMES
from tests.context import CONTEXT
from tests.images import LABELS, picture
from tests.proof.faults import Fault, Plan, installed
from tests.stack import BUCKET, PROJECT, TABLE, Stack, deployed

IMAGES = f"s3://{BUCKET}/shots/"
OUT = f"s3://{BUCKET}/batch/out/"
CHUNK = 10  # images, so that there are several chunks


@pytest.fixture(scope="module")
def deployment() -> Iterator[tuple[Stack, dict[str, str]]]:
    """A stack with the versions `one` and `two`."""
    with deployed(TIMES, CHUNK_IMAGES=str(CHUNK), DETECTIONS_PER_UNIT="100") as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {
            "training": {"folder": train},
            "testing": {"folder": test},
            "gate": {"minimum": 0.6},
            "force": True,
        }
        arns = {name: stack.run(given, name=name).output["projectVersionArn"] for name in ("two", "one")}
        yield stack, arns


@pytest.fixture
def house(deployment: tuple[Stack, dict[str, str]]) -> Stack:
    """`one` is live and runs; there are no images to ask about, no results, no leases, and nothing was asked."""
    stack, arns = deployment
    service = stack.cloud.service
    service.faults.clear()
    service._engine.detections.clear()
    stack.cloud.clock.advance(3600)
    for item in stack.items():
        if item != "live":
            stack.table.delete_item(Key={"project": PROJECT, "item": item})
    for prefix in ("shots/", "batch/", "batch-work/"):
        for one in stack.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []):
            stack.s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    for name, status in stack.versions().items():
        if status == "RUNNING":
            stack.rekognition.stop_project_version(ProjectVersionArn=arns[name])
    stack.cloud.clock.advance(3600)
    start(stack, arns["one"])
    live = {"project": PROJECT, "item": "live", "projectVersionArn": arns["one"], "previous": arns["two"]}
    stack.table.put_item(Item={**live, "since": "2026-11-22T10:00:00+00:00"})
    while stack.told() or stack.published():
        pass
    return stack


def start(stack: Stack, arn: str) -> None:
    stack.rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
    stack.cloud.clock.advance(3600)


def sleep(stack: Stack) -> None:
    """Let the live model sleep."""
    stack.rekognition.stop_project_version(ProjectVersionArn=stack.live["projectVersionArn"])
    stack.cloud.clock.advance(3600)


def shoot(stack: Stack, numbers: range, broken: range = range(0)) -> set[str]:
    """Put images to ask about; the broken ones are no images. Their addresses."""
    for number in numbers:
        body = b"no image" if number in broken else picture(LABELS[number % 3], number)
        stack.s3.put_object(Bucket=BUCKET, Key=f"shots/{number:03}.png", Body=body)
    return {f"{IMAGES}{number:03}.png" for number in numbers}


def asked(stack: Stack) -> Counter[str]:
    """How often each image was asked about."""
    return Counter({image: n for image, n in stack.cloud.service.detections.items() if image.startswith(IMAGES)})


def leases(stack: Stack) -> list[str]:
    """What batches have left in the table."""
    kept = ("live", "guard", "rest", "lock")
    return [item for item in stack.items() if item not in kept and not item.startswith("run#")]


def assert_each_has_one_line(stack: Stack, images: set[str], output: str = "batch/out/") -> None:
    counts = Counter(line["image"] for line in stack.lines(output))
    assert counts == dict.fromkeys(images, 1)


def test_every_image_has_a_line_and_the_summary_counts_them(house: Stack) -> None:
    images = shoot(house, range(24))
    result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.status == "SUCCEEDED", (result.error, result.cause)
    assert_each_has_one_line(house, images)
    lines = house.lines("batch/out/")
    assert {line["Model"] for line in lines} == {"one"}
    assert any(line["Predictions"] for line in lines)
    assert asked(house) == dict.fromkeys(images, 1)
    assert len(house.s3.list_objects_v2(Bucket=BUCKET, Prefix="batch/out/one/")["Contents"]) == 3  # chunks of ten
    said = result.output
    assert (said["outcome"], said["images"], said["answered"], said["failed"]) == ("predicted", 24, 24, 0)
    whole = json.load(house.s3.get_object(Bucket=BUCKET, Key="batch/out/_summary.json")["Body"])
    assert whole["labels"] == dict(
        Counter(name for line in lines for name in {one["Name"] for one in line["Predictions"]})
    )
    assert whole["imagesPerSecond"] > 0
    assert house.running() == ["one"]  # which ran before
    assert leases(house) == []


def test_images_that_cannot_be_read_get_a_line_that_says_why(house: Stack) -> None:
    images = shoot(house, range(22), broken=range(5, 6))
    house.s3.put_object(
        Bucket=BUCKET, Key="list.txt", Body="\n".join([*sorted(images), "shots/gone.png"]).encode()
    )
    given = {"manifest": f"s3://{BUCKET}/list.txt", "output": OUT, "tolerated": 0.2, "minConfidence": 0}
    result = house.batch.run(given)
    assert result.status == "SUCCEEDED", (result.error, result.cause)
    assert_each_has_one_line(house, images | {f"{IMAGES}gone.png"})
    failed = {line["image"]: line["error"] for line in house.lines("batch/out/") if "error" in line}
    assert {image: error.partition(":")[0] for image, error in failed.items()} == {
        f"{IMAGES}005.png": "InvalidImageFormatException",
        f"{IMAGES}gone.png": "InvalidS3ObjectException",
    }
    assert result.output["failures"] == {"InvalidImageFormatException": 1, "InvalidS3ObjectException": 1}
    assert all(len(line["Predictions"]) == 3 for line in house.lines("batch/out/") if "error" not in line)


def test_more_failures_than_are_tolerated_fail_the_batch_and_keep_its_results(house: Stack) -> None:
    images = shoot(house, range(20), broken=range(3))
    sleep(house)
    result = house.batch.run({"images": IMAGES, "output": OUT, "tolerated": 0.1})
    assert (result.status, result.error) == ("FAILED", "TooManyFailures")
    assert "3 of 20 images failed, 15.0%; tolerated are 10.0%: InvalidImageFormatException 3." in result.cause
    assert_each_has_one_line(house, images)
    whole = json.load(house.s3.get_object(Bucket=BUCKET, Key="batch/out/_summary.json")["Body"])
    assert (whole["failed"], len(whole["examples"])) == (3, 3)
    assert (house.running(), leases(house)) == ([], [])


def test_a_second_batch_asks_about_nothing_but_what_is_missing(house: Stack) -> None:
    first = shoot(house, range(0, 30, 2), broken=range(4, 5))
    assert house.batch.run({"images": IMAGES, "output": OUT, "tolerated": 0.5}).status == "SUCCEEDED"
    images = first | shoot(house, range(1, 30, 3))
    again = house.batch.run({"images": IMAGES, "output": OUT, "tolerated": 0.5})
    assert again.status == "SUCCEEDED", again.cause
    assert asked(house) == dict.fromkeys(images, 1)
    assert_each_has_one_line(house, images)
    assert (again.output["images"], again.output["asked"]) == (len(images), len(images - first))
    third = house.batch.run({"images": IMAGES, "output": OUT, "tolerated": 0.5})
    assert (third.status, third.output["asked"], third.output["imagesPerSecond"]) == ("SUCCEEDED", 0, None)
    assert "StartLeased" not in third.states  # nothing to ask needs no model


def test_another_model_is_asked_about_everything_and_its_results_lie_beside(
    house: Stack, deployment: tuple[Stack, dict[str, str]]
) -> None:
    images = shoot(house, range(12))
    assert house.batch.run({"images": IMAGES, "output": OUT}).status == "SUCCEEDED"
    assert house.run({"switchTo": "two"}).status == "SUCCEEDED"
    assert house.batch.run({"images": IMAGES, "output": OUT}).output["asked"] == 12
    for name in ("one", "two"):
        assert_each_has_one_line(house, images, f"batch/out/{name}/")


@pytest.mark.parametrize("error", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_busy_model_is_asked_again(house: Stack, error: str) -> None:
    images = shoot(house, range(24))
    for call in range(2, 20, 2):
        house.cloud.service.faults.add("DetectCustomLabels", error, call=call)
    result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.status == "SUCCEEDED", result.cause
    assert_each_has_one_line(house, images)
    assert "ThrottlingException" not in json.dumps(house.lines("batch/out/"))


def test_a_model_that_sleeps_is_started_and_stopped_again(house: Stack) -> None:
    images = shoot(house, range(12))
    sleep(house)
    result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.status == "SUCCEEDED", result.cause
    assert {"WaitForLeased", "WaitForEnd"} <= set(result.states)
    assert_each_has_one_line(house, images)
    assert (house.running(), leases(house)) == ([], [])
    assert result.output["cost"]["inferenceUnits"] == 1


def during(house: Stack, state: str, act: Callable[[], None]) -> contextlib.ExitStack:
    """Do something once, when an execution first enters a state, before the state acts."""
    done = threading.Event()

    def enter(_execution: str, entered: str) -> None:
        if entered == state and not done.is_set():
            done.set()
            act()

    undo = contextlib.ExitStack()
    house.cloud.entered.append(enter)
    undo.callback(house.cloud.entered.remove, enter)
    return undo


def test_of_two_batches_the_last_stops_the_model(house: Stack) -> None:
    shoot(house, range(12))
    sleep(house)
    seen = []

    def another() -> None:
        inner = house.batch.run({"images": IMAGES, "output": f"s3://{BUCKET}/batch/inner/"})
        seen.append((inner.status, house.running()))

    with during(house, "SummarizeBatch", another):
        outer = house.batch.run({"images": IMAGES, "output": OUT})
    assert seen == [("SUCCEEDED", ["one"])]
    assert outer.status == "SUCCEEDED", outer.cause
    assert (house.running(), leases(house)) == ([], [])


def test_a_batch_stops_what_another_has_started(house: Stack) -> None:
    shoot(house, range(12))
    sleep(house)
    both_ask, seen = threading.Event(), []
    arn = f"{house.batch.arn.replace(':stateMachine:', ':execution:')}:first"

    def hold(execution: str, entered: str) -> None:
        """The first ends while the second is still at work."""
        if entered == "EndBatch" and execution == arn:
            assert both_ask.wait(30)
        if entered == "SummarizeBatch" and execution != arn:
            both_ask.set()
            seen.append((house.batch.result(arn).status, house.running()))

    house.cloud.entered.append(hold)
    try:
        house.batch.start({"images": IMAGES, "output": OUT}, "first")
        second = house.batch.run({"images": IMAGES, "output": f"s3://{BUCKET}/batch/second/"})
    finally:
        house.cloud.entered.remove(hold)
    assert seen == [("SUCCEEDED", ["one"])]
    assert second.status == "SUCCEEDED", second.cause
    assert (house.running(), leases(house)) == ([], [])


def test_a_run_that_ends_during_a_batch_leaves_it_its_model(
    house: Stack, deployment: tuple[Stack, dict[str, str]]
) -> None:
    images = shoot(house, range(12))
    seen = []

    def switch() -> None:
        run = house.run({"switchTo": "two"})
        seen.append((run.status, run.output["reason"], sorted(house.running())))

    with during(house, "Chunks", switch):
        result = house.batch.run({"images": IMAGES, "output": OUT})
    holder = f"batch#{OUT}"
    assert seen == [
        ("SUCCEEDED", f"Version one still runs for {holder}, and is stopped once that has ended.", ["one", "two"])
    ]
    assert result.status == "SUCCEEDED", result.cause
    assert {line["Model"] for line in house.lines("batch/out/")} == {"one"}
    assert_each_has_one_line(house, images)
    assert house.running() == ["two"]  # nobody needs the other any more
    assert leases(house) == []


def test_a_switch_before_the_lease_is_seen(house: Stack, deployment: tuple[Stack, dict[str, str]]) -> None:
    shoot(house, range(12))
    _, arns = deployment
    module = house.modules["take_lease"]
    real = module.hold

    def switched(*given: object) -> None:
        item = {**house.live, "projectVersionArn": arns["two"], "previous": arns["one"]}
        house.table.put_item(Item=item)
        real(*given)

    with patch.object(module, "hold", switched):
        result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.output["version"] == "two"
    assert leases(house) == []


def by_a_run(house: Stack) -> None:
    assert house.run({"switchTo": "one"}).status == "SUCCEEDED"


def by_the_office(house: Stack) -> None:
    house.modules["keep_office_hours"].handler({"do": "start"}, CONTEXT)


def by_hand(house: Stack) -> None:
    from cli import models, stack

    live = models.versions(stack.connect(False), PROJECT)[0]
    assert live.arn == house.live["projectVersionArn"]
    models.keep(stack.connect(False), TABLE, PROJECT, live)


@pytest.mark.parametrize("wanted", [by_a_run, by_the_office, by_hand])
def test_who_wants_the_model_to_run_meanwhile_keeps_it(house: Stack, wanted: Callable[[Stack], None]) -> None:
    shoot(house, range(12))
    sleep(house)
    with during(house, "CheckChunks", lambda: wanted(house)):
        result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.status == "SUCCEEDED", result.cause
    assert (house.running(), leases(house)) == (["one"], [])


def test_a_model_that_is_stopped_under_a_batch_is_started_again(house: Stack) -> None:
    images = shoot(house, range(24))
    with during(house, "Chunks", lambda: sleep(house)):
        result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.status == "SUCCEEDED", result.cause
    assert result.states.count("Chunks") == 2
    assert_each_has_one_line(house, images)
    assert house.running() == []  # the batch has started it


def test_a_chunk_whose_time_is_up_is_taken_up_again(house: Stack) -> None:
    images = shoot(house, range(24))

    class Short(Throttle):
        """Its time is up after some calls."""

        calls = 0

        def wait(self, deadline: float) -> bool:
            self.calls += 1
            return self.calls <= 6 and super().wait(deadline)

    with patch.object(house.modules["detect"], "Throttle", Short):
        result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.status == "SUCCEEDED", result.cause
    assert result.states.count("Chunks") == 2  # six, and then the other four
    assert asked(house) == dict.fromkeys(images, 1)
    assert_each_has_one_line(house, images)


def test_two_batches_never_write_to_one_output(house: Stack) -> None:
    shoot(house, range(12))
    second = []
    with during(house, "Chunks", lambda: second.append(house.batch.run({"images": IMAGES, "output": OUT}))):
        first = house.batch.run({"images": IMAGES, "output": OUT}, name="writer")
    assert first.status == "SUCCEEDED", first.cause
    assert second[0].error == "RunInProgress"
    assert "Execution writer is writing to s3://data/batch/out/" in second[0].cause


def test_a_fault_of_the_service_that_stays_with_an_image_is_its_line(house: Stack) -> None:
    """And not the end of the batch; the first rounds leave the image for later ones."""
    images = shoot(house, range(12))
    bad = f"{IMAGES}007.png"
    module = house.modules["detect"]
    real = module.rekognition.detect_custom_labels

    def detect(**given: Any) -> Any:
        if given["Image"]["S3Object"]["Name"] == "shots/007.png":
            raise ReadTimeoutError(endpoint_url="the service")
        return real(**given)

    with (
        patch.object(module.rekognition, "detect_custom_labels", detect),
        patch("customlabels.batching.asking.backoff", lambda _: 0),
    ):
        result = house.batch.run({"images": IMAGES, "output": OUT, "tolerated": 0.1})
    assert result.status == "SUCCEEDED", result.cause
    assert_each_has_one_line(house, images)
    (failed,) = [line for line in house.lines("batch/out/") if "error" in line]
    assert (failed["image"], failed["error"].partition(":")[0]) == (bad, "ReadTimeoutError")


def test_what_is_denied_ends_the_batch_with_a_name(house: Stack) -> None:
    shoot(house, range(12))
    sleep(house)
    house.cloud.service.faults.add("DetectCustomLabels", "AccessDeniedException", call=None)
    result = house.batch.run({"images": IMAGES, "output": OUT})
    house.cloud.service.faults.clear()
    assert (result.status, result.error) == ("FAILED", "Unexpected")
    assert "rounds over 2 of 2 chunks have brought nothing" in result.cause
    assert "Access" in result.cause
    assert (house.running(), leases(house)) == ([], [])


def test_a_start_that_is_refused_fails_the_batch(house: Stack) -> None:
    shoot(house, range(12))
    sleep(house)
    house.cloud.service.faults.add("StartProjectVersion", "ResourceInUseException", call=None)
    result = house.batch.run({"images": IMAGES, "output": OUT})
    house.cloud.service.faults.clear()
    assert (result.status, result.error) == ("FAILED", "StartFailed")
    assert "Version one, which the batch asks, was still STOPPED" in result.cause
    assert (house.running(), leases(house)) == ([], [])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "The input names no images; accepted is images or manifest."),
        ({"images": IMAGES, "output": "s3://data/images/"}, "accepted is a folder below s3://data/batch/"),
        ({"images": f"s3://{BUCKET}/nothing/"}, "where no PNG or JPEG image is"),
        ({"images": "s3://elsewhere/x/"}, "which cannot be read: there is no such bucket"),
        ({"manifest": f"s3://{BUCKET}/nothing.txt"}, "which cannot be read: there is no such object"),
        ({"images": IMAGES, "project": "custom-labels-other"}, "of which no version is live"),
    ],
)
def test_what_is_wrong_with_the_input_is_said(house: Stack, given: Any, says: str) -> None:
    result = house.batch.run(given)
    assert (result.status, result.error) == ("FAILED", "InvalidInput")
    assert says in result.cause
    assert leases(house) == []


STATES = (
    "PlanBatch",
    "TakeLease",
    "PlanChunks",
    "StartLeased",
    "Chunks",
    "Detect",
    "CheckChunks",
    "SummarizeBatch",
    "EndBatch",
)


@pytest.mark.parametrize("state", STATES)
def test_a_batch_that_is_stopped_from_outside_is_cleaned_up_and_goes_on(house: Stack, state: str) -> None:
    images = shoot(house, range(24))
    sleep(house)
    given = {"images": IMAGES, "output": OUT}
    result = house.batch.run(given, stop_at=state)
    assert result.status == "ABORTED"
    cleaned = house.ended(result, given, house.batch)
    assert cleaned.status == "SUCCEEDED", cleaned.cause
    assert "CleanUp" not in cleaned.states
    assert (house.running(), leases(house), house.records()) == ([], [], [])
    (told,) = house.told()
    assert "the run was ended from outside" in told["Message"]
    again = house.batch.run(given)
    assert again.status == "SUCCEEDED", again.cause
    assert asked(house) == dict.fromkeys(images, 1)
    assert_each_has_one_line(house, images)


def test_a_batch_that_failed_by_itself_is_not_told_of_twice(house: Stack) -> None:
    given = {"images": f"s3://{BUCKET}/nothing/"}
    result = house.batch.run(given)
    cleaned = house.ended(result, given, house.batch)
    assert (cleaned.status, house.told()) == ("SUCCEEDED", [])


def contents(stack: Stack, prefix: str) -> list[dict[str, Any]]:
    return list(stack.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []))


def test_what_takes_long_is_done_in_many_calls(house: Stack) -> None:
    first = shoot(house, range(0, 40, 2))
    assert house.batch.run({"images": IMAGES, "output": OUT}).status == "SUCCEEDED"
    images = first | shoot(house, range(1, 40, 2))
    with (
        patch("customlabels.batching.planning.SECONDS", 0),
        patch("customlabels.batching.index.SLICE_BYTES", 700),
        patch.object(house.modules["summarize_batch"], "SECONDS", 0),
    ):
        result = house.batch.run({"images": IMAGES, "output": OUT})
    assert result.status == "SUCCEEDED", result.cause
    assert result.states.count("PlanChunks") > 4
    assert result.states.count("SummarizeBatch") > 4
    assert (result.output["images"], result.output["asked"]) == (40, 20)
    assert asked(house) == dict.fromkeys(images, 1)
    assert_each_has_one_line(house, images)


def test_a_batch_waits_for_functions_that_outlive_their_execution(house: Stack) -> None:
    """One of a batch that was stopped, and one of a Map that failed."""
    images = shoot(house, range(12))
    assert house.batch.run({"images": IMAGES, "output": OUT}).status == "SUCCEEDED"
    images |= shoot(house, range(12, 24))
    own = next(one["Key"] for one in contents(house, "batch-work/") if "/chunks/" in one["Key"])
    mark = f"{'/'.join(own.split('/')[:2])}/busy/earlier-000001"
    house.s3.put_object(Bucket=BUCKET, Key=mark, Body=b"")
    seen = []

    def end(_execution: str, entered: str) -> None:
        if entered in ("WaitForOthers", "WaitForChunks"):
            seen.append(entered)
            house.s3.delete_object(Bucket=BUCKET, Key=mark)

    def outlive() -> None:
        house.s3.put_object(Bucket=BUCKET, Key=mark, Body=b"")
        house.cloud.service.faults.add("DetectCustomLabels", "ResourceNotReadyException", call=3)

    house.cloud.entered.append(end)
    try:
        with during(house, "Chunks", outlive):
            result = house.batch.run({"images": IMAGES, "output": OUT})
    finally:
        house.cloud.entered.remove(end)
    assert result.status == "SUCCEEDED", result.cause
    assert seen == ["WaitForOthers", "WaitForChunks"]
    assert asked(house) == dict.fromkeys(images, 1)
    assert_each_has_one_line(house, images)


def test_a_lease_that_is_gone_without_an_answer_leaves_nothing(house: Stack) -> None:
    shoot(house, range(12))
    sleep(house)
    plan = Plan()
    with installed(plan):
        plan.add(("EndBatch", "dynamodb", "DeleteItem"), Fault("ConnectionReset", None, "after"), times=None)
        result = house.batch.run({"images": IMAGES, "output": OUT})
        assert plan.met
        plan.clear()
    if result.status != "SUCCEEDED":
        assert house.ended(result, {"images": IMAGES, "output": OUT}, house.batch).status == "SUCCEEDED"
    assert (house.running(), leases(house)) == ([], [])
