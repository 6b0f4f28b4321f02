"""Batches on the deployed stack: each image one line, at the model's pace, and after a stop no image twice.

The model's limit is one that this machine can hold, so that it, and not the machine, is what bounds a batch.
`make test-all` asks about 2,000 images; `make test` about fewer.
"""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.stack import Cloud, Stack
from tests.local.conftest import Snapshot, wait_until
from tests.rounds import thorough

LIMIT = 20  # detections a second
IMAGES = 2000 if thorough() else 100
CHUNK = 200 if thorough() else 25
SECONDS = 60 + 3 * IMAGES / LIMIT
NEARLY = 0.9  # of the limit


@dataclass(frozen=True)
class House:
    """A training stack whose model has a limit of detections, and what a test asks of it."""

    cloud: Cloud
    stack: Stack
    samples: Path

    @property
    def bucket(self) -> str:
        return self.stack.output("DataBucketName")

    @property
    def steps(self) -> Any:
        return self.cloud.client("stepfunctions")

    def start(self, given: dict[str, Any]) -> str:
        """Start a batch; the execution's ARN."""
        machine = self.stack.output("BatchStateMachineArn")
        return str(self.steps.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"])

    def end(self, arn: str) -> dict[str, Any]:
        """How an execution has ended."""
        return dict(wait_until(lambda: (found := self.describe(arn))["status"] != "RUNNING" and found, SECONDS)[0])

    def describe(self, arn: str) -> dict[str, Any]:
        return dict(self.steps.describe_execution(executionArn=arn))

    def lines(self, output: str) -> list[dict[str, Any]]:
        """The lines of all results below a prefix."""
        s3 = self.cloud.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=output)
        keys = [one["Key"] for page in pages for one in page.get("Contents", []) if one["Key"].endswith(".jsonl")]
        bodies = [s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode() for key in keys]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def asked(self, images: set[str]) -> Counter[str]:
        """How often the model has looked at each of the images."""
        with urllib.request.urlopen(f"{self.cloud.endpoint}/_custom-labels/detections", timeout=30) as answer:
            detections: dict[str, int] = json.load(answer)["detections"]
        return Counter({image: detections.get(image, 0) for image in images})

    def status(self) -> list[str]:
        """The statuses of the project's versions."""
        rekognition = self.cloud.client("rekognition")
        (found,) = rekognition.describe_projects(ProjectNames=[self.stack.project(None)])["ProjectDescriptions"]
        versions = rekognition.describe_project_versions(ProjectArn=found["ProjectArn"])[
            "ProjectVersionDescriptions"
        ]
        return [one["Status"] for one in versions]

    def sleep(self) -> None:
        """Let the model sleep."""
        table = self.cloud.table(self.stack.output("StateTableName"))
        live = table.get_item(Key={"project": self.stack.project(None), "item": "live"})["Item"]
        self.cloud.client("rekognition").stop_project_version(ProjectVersionArn=live["projectVersionArn"])
        wait_until(lambda: self.status() == ["STOPPED"], SECONDS)

    def shoot(self, folder: str, count: int) -> tuple[set[str], set[str]]:
        """Put images below a folder, each hundredth of which is none: all addresses, and those of the broken."""
        s3 = self.cloud.client("s3")
        pictures = [path.read_bytes() for path in sorted(self.samples.rglob("*.png"))]

        def put(number: int) -> None:
            body = b"no image" if number % 100 == 50 else pictures[number % len(pictures)]
            s3.put_object(Bucket=self.bucket, Key=f"{folder}{number:05}.png", Body=body)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(count)))
        named = [f"s3://{self.bucket}/{folder}{number:05}.png" for number in range(count)]
        return set(named), {image for number, image in enumerate(named) if number % 100 == 50}


@pytest.fixture(scope="module")
def house(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    base = tmp_path_factory.mktemp("cloud")
    with snapshot.opened(base, CUSTOM_LABELS_DETECTIONS_PER_UNIT=str(LIMIT)) as opened:
        opened.set_variables(opened.training, DETECTIONS_PER_UNIT=str(LIMIT), CHUNK_IMAGES=str(CHUNK))
        yield House(opened.cloud, opened.training, opened.samples)


def test_a_batch_keeps_the_pace_of_the_model(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    images, broken = house.shoot("shots/", IMAGES)
    # What a function needs once is not counted.
    house.shoot("warm/", 2)
    assert house.end(house.start({"images": f"s3://{house.bucket}/warm/"}))["status"] == "SUCCEEDED"
    output = f"s3://{house.bucket}/batch/pace/"
    ended = house.end(house.start({"images": f"s3://{house.bucket}/shots/", "output": output}))
    assert ended["status"] == "SUCCEEDED", ended
    said = json.loads(ended["output"])
    lines = house.lines("batch/pace/")
    assert Counter(line["image"] for line in lines) == dict.fromkeys(images, 1)
    assert {line["image"] for line in lines if "error" in line} == broken
    assert all(line["Predictions"] for line in lines if "error" not in line)
    assert (said["images"], said["failed"]) == (IMAGES, len(broken))
    with capsys.disabled():
        print(f"\nbatch of {IMAGES}: {said['imagesPerSecond']} images a second, the limit is {LIMIT}")  # noqa: T201
    # Where other tests share the machine, its pace says nothing of the model's.
    assert not thorough() or said["imagesPerSecond"] >= NEARLY * LIMIT
    assert house.status() == ["RUNNING"]  # as before


def test_a_batch_that_is_stopped_and_started_again_does_no_image_twice(house: House) -> None:
    images, broken = house.shoot("again/", IMAGES)
    house.sleep()
    given = {"images": f"s3://{house.bucket}/again/", "output": f"s3://{house.bucket}/batch/again/"}
    first = house.start(given)
    wait_until(lambda: house.lines("batch/again/"), SECONDS)
    house.steps.stop_execution(executionArn=first)
    assert house.describe(first)["status"] == "ABORTED"
    some = len(house.lines("batch/again/"))
    assert 0 < some < len(images)
    ended = house.end(house.start(given))
    assert ended["status"] == "SUCCEEDED", ended
    said = json.loads(ended["output"])
    assert 0 < said["asked"] < len(images)
    assert Counter(line["image"] for line in house.lines("batch/again/")) == dict.fromkeys(images, 1)
    assert house.asked(images) == dict.fromkeys(images, 1)
    assert said["failed"] == len(broken)
    wait_until(lambda: house.status() == ["STOPPED"], SECONDS)  # which a batch has started
