"""CheckStopped: waits until a version no longer runs."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.leases import lease_on
from customlabels.models import RUNNING, find_version
from customlabels.polling import TooLong, again, done
from customlabels.settings import Settings

settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "projectArn", "version", "poll"} → {"poll", "status", "reason"}; RUNNING asks for another stop.

    A leased version is left running, and `reason` says so: WatchModels stops it once nobody holds it.
    """
    name = event["version"]
    version = find_version(rekognition, event["projectArn"], name)
    status = version["Status"] if version else "GONE"
    reason = _held(event, version["ProjectVersionArn"]) if version and status in RUNNING else None
    if reason or status not in RUNNING:
        return {"poll": done(event["poll"]), "status": "LEASED" if reason else status, "reason": reason}
    try:
        poll = again(event["poll"], f"Version {name}, which must not run any longer, was still {status}")
    except TooLong as error:
        raise Unexpected(str(error)) from None
    return {"poll": poll, "status": status, "reason": None}


def _held(event: dict[str, Any], arn: str) -> str | None:
    if "project" not in event:  # a run that began before there were leases
        return None
    holder = lease_on(table, event["project"], arn, steps)
    return holder and f"Version {event['version']} still runs for {holder}, and is stopped once that has ended."
