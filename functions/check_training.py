"""CheckTraining: waits until this run's version is trained."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import TrainingFailed
from customlabels.models import find_version
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, done

LISTED_WITHIN = 600  # seconds; a version that is not listed by then was deleted
WAITED_FOR = ("not listed yet", "TRAINING_IN_PROGRESS")
# A trained version may have been started by hand before this look.
TRAINED = ("TRAINING_COMPLETED", "COPYING_COMPLETED", "STARTING", "RUNNING", "STOPPING", "STOPPED", "FAILED")
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "arn", "poll"} → {"poll", "version", "status", "f1", "summary", "trainingSeconds"}."""
    asked = parse_version_arn(event["arn"]).version
    version = find_version(rekognition, event["projectArn"], asked)
    status = version["Status"] if version else "not listed yet"
    name = f"Version {asked}"
    if version and status in TRAINED and "EvaluationResult" in version:
        evaluated = version["EvaluationResult"]
        return {
            "poll": done(event["poll"]),
            "version": asked,
            "status": status,
            "f1": evaluated["F1Score"],
            "summary": evaluated["Summary"]["S3Object"],
            "trainingSeconds": version.get("BillableTrainingTimeInSeconds"),
        }
    gone = version is None and event["poll"]["waited"] > LISTED_WITHIN
    if gone or status not in (*WAITED_FOR, *TRAINED):
        said = version.get("StatusMessage", "the service gave no message") if version else "it was deleted"
        raise TrainingFailed(f"{name} is {status}: {said}")
    try:
        poll = again(event["poll"], f"{name} was still {status}")
    except TooLong as error:
        raise TrainingFailed(str(error)) from None
    return {
        "poll": poll,
        "version": asked,
        "status": status,
        "f1": None,
        "summary": None,
        "trainingSeconds": None,
    }
