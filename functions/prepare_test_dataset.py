"""PrepareTestDataset: decides what becomes of the test dataset, and writes its manifest."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import READABLE, branch, decide, must_rebuild
from customlabels.errors import DatasetRejected
from customlabels.preparing import Desk
from customlabels.settings import Settings
from customlabels.sources import Source

settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "source", "refresh", "existing"} → what the branch of the test dataset does.

    `split` asks for a distribution; `former` is a test dataset whose images a new split takes back.
    """
    source, existing = Source(**event["source"]), event["existing"]
    desk = Desk(s3, settings.data_bucket, event["project"], event["version"], "testing")
    decided = action = decide(source, event["refresh"], existing)
    if action == "keep" and source.kind != "split" and next(desk.dataset(existing["arn"]), None) is None:
        action = "replace"  # an empty test dataset holds nothing worth keeping
    if action == "keep":
        images = desk.dataset(existing["arn"])
    else:
        images = iter(()) if source.kind == "split" else desk.source(source)
    if action == "keep" and must_rebuild(existing):
        action = "replace"
    written = desk.write(desk.with_etags(images))
    split = source.kind == "split" and written.images == 0
    if not (written.labelled or split):
        raise DatasetRejected(f"The testing {source.kind} {source.value} holds no labelled PNG or JPEG image.")
    logger.info("prepared", extra={"action": action, "split": split, "images": written.images})
    return branch(
        action,
        existing,
        limit=settings.dataset_limit,
        empty=split,
        split=split,
        **written._asdict(),
        former=existing["arn"] if split and decided == "replace" and existing["status"] in READABLE else None,
    )
