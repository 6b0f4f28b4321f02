"""Runs to report on: models that the local service trains on the sample digits, and Report as it ships."""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from customlabels.manifests import folder_line

from local import moto, samples
from tests.context import CONTEXT

BUCKET, TABLE, PROJECT = "data", "state", "custom-labels"
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",  # nothing may be asked there
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "DATA_BUCKET": BUCKET,
    "STATE_TABLE": TABLE,
    "TRAINING_PRICE": "1.5",
    "INFERENCE_PRICE": "4",
}


@dataclass
class Account:
    """An account with the data bucket, the state table and, as they are trained, versions of projects."""

    s3: Any
    rekognition: Any
    table: Any

    def train(self, project: str, version: str, train: list[Any], test: list[Any]) -> dict[str, Any]:
        """Train a version, in a project that is made if need be; its description and `ProjectArn`."""
        found = self.rekognition.describe_projects(ProjectNames=[project])["ProjectDescriptions"]
        arn = (
            found[0]["ProjectArn"] if found else self.rekognition.create_project(ProjectName=project)["ProjectArn"]
        )
        for dataset in found[0]["Datasets"] if found else []:
            self.rekognition.delete_dataset(DatasetArn=dataset["DatasetArn"])
            self.rekognition.describe_projects(ProjectNames=[project])
        for kind, lines in (("TRAIN", train), ("TEST", test)):
            key = f"manifests/{version}/{kind}"
            body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
            manifest = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": key}}}
            self.rekognition.create_dataset(ProjectArn=arn, DatasetType=kind, DatasetSource=manifest)
        output = {"S3Bucket": BUCKET, "S3KeyPrefix": f"training-output/{version}"}
        self.rekognition.create_project_version(ProjectArn=arn, VersionName=version, OutputConfig=output)
        (made,) = self.rekognition.describe_project_versions(ProjectArn=arn, VersionNames=[version])[
            "ProjectVersionDescriptions"
        ]
        assert made["Status"] == "TRAINING_COMPLETED", made
        return {**made, "ProjectArn": arn}

    def digits(self, folder: Path, part: str, each: int | None = None) -> list[str]:
        """Put a part (`train`, `test`) of the sample digits into the bucket, `each` of a label; manifest lines."""
        lines = []
        for of_label in sorted((folder / part).iterdir()):
            for file in sorted(of_label.iterdir())[:each]:
                key = f"images/digits/{part}/{of_label.name}/{file.name}"
                self.s3.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
                lines.append(folder_line(f"s3://{BUCKET}/{key}", of_label.name, datetime.now(UTC)))
        return lines

    def boxes(self, folder: Path, part: str) -> list[Any]:
        """The same of the sample canvases."""
        for file in (folder / part).iterdir():
            self.s3.put_object(Bucket=BUCKET, Key=f"boxes/{part}/{file.name}", Body=file.read_bytes())
        return samples.box_manifest(folder, part, BUCKET, "boxes/")

    def event(self, version: dict[str, Any], minimum: float = 0.85, **more: Any) -> dict[str, Any]:
        """Report's input for a version; `more` is added, or stands in for what it has."""
        name = version["ProjectVersionArn"].split("/")[3]
        value = version["EvaluationResult"]["F1Score"]
        reason = f"f1 {value:.4f} is below the minimum {minimum}"
        return {
            "project": version["ProjectArn"].split("/")[1],
            "version": name,
            "execution": f"arn:aws:states:eu-central-1:{moto.ACCOUNT}:execution:custom-labels-train:{name}",
            "arn": version["ProjectVersionArn"],
            "projectArn": version["ProjectArn"],
            "verdict": {
                "accepted": value >= minimum,
                "metric": "f1",
                "value": value,
                "minimum": minimum,
                "champion": None,
                "reasons": [] if value >= minimum else [reason],
            },
            "live": None,
            "findings": None,
            "cost": {"trainingSeconds": version.get("BillableTrainingTimeInSeconds"), "inferenceUnits": 1},
            **more,
        }

    def record(self, project: str, started: str, version: str, f1: float | None, **more: Any) -> None:
        """Record a run as Conclude does."""
        metrics = None
        if f1 is not None:
            metrics = {"f1": f1, "precision": f1, "recall": f1, "testImages": 150, "labels": 10, "worstLabels": []}
        item = {
            "project": project,
            "item": f"run#{started}#{version}",
            "version": version,
            "started": started,
            "outcome": "promoted",
            "error": None,
            "metrics": metrics,
            "trainingSeconds": 3600,
            "report": f"s3://{BUCKET}/reports/{project}/{version}/index.html",
            **more,
        }
        self.table.put_item(Item=json.loads(json.dumps(item), parse_float=Decimal))

    def report(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Call Report as Lambda does: the page and the JSON that it wrote."""
        with patch.dict(os.environ, ENVIRONMENT):
            sys.modules.pop("report", None)  # its clients belong to an earlier test's account
            address = importlib.import_module("report").handler(event, CONTEXT)["report"]
        key = address.removeprefix(f"s3://{BUCKET}/")
        page, told = (
            self.s3.get_object(Bucket=BUCKET, Key=one) for one in (key, key.replace("index.html", "report.json"))
        )
        assert page["ContentType"] == "text/html; charset=utf-8"
        assert told["ContentType"] == "application/json"
        return page["Body"].read().decode(), json.loads(told["Body"].read())


@contextmanager
def account() -> Iterator[Account]:
    """An account of this process, empty but for the bucket and the table."""
    with patch.dict(os.environ, ENVIRONMENT), moto.custom_labels():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        table = boto3.resource("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("project", "item")],
            KeySchema=[
                {"AttributeName": "project", "KeyType": "HASH"},
                {"AttributeName": "item", "KeyType": "RANGE"},
            ],
        )
        yield Account(s3, boto3.client("rekognition"), table)
