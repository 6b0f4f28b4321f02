"""The report on a run: found in the data bucket, fetched, and opened in a browser."""

import json
import webbrowser
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from cli.errors import CommandError, NotFound, code
from cli.stack import Cloud, Stack


def find(cloud: Cloud, stack: Stack, project: str, version: str | None) -> tuple[str, str]:
    """A version (the newest that was reported on, when None) and the s3:// address of its page.

    The record of the run tells it; a run that goes on still has no record, so that without one its usual key is
    taken. CommandError where no version was named and none was reported on.
    """
    for run in _runs(cloud, stack.output("StateTableName"), project):
        if run.get("report") and version in (None, run["version"]):
            return str(run["version"]), str(run["report"])
    if version is None:
        raise NotFound(
            f"No run of {project} has a report yet: train a version with "
            f"`python -m cli run --project {project}{cloud.flag}`, or name one that was reported on."
        )
    name = version.split("/")[3] if version.startswith("arn:") and version.count("/") >= 4 else version
    return name, f"s3://{stack.output('DataBucketName')}/reports/{project}/{name}/index.html"


def _runs(cloud: Cloud, table: str, project: str) -> Any:
    """The records of the project's runs, newest first."""
    pages = cloud.client("dynamodb").get_paginator("query")
    plain = TypeDeserializer()
    for page in pages.paginate(
        TableName=table,
        KeyConditionExpression="#project = :project AND begins_with(#item, :run)",
        ExpressionAttributeNames={"#project": "project", "#item": "item"},
        ExpressionAttributeValues={":project": {"S": project}, ":run": {"S": "run#"}},
        ScanIndexForward=False,
    ):
        for item in page["Items"]:
            yield {key: plain.deserialize(value) for key, value in item.items()}


def read(cloud: Cloud, address: str, version: str) -> bytes:
    """The content of the file at an s3:// address; CommandError where there is no report."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        content: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if code(error) in ("NoSuchKey", "404", "NoSuchBucket"):
            raise NotFound(
                f"There is no report on version {version!r}: nothing is at {address}. "
                f"`python -m cli status{cloud.flag}` lists the versions."
            ) from error
        raise
    return content


def facts(cloud: Cloud, address: str, version: str) -> Any:
    """The report as JSON, which lies beside its page."""
    return json.loads(read(cloud, f"{address.rpartition('/')[0]}/report.json", version))


def save(content: bytes, version: str, output: Path | None) -> Path:
    """Write the page; a folder as `output` gets the usual name. CommandError where it cannot be written."""
    path = output or Path()
    if output is None or path.is_dir():
        path = path / f"report-{version}.html"
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"The report cannot be written to {str(path)!r}: {error.strerror}.") from error
    return path.resolve()


def show(path: Path) -> bool:
    """Open a page in the browser; False where there is none."""
    return webbrowser.open(path.as_uri())
