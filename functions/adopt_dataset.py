"""AdoptDataset: goes on with a dataset whose creation was refused because this run had created it already."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import DatasetRejected, refusal
from customlabels.models import find_project, made_by

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "type": "TRAIN" or "TEST", "execution", "since", "refused"} → {"arn"}."""
    kind = event["type"]
    project = find_project(rekognition, event["project"])
    for dataset in project.get("Datasets", []) if project else []:
        arn = dataset["DatasetArn"]
        if dataset["DatasetType"] == kind and made_by(rekognition, arn, event["execution"], event["since"]):
            logger.info("adopted", extra={"arn": arn})
            return {"arn": arn}
    raise refusal(event["refused"], DatasetRejected, f"The {kind} dataset could not be created")
