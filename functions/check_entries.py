"""CheckEntries: asks Rekognition which entries it found faulty or dropped, a slice a call."""

from datetime import datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import stored_key
from customlabels.entries import add_entries, read_slice
from customlabels.errors import DatasetRejected
from customlabels.inspection import Inspection
from customlabels.preflight.rules import INVALID_SHARE
from customlabels.settings import Settings

settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "train", "test", "checking"} → the same "checking", further on.

    It is {"done", "todo": [{"dataset", "arn", "sent", "manifest"}], "token", "faulty"}; `sent` is null
    where it is not known.
    """
    checking = event["checking"]
    todo = checking["todo"]
    if todo is None:
        todo = _todo(event["train"], event["test"])
    inspection = Inspection(s3, settings.data_bucket, event["project"], event["version"])
    current = todo[0]
    lines, token = read_slice(rekognition, current["arn"], checking["token"], HasErrors=True)
    faulty = checking["faulty"] + len(lines)
    report = add_entries(inspection.published(), current["dataset"], lines)
    if token:
        inspection.publish(report)
        return {"done": False, "todo": todo, "token": token, "faulty": faulty}
    described = rekognition.describe_dataset(DatasetArn=current["arn"])["DatasetDescription"]
    held = described["DatasetStats"]["TotalEntries"]
    if current["sent"] is not None and held != current["sent"]:
        report = add_entries(report, current["dataset"], [], sent=current["sent"], held=held)
    if current["sent"] == held:
        _store(current, described["LastUpdatedTimestamp"])
    page_uri = inspection.publish(report)
    logger.info("checked entries", extra={"dataset": current["arn"], "faulty": faulty, "entries": held})
    if held and faulty > held * INVALID_SHARE:
        raise DatasetRejected(
            f"Rekognition found {faulty} of {held} entries of the {current['dataset']} dataset faulty, more than "
            f"the {INVALID_SHARE:.0%} that a training accepts. All findings: {page_uri}"
        )
    return {"done": len(todo) == 1, "todo": todo[1:], "token": None, "faulty": 0}


def _todo(train: dict[str, Any], test: dict[str, Any]) -> list[dict[str, Any]]:
    """Both datasets, with the lines that each was made to hold; after a split, nobody knows which."""
    return [
        {
            "dataset": name,
            "arn": of["dataset"]["arn"],
            "sent": None if test["split"] else of["images"],
            "manifest": of["manifest"],
        }
        for name, of in (("training", train), ("testing", test))
    ]


def _store(checked: dict[str, Any], updated: datetime) -> None:
    """Keep what the dataset holds for the next run, which then need not ask for it entry by entry."""
    place = checked["manifest"]
    s3.copy_object(
        Bucket=settings.data_bucket,
        Key=stored_key(checked["arn"], updated),
        CopySource={"Bucket": place["Bucket"], "Key": place["Name"]},
    )
