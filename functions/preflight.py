"""Preflight: checks both manifests as Rekognition will, before a dataset is touched or a training is paid for."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import DatasetRejected
from customlabels.inspection import Inspection, estimate
from customlabels.preflight.findings import verdict
from customlabels.settings import Checking, Settings

LONGEST_CAUSE = 480  # characters; the execution's cause also says what is running and where to read on
settings = Settings.read()
checking = Checking.read()
s3 = boto3.client("s3", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "train", "test", "units"} → {"data", "page", "findings", "changes", "cost"}.

    DatasetRejected when a finding is an error; the page with all of them is written either way.
    """
    train, test = event["train"], event["test"]
    inspection = Inspection(s3, settings.data_bucket, event["project"], event["version"])
    report = inspection.check(train, test, checking.read_share)
    page = inspection.publish(report)
    logger.info("checked", extra={"accepted": report.verdict.accepted, "findings": len(report.findings)})
    said = verdict(report.findings, page, LONGEST_CAUSE)
    if not said.accepted:
        raise DatasetRejected(said.cause)
    return {
        "data": said.cause,
        "page": page,
        "findings": inspection.json_object,
        "changes": {
            "training": {"action": train["action"], "images": train["images"], "leftOut": train["excluded"]},
            "testing": {"action": test["action"], "images": test["images"], "split": test["split"]},
        },
        "cost": estimate(checking, event["units"]),
    }
