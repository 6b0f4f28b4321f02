"""Both stacks, built and deployed by the real sam on a local cloud of their own."""

import fcntl
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.screen import Screen
from cli.stack import Cloud, Stack, configured_name, find
from local import cloud, demo, samples

RUN_SECONDS = 600.0  # a guard against waiting for ever: a busy machine takes minutes
WAIT_SCALE = 0.01  # of a Wait state's seconds
TRAIN, TEST = 20, 8  # images of each digit


@dataclass(frozen=True)
class Deployed:
    """What is deployed, and how to reach it."""

    port: int
    base: Path  # of the cloud's folders
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
        arn = self.arn(project)
        return arn and arn.split("/")[3]

    def arn(self, project: str | None = None) -> str | None:
        """The ARN of the version that the state table names as live."""
        item = self.cloud.client("dynamodb").get_item(
            TableName=self.training.output("StateTableName"),
            Key={"project": {"S": project or self.project}, "item": {"S": "live"}},
        )
        return item["Item"]["projectVersionArn"]["S"] if "Item" in item else None

    def set_variables(self, stack: Stack, **values: str) -> None:
        """Give such variables of a stack's functions other values, as parameters do without the time of sam."""
        functions, formation = self.cloud.client("lambda"), self.cloud.client("cloudformation")
        for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack.name):
            for one in page["StackResourceSummaries"]:
                if one["ResourceType"] != "AWS::Lambda::Function":
                    continue
                name = one["PhysicalResourceId"]
                found = functions.get_function_configuration(FunctionName=name)
                before = found.get("Environment", {}).get("Variables", {})
                if values.keys() <= before.keys():
                    changed = {"Variables": {**before, **values}}
                    functions.update_function_configuration(FunctionName=name, Environment=changed)

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


@dataclass(frozen=True)
class Snapshot:
    """What a cloud has kept on which both stacks are deployed, and a first model is live."""

    folder: Path
    samples: Path  # which are uploaded
    outcome: dict[str, Any]  # of the run that trained the model

    @contextmanager
    def opened(self, base: Path, **limits: str) -> Iterator[Deployed]:
        """A cloud that goes on from here, with `limits` in its environment, and ends with the context."""
        place = cloud.Place(cloud.free_port(), base, WAIT_SCALE, keep=True)
        shutil.copytree(self.folder, place.folder)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in limits.items():
                patch.setenv(name, value)
            cloud.up(place.port, base, WAIT_SCALE, keep=True)
        try:
            here = demo.local_cloud(place.port)
            training, inference = (find(here, configured_name(name)) for name in ("default", "inference"))
            api = demo.endpoint(place.port, inference)
            yield Deployed(place.port, base, here, training, inference, api, self.samples)
        finally:
            assert cloud.down(place.port, base)


def take(folder: Path, digits: Path) -> dict[str, Any]:
    """Deploy both stacks on a cloud, train a model, and keep what the cloud then holds; the run's outcome."""
    place = cloud.Place(cloud.free_port(), folder.parent / "first", WAIT_SCALE, keep=True)
    samples.write_digits(digits, TRAIN, TEST)
    cloud.up(place.port, place.base, WAIT_SCALE, keep=True)
    try:
        training, _ = demo.deploy(place.port)
        project = training.project(None)
        demo.upload_samples(place.port, training.output("DataBucketName"), project, digits)
        outcome = demo.train(place.port, training, project, Screen())
    finally:
        assert cloud.down(place.port, place.base)
    place.folder.rename(folder)
    return outcome


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Snapshot:
    """One for all processes of the session: sam needs most of a minute to deploy, on each cloud the same."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if hasattr(request.config, "workerinput") else own
    folder, digits, told = root / "snapshot", root / "digits", root / "snapshot.json"
    with (root / "snapshot.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_text(json.dumps(take(folder, digits)))
    return Snapshot(folder, digits, json.loads(told.read_text()))


@pytest.fixture(scope="package")
def deployed(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with snapshot.opened(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


@pytest.fixture(scope="session")
def trained(snapshot: Snapshot) -> dict[str, Any]:
    """The outcome of a first run on the digits."""
    assert snapshot.outcome["status"] == "SUCCEEDED", snapshot.outcome
    output: dict[str, Any] = snapshot.outcome["output"]
    return output
