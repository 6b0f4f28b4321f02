"""CheckModel: waits until a version is RUNNING."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import StartFailed, refusal
from customlabels.models import find_version
from customlabels.polling import TooLong, again, done

# The version may be described as not started for a moment after its start was accepted.
WAITED_FOR = ("STARTING", "TRAINING_COMPLETED", "COPYING_COMPLETED", "STOPPED")
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "version", "refused", "poll"} → {"poll", "status", "refused"}."""
    version = find_version(rekognition, event["projectArn"], event["version"])
    status = version["Status"] if version else "GONE"
    if status == "RUNNING":
        return {"poll": done(event["poll"]), "status": status, "refused": None}
    name = f"Version {event['version']}"
    if status not in WAITED_FOR:
        said = version.get("StatusMessage", "the service gave no message") if version else "it was deleted"
        raise StartFailed(f"{name} is {status} instead of RUNNING: {said}")
    in_use = (event["refused"] or {}).get("Error") == "Rekognition.ResourceInUseException"
    if event["refused"] and not in_use and status != "STARTING":
        raise refusal(event["refused"], StartFailed, f"{name} could not be started")
    try:
        poll = again(event["poll"], f"{name} was still {status}")
    except TooLong as error:
        raise StartFailed(str(error)) from None
    return {"poll": poll, "status": status, "refused": event["refused"]}
