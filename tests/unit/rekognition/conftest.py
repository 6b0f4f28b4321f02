"""A service in this process, with a clock that only tests move, on moto's S3."""

import io
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws
from PIL import Image

from local.rekognition.service import Service
from local.rekognition.settings import Settings

ACCOUNT, REGION, BUCKET = "123456789012", "eu-west-1", "pictures"
COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 200)}


@cache
def s3_client() -> Any:
    """One client for all tests, since making it takes longer than most of them."""
    return boto3.client("s3", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


def png(label: str, seed: int, side: int = 64, format_: str = "PNG") -> bytes:
    """A noisy picture of one colour, another for each seed."""
    noise = np.random.default_rng(seed).integers(-40, 40, (side, side, 3))
    pixels = np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_)
    return file.getvalue()


def metadata(label: str, **changes: Any) -> dict[str, Any]:
    """Metadata of an image-level label."""
    return {
        "confidence": 1,
        "job-name": "labeling-job/colour",
        "class-name": label,
        "human-annotated": "yes",
        "creation-date": "2026-05-02T08:30:11.204Z",
        "type": "groundtruth/image-classification",
        **changes,
    }


def line(key: str, *labels: str, bucket: str = BUCKET) -> dict[str, Any]:
    """A manifest line with those image-level labels."""
    content: dict[str, Any] = {"source-ref": f"s3://{bucket}/{key}"}
    for number, label in enumerate(labels):
        content |= {f"colour{number}": number, f"colour{number}-metadata": metadata(label)}
    return content


def box_line(key: str, *boxes: tuple[int, int, int, int, int], **changes: Any) -> dict[str, Any]:
    """A manifest line with boxes (class id, left, top, width, height) of the classes bolt and washer."""
    return {
        "source-ref": f"s3://{BUCKET}/{key}",
        "boxes": {
            "image_size": [{"width": 640, "height": 480, "depth": 3}],
            "annotations": [
                dict(zip(("class_id", "left", "top", "width", "height"), box, strict=True)) for box in boxes
            ],
        },
        "boxes-metadata": {
            "objects": [{"confidence": 1} for _ in boxes],
            "class-map": {"0": "bolt", "1": "washer"},
            "type": "groundtruth/object-detection",
            "human-annotated": "yes",
            "creation-date": "2026-05-02T08:30:11.204Z",
            "job-name": "labeling-job/boxes",
            **changes,
        },
    }


class Desk:
    """One account's view of a service."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.s3 = s3_client()
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.service = Service(settings, s3=lambda: self.s3, state_dir=folder, clock=lambda: self.now)

    def __call__(self, operation: str, account: str = ACCOUNT, **request: Any) -> dict[str, Any]:
        return self.service.call(operation, request, account=account, region=REGION)

    def wait(self, seconds: float = 10) -> None:
        self.now += seconds

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def read(self, pointer: dict[str, Any]) -> bytes:
        """The content of an S3Object as the API answers it."""
        found = pointer["S3Object"]
        content: bytes = self.s3.get_object(Bucket=found["Bucket"], Key=found["Name"])["Body"].read()
        return content

    def manifest(self, key: str, lines: list[dict[str, Any] | str]) -> dict[str, Any]:
        """Write a manifest; the value of a DatasetSource or of an asset."""
        texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        self.put(key, "\n".join(texts).encode())
        return {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": key}}}

    def pictures(self, count: int, *labels: str, start: int = 0) -> list[dict[str, Any] | str]:
        """Put `count` pictures of each label in the bucket; their manifest lines."""
        lines: list[dict[str, Any] | str] = []
        for label in labels:
            for seed in range(start, start + count):
                key = f"{label}/{seed}.png"
                self.put(key, png(label, seed))
                lines.append(line(key, label))
        return lines

    def project(self, name: str = "parts") -> str:
        arn: str = self("CreateProject", ProjectName=name)["ProjectArn"]
        return arn

    def dataset(self, project: str, kind: str, lines: list[dict[str, Any] | str] | None = None) -> str:
        """Make a dataset, and wait until it is settled."""
        source = {} if lines is None else {"DatasetSource": self.manifest(f"{kind}.manifest", lines)}
        arn: str = self("CreateDataset", ProjectArn=project, DatasetType=kind, **source)["DatasetArn"]
        self.wait()
        return arn

    def described(self, arn: str) -> dict[str, Any]:
        """The description of a dataset."""
        found: dict[str, Any] = self("DescribeDataset", DatasetArn=arn)["DatasetDescription"]
        return found

    def entries(self, arn: str, **filters: Any) -> list[dict[str, Any]]:
        return [json.loads(one) for one in self("ListDatasetEntries", DatasetArn=arn, **filters)["DatasetEntries"]]

    def train(self, project: str, name: str = "v1", **more: Any) -> str:
        """Start a training, and wait until it has ended."""
        output = {"S3Bucket": BUCKET, "S3KeyPrefix": "output/here"}
        request = {"ProjectArn": project, "VersionName": name, "OutputConfig": output, **more}
        arn: str = self("CreateProjectVersion", **request)["ProjectVersionArn"]
        self.wait()
        return arn

    def version(self, project: str, name: str = "v1") -> dict[str, Any]:
        """The description of a version; an empty one if it does not exist."""
        found = self("DescribeProjectVersions", ProjectArn=project, VersionNames=[name])
        return next(iter(found["ProjectVersionDescriptions"]), {})

    def trained(self, *labels: str, name: str = "parts", train: int = 6, test: int = 3) -> tuple[str, str]:
        """A project with both datasets and a trained version: ARNs of project and version."""
        chosen = labels or ("red", "green")
        project = self.project(name)
        self.dataset(project, "TRAIN", self.pictures(train, *chosen))
        self.dataset(project, "TEST", self.pictures(test, *chosen, start=100))
        return project, self.train(project)

    def running(self, *labels: str) -> tuple[str, str]:
        """The same, started."""
        project, version = self.trained(*labels)
        self("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=1)
        self.wait()
        return project, version


@pytest.fixture
def open_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    """Makes a desk with other settings than the defaults of tests."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    desks: list[Desk] = []

    def opened(**settings: Any) -> Desk:
        desk = Desk(Settings(**{"workers": 0, **settings}), tmp_path / str(len(desks)))
        desks.append(desk)
        return desk

    # The wire's tests answer Rekognition's requests themselves.
    with mock_aws(config={"core": {"passthrough": {"services": ["rekognition"]}}}):
        yield opened
        for desk in desks:
            desk.service.close()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk()
