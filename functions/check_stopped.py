"""CheckStopped: waits until a version no longer runs."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.models import RUNNING, find_version
from customlabels.polling import TooLong, again, done

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "version", "poll"} → {"poll", "status"}; RUNNING asks for another stop."""
    version = find_version(rekognition, event["projectArn"], event["version"])
    status = version["Status"] if version else "GONE"
    if status not in RUNNING:
        return {"poll": done(event["poll"]), "status": status}
    try:
        poll = again(event["poll"], f"The version that was live before, {event['version']}, was still {status}")
    except TooLong as error:
        raise Unexpected(str(error)) from None
    return {"poll": poll, "status": status}
