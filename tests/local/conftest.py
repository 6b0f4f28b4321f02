"""Both stacks, built and deployed by the real sam on a local cloud of their own."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.screen import Screen
from cli.stack import Cloud, Stack
from local import cloud, demo, samples

RUN_SECONDS = 600.0  # a guard against waiting for ever: a busy machine takes minutes
TRAIN, TEST = 20, 8  # images of each digit


@dataclass(frozen=True)
class Deployed:
    """What is deployed, and how to reach it."""

    port: int
    cloud: Cloud
    training: Stack
    inference: Stack
    api: demo.Endpoint
    samples: Path

    @property
    def project(self) -> str:
        return self.training.project(None)

    @property
    def bucket(self) -> str:
        return self.training.output("DataBucketName")

    def start(self, name: str, given: Any) -> str:
        """Start the training workflow and give the execution's ARN."""
        started = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.training.output("StateMachineArn"), name=name, input=json.dumps(given)
        )
        return started["executionArn"]

    def run(self, name: str, given: Any) -> dict[str, Any]:
        """Run the training workflow to its end, and give DescribeExecution's answer."""
        arn = self.start(name, given)
        steps = self.cloud.client("stepfunctions")
        deadline = time.monotonic() + RUN_SECONDS
        while (ended := steps.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"{name} still runs"
            time.sleep(0.2)
        return ended

    def labels(self, project: str) -> dict[str, int]:
        """The labels of the project's training dataset, and how many entries each has."""
        rekognition = self.cloud.client("rekognition")
        (found,) = rekognition.describe_projects(ProjectNames=[project])["ProjectDescriptions"]
        (arn,) = [d["DatasetArn"] for d in found["Datasets"] if d["DatasetType"] == "TRAIN"]
        listed = rekognition.list_dataset_labels(DatasetArn=arn)["DatasetLabelDescriptions"]
        return {label["LabelName"]: label["LabelStats"]["EntryCount"] for label in listed}

    def stop(self, arn: str) -> None:
        """Stop a version and wait until it no longer takes a slot."""
        self.cloud.client("rekognition").stop_project_version(ProjectVersionArn=arn)
        _, project, _, version, _ = arn.split("/")
        deadline = time.monotonic() + RUN_SECONDS
        while self.versions(project)[version] != "STOPPED":
            assert time.monotonic() < deadline, f"{version} does not stop"
            time.sleep(0.2)

    def versions(self, project: str | None = None) -> dict[str, str]:
        """Each version's status, by its name, newest first."""
        rekognition = self.cloud.client("rekognition")
        found = rekognition.describe_projects(ProjectNames=[project or self.project])["ProjectDescriptions"]
        if not found:
            return {}
        pages = rekognition.describe_project_versions(ProjectArn=found[0]["ProjectArn"])
        return {v["ProjectVersionArn"].split("/")[3]: v["Status"] for v in pages["ProjectVersionDescriptions"]}

    def live(self, project: str | None = None) -> str | None:
        """The version that the state table names as live."""
        item = self.cloud.client("dynamodb").get_item(
            TableName=self.training.output("StateTableName"),
            Key={"project": {"S": project or self.project}, "item": {"S": "live"}},
        )
        return item["Item"]["projectVersionArn"]["S"].split("/")[3] if "Item" in item else None

    def ask(
        self, path: str, body: bytes = b"", kind: str = "image/png", key: str | None = None, method: str = "POST"
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, body and headers of one request; `key` is the API's own unless another is given."""
        headers = {"Content-Type": kind, "x-api-key": self.api.key if key is None else key}
        request = urllib.request.Request(self.api.url + path, body or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read()), dict(error.headers)


def wait_until(holds: Callable[[], Any], seconds: float = 60.0) -> tuple[Any, float]:
    """Wait until `holds()` is true and give its value and the seconds that it took."""
    began = time.monotonic()
    while not (value := holds()) and time.monotonic() < began + seconds:
        time.sleep(0.2)
    assert value
    return value, time.monotonic() - began


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    port, base = cloud.free_port(), tmp_path_factory.mktemp("cloud")
    cloud.up(port, base, 0.01)
    try:
        training, inference = demo.deploy(port)
        folder = samples.write_digits(tmp_path_factory.mktemp("samples") / "digits", TRAIN, TEST)
        demo.upload_samples(port, training.output("DataBucketName"), training.project(None), folder)
        yield Deployed(port, demo.local_cloud(port), training, inference, demo.endpoint(port, inference), folder)
    finally:
        assert cloud.down(port, base)


@pytest.fixture(scope="session")
def trained(deployed: Deployed) -> dict[str, Any]:
    """The outcome of a first run on the digits."""
    outcome = demo.train(deployed.port, deployed.training, deployed.project, Screen())
    assert outcome["status"] == "SUCCEEDED", outcome
    return outcome["output"]
