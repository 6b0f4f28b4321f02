"""AdoptVersion: goes on with a training whose start was refused because this run had started it already."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import TrainingFailed, refusal
from customlabels.models import find_version, made_by

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "version", "execution", "refused"} → {"arn"}."""
    found = find_version(rekognition, event["projectArn"], event["version"])
    if found and made_by(rekognition, found["ProjectVersionArn"], event["execution"]):
        logger.info("adopted", extra={"arn": found["ProjectVersionArn"]})
        return {"arn": found["ProjectVersionArn"]}
    raise refusal(event["refused"], TrainingFailed, f"The version {event['version']} could not be created")
