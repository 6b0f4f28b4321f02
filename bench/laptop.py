"""A local cloud of its own for a benchmark, what is done on it, and how figures are told."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cli.screen import Screen
from cli.stack import Stack
from local import cloud, demo

BUCKET = "bench"
STATUS_SECONDS = 0.02  # between two looks at what has not ended yet


def client(endpoint: str, service: str) -> Any:
    """A new boto3 client, with connections of its own; it never tries again."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name=cloud.REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        config=Config(proxies={}, retries={"total_max_attempts": 1}, max_pool_connections=16),
    )


@dataclass
class Laptop:
    """A running local cloud, whose every file is below `folder`."""

    endpoint: str
    folder: Path
    rekognition: Any = field(init=False)
    s3: Any = field(init=False)

    def __post_init__(self) -> None:
        self.rekognition, self.s3 = client(self.endpoint, "rekognition"), client(self.endpoint, "s3")
        self.s3.create_bucket(Bucket=BUCKET)

    def upload(self, folder: Path, pattern: str, prefix: str) -> list[str]:
        """Put the files of a folder in the bucket; their keys."""
        files = sorted(folder.rglob(pattern))
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda file: self.put(f"{prefix}{file.relative_to(folder)}", file), files))

    def put(self, key: str, file: Path) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        return key

    def project(self, name: str, train: Iterable[dict[str, Any]], test: Iterable[dict[str, Any]]) -> str:
        """A project with both datasets of those manifest lines; its ARN."""
        arn: str = self.rekognition.create_project(ProjectName=name)["ProjectArn"]
        for kind, lines in (("TRAIN", train), ("TEST", test)):
            key = f"{name}-{kind}.manifest"
            self.s3.put_object(Bucket=BUCKET, Key=key, Body="\n".join(map(json.dumps, lines)).encode())
            source = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": key}}}
            dataset = self.rekognition.create_dataset(ProjectArn=arn, DatasetType=kind, DatasetSource=source)

            def status(dataset: str = dataset["DatasetArn"]) -> str:
                found = self.rekognition.describe_dataset(DatasetArn=dataset)
                return str(found["DatasetDescription"]["Status"])

            _await(status, "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
        return arn

    def begin(self, project: str, name: str) -> str:
        """Start a training; the version's ARN."""
        output = {"S3Bucket": BUCKET, "S3KeyPrefix": "output"}
        answer = self.rekognition.create_project_version(ProjectArn=project, VersionName=name, OutputConfig=output)
        return str(answer["ProjectVersionArn"])

    def version(self, project: str, name: str) -> dict[str, Any]:
        """The description of a version."""
        answer = self.rekognition.describe_project_versions(ProjectArn=project, VersionNames=[name])
        return dict(answer["ProjectVersionDescriptions"][0])

    def trained(self, project: str, name: str) -> tuple[str, float]:
        """Train a version to its end: its ARN, and how many seconds that took."""
        started = time.perf_counter()
        arn = self.begin(project, name)
        _await(lambda: str(self.version(project, name)["Status"]), "TRAINING_IN_PROGRESS", "TRAINING_COMPLETED")
        return arn, time.perf_counter() - started

    def run(self, project: str, name: str, arn: str) -> None:
        """Start a model, and wait until it runs."""
        self.rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
        _await(lambda: str(self.version(project, name)["Status"]), "STARTING", "RUNNING")


def _await(status: Callable[[], str], under_way: str, wanted: str) -> None:
    while (found := status()) == under_way:
        time.sleep(STATUS_SECONDS)
    if found != wanted:
        raise SystemExit(f"The benchmark cannot go on: what should be {wanted} is {found}.")


def run(port: int, stack: Stack) -> None:
    """Run the training workflow of a deployed stack on the samples that were uploaded; SystemExit if it fails."""
    ended = demo.train(port, stack, stack.project(None), Screen(machine=True))
    if ended["status"] != "SUCCEEDED":
        raise SystemExit(f"The benchmark cannot go on: the run ended {ended['status']}.")


@contextmanager
def opened() -> Iterator[Laptop]:
    """A local cloud on a free port, which ends with its files."""
    port = cloud.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        base = Path(folder)
        endpoint = cloud.up(port, base)
        try:
            yield Laptop(endpoint, base)
        finally:
            cloud.down(port, base)


def image_line(key: str, label: str) -> dict[str, Any]:
    """The manifest line of an image with one label."""
    metadata = {
        "confidence": 1,
        "class-name": label,
        "human-annotated": "yes",
        "creation-date": "2026-05-02T08:30:11.204Z",
        "type": "groundtruth/image-classification",
    }
    return {"source-ref": f"s3://{BUCKET}/{key}", "label": 0, "label-metadata": metadata}


def digits(laptop: Laptop, folder: Path, prefix: str = "digits/") -> tuple[list[Any], list[Any]]:
    """Upload what `samples.write_digits` wrote; the lines to train on and to test on."""
    lines = []
    for part in ("train", "test"):
        keys = laptop.upload(folder / part, "*.png", f"{prefix}{part}/")
        lines.append([image_line(key, key.split("/")[-2]) for key in keys])
    return lines[0], lines[1]


def seconds(work: Callable[[], Any], times: int) -> list[float]:
    """How long each of `times` runs takes, sorted."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return sorted(found)


def median(sorted_values: list[float]) -> float:
    return sorted_values[len(sorted_values) // 2]


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def compared(what: str, value: float, baseline: float, goal: float | None = None, unit: str = "s") -> None:
    """Print a figure, its ratio to the baseline, and whether it keeps below its goal."""
    scale = 1000 if unit == "ms" else 1
    kept = "" if goal is None else f"   goal < {goal * scale:g} {unit}: {'kept' if value < goal else 'MISSED'}"
    say(f"  {what:<58} {value * scale:8.1f} {unit}   {value / baseline:7.2f} x baseline{kept}")
