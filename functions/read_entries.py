"""ReadEntries: stores the entries of the datasets that a run must know, a slice a call."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.clients import PATIENT
from customlabels.datasets import Rows, entries_prefix, stored_key, to_read
from customlabels.entries import read_slice
from customlabels.errors import DatasetRejected
from customlabels.locations import Location
from customlabels.manifests import read_line
from customlabels.settings import Settings

_UNREADABLE = {
    "ResourceNotFoundException": "there is no such dataset",
    "AccessDeniedException": "access is denied; it is not a dataset of this stack's projects",
}
settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "testing", "training", "datasets", "reading"} → the same "reading", further on.

    It is {"done", "todo": ARNs, "token", "part"}; a call that is repeated writes the same part again. What an
    earlier run has stored of a dataset that was not updated since is taken instead of asking for every entry.
    """
    reading = event["reading"]
    todo = reading["todo"]
    if todo is None:
        todo = to_read(event["testing"], event["training"], event["datasets"])
    if not todo:
        return {"done": True, "todo": [], "token": None, "part": 0}
    prefix = entries_prefix(event["project"], event["version"], todo[0])
    part = reading["part"]
    try:
        if part == 0 and _copy_stored(todo[0], f"{prefix}{part:05}.manifest"):
            return {"done": len(todo) == 1, "todo": todo[1:], "token": None, "part": 0}
        lines, token = read_slice(rekognition, todo[0], reading["token"])
    except ClientError as error:
        if why := _UNREADABLE.get(error.response["Error"]["Code"]):
            raise DatasetRejected(f"The dataset {todo[0]} cannot be read: {why}.") from error
        raise
    with Rows(s3, Location(settings.data_bucket, f"{prefix}{part:05}.manifest")) as rows:
        for line in lines:
            if image := read_line(line):
                rows.write(image.line)
    logger.info("read entries", extra={"dataset": todo[0], "part": part, "entries": rows.count})
    if token:
        return {"done": False, "todo": todo, "token": token, "part": part + 1}
    return {"done": len(todo) == 1, "todo": todo[1:], "token": None, "part": 0}


def _copy_stored(arn: str, key: str) -> bool:
    """Whether what the dataset holds was stored by an earlier run, and is now this run's too."""
    described = rekognition.describe_dataset(DatasetArn=arn)["DatasetDescription"]
    stored = stored_key(arn, described["LastUpdatedTimestamp"])
    try:
        s3.copy_object(
            Bucket=settings.data_bucket, Key=key, CopySource={"Bucket": settings.data_bucket, "Key": stored}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return False
    logger.info("taken from store", extra={"dataset": arn})
    return True
