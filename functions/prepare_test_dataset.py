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


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "source", "refresh", "existing"} → what the branch of the test dataset does.

    `split` asks for a distribution; `former` is a test dataset whose images a new split takes back.
    """
    source, existing = Source(**event["source"]), event["existing"]
    readable = existing is not None and existing["status"] in READABLE
    desk = Desk(s3, settings.data_bucket, event["project"], event["version"], "testing")
    decided = action = decide(source, event["refresh"], existing)
    if action == "keep" and source.kind != "split" and next(desk.dataset(existing["arn"]), None) is None:
        action = "replace"  # an empty test dataset holds nothing worth keeping
    changes = None
    if action == "merge":
        written, changes = desk.merge(desk.source(source), existing["arn"], desk.with_etags)
    elif action == "keep":
        written = desk.write(desk.with_etags(desk.dataset(existing["arn"])))
    else:
        written = desk.write(desk.with_etags(iter(()) if source.kind == "split" else desk.source(source)))
    if action in ("keep", "merge") and must_rebuild(existing):
        action = "replace"
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
        saved=desk.saved(existing["arn"]) if action == "replace" and readable else None,
        changes=changes,
        **written._asdict(),
        former=existing["arn"] if split and decided == "replace" and readable else None,
    )
