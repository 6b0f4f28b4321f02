"""AdoptVersion: what becomes of a training whose start was refused.

It goes on with a version that this run had created already, and waits where the quota of trainings is used up.
"""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import QuotaExceeded, TrainingFailed, refusal
from customlabels.models import find_version, made_by
from customlabels.polling import TooLong, again

NO_SLOT = "Rekognition.LimitExceededException"
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "version", "execution", "since", "refused", "poll"} → {"arn" or null for "wait", "poll"}."""
    found = find_version(rekognition, event["projectArn"], event["version"])
    if found and made_by(rekognition, found["ProjectVersionArn"], event["execution"], event["since"]):
        logger.info("adopted", extra={"arn": found["ProjectVersionArn"]})
        return {"arn": found["ProjectVersionArn"], "poll": event["poll"]}
    refused = event["refused"]
    if refused["Error"] != NO_SLOT:
        raise refusal(refused, TrainingFailed, f"The version {event['version']} could not be created")
    try:
        poll = again(event["poll"], "Other trainings of the account used up its quota, still")
    except TooLong as error:
        raise QuotaExceeded(f"{error} {refused['Cause']}") from None
    return {"arn": None, "poll": poll}
