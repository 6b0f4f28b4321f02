"""Wake: starts the live model when a request has found it asleep, at most so many times a day."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.clients import MODEL, TABLE
from customlabels.daily import Daily
from customlabels.locks import owed
from customlabels.models import STARTABLE, find_project, find_version, name_of, read_live, units_of
from customlabels.names import parse_version_arn
from customlabels.serving import Serving

APART = timedelta(seconds=30)  # of two wakes; requests that meet the same sleeping model are one wake
QUOTA = "A quota of the account lets no more models run."
settings = Serving.read()
rekognition = boto3.client("rekognition", config=MODEL.config)
table = boto3.resource("dynamodb", config=TABLE.config).Table(settings.state_table)
wakes = Daily(table, settings.project, "wakes#", int(float(os.environ["WAKES_PER_DAY"])), APART)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="correlation_id")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"correlation_id"} → {"status": "RUNNING", "STARTING" or "ASLEEP", "why": a sentence or null, "wakesLeft"}.

    `correlation_id` is the request's that found the model asleep; `wakesLeft` are those of this day.
    """
    now = datetime.now(UTC)
    arn, _, units = read_live(table, settings.project)
    project = find_project(rekognition, settings.project) if arn else None
    name = parse_version_arn(arn).version if arn else ""
    version = find_version(rekognition, project["ProjectArn"], name) if project else None
    status, why = _wake(version, units, now) if version else ("ASLEEP", "No version of the project is live.")
    logger.info("asked to wake", extra={"arn": arn, "status": status, "why": why})
    return {"status": status, "why": why, "wakesLeft": wakes.left(now)}


def _wake(version: Any, units: dict[str, int], now: datetime) -> tuple[str, str | None]:
    """Start the version if it sleeps and may be woken; what it does now, and why where that is not clear."""
    arn, status, name = version["ProjectVersionArn"], version["Status"], name_of(version)
    if status in ("RUNNING", "STARTING"):
        return status, None
    if owed(table, settings.project) == arn:
        return "STARTING", f"Version {name} was stopped to make room for another, and a run starts one of them."
    if status == "STOPPING":
        return "ASLEEP", f"Version {name} is just being stopped, and can be started in some minutes."
    if status not in STARTABLE:
        return "ASLEEP", f"Version {name} cannot be started, for it is {status}."
    claimed = wakes.claim(now)
    if claimed == "used up":
        return "ASLEEP", f"It was started {wakes.most} times today already, which is the limit."
    return _start(version, units, now) if claimed == "granted" else ("STARTING", None)


def _start(version: Any, units: dict[str, int], now: datetime) -> tuple[str, str | None]:
    """Ask for the start; what the version does now, and why where that is not clear."""
    try:
        rekognition.start_project_version(
            ProjectVersionArn=version["ProjectVersionArn"], **units_of(version, units)
        )
    except ClientError as error:
        wakes.give_back(now)
        code = error.response["Error"]["Code"]
        if code == "LimitExceededException":
            return "ASLEEP", QUOTA
        if code != "ResourceInUseException":  # which says that somebody else has started it
            raise
    return "STARTING", None
