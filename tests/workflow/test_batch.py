"""Batches: every image has one line, whatever happens, and no lease and no model is left behind."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.conftest import TIMES
from tests.images import LABELS, picture
from tests.stack import BUCKET, PROJECT, Stack, deployed

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
    for item in stack.table.scan()["Items"]:
        if item["item"] != "live":
            stack.table.delete_item(Key={key: item[key] for key in ("project", "item")})
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
    items = [item["item"] for item in stack.table.scan()["Items"] if item["project"] == PROJECT]
    return [item for item in items if item not in kept and not item.startswith("run#")]


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
