"""StartLive: starts the live version again after a run had stopped it to make room, and waits until it runs."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import StartFailed
from customlabels.models import STARTABLE, find_version, start_again
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, done

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "live": ARN, "units", "poll"} → {"poll", "status"}; asked for until the start is accepted."""
    name = parse_version_arn(event["live"]).version
    version = find_version(rekognition, event["projectArn"], name)
    status = version["Status"] if version else "GONE"
    if status == "RUNNING":
        return {"poll": done(event["poll"]), "status": status}
    if version is None or (status == "FAILED" and event["poll"]["waited"]):
        said = version.get("StatusMessage", "the service gave no message") if version else "it was deleted"
        raise StartFailed(f"The live version {name}, which had made room for this run, is {status}: {said}")
    if status in STARTABLE:
        start_again(rekognition, version, event.get("units") or {})
    try:
        poll = again(
            event["poll"], f"The live version {name}, which had made room for this run, was still {status}"
        )
    except TooLong as error:
        raise StartFailed(str(error)) from None
    return {"poll": poll, "status": status}
