"""Promote: makes the running version the live one, in one conditional write."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels import leases
from customlabels.batching.holding import keep
from customlabels.clients import PATIENT
from customlabels.errors import SwitchFailed
from customlabels.models import read_live
from customlabels.names import parse_version_arn
from customlabels.settings import Settings
from customlabels.state_table import written

settings = Settings.read()
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "arn", "live": as the run began, "minUnits", "maxUnits"} → {"previous", "previousVersion"}.

    A second call after a first that succeeded changes nothing and gives the same, and so does one for the version
    that was live already.
    """
    project, arn, before = event["project"], event["arn"], event["live"]
    if arn == before and read_live(table, project).arn == arn:
        keep(table, project, arn)
        return {"previous": None, "previousVersion": None}
    if not written(partial(_put, event, project, arn, before)):
        live = read_live(table, project)
        if live.arn != arn:
            raise SwitchFailed(f"While this run went on, {live.arn} was made live; it stays so.")
        before = live.previous
    if before == arn:
        before = None  # it was live already, and must not be stopped as the one before
    leases.release(table, project, leases.by_hand(parse_version_arn(arn).version))  # a live one needs none
    keep(table, project, arn)
    logger.info("promoted", extra={"arn": arn, "previous": before})
    return {"previous": before, "previousVersion": parse_version_arn(before).version if before else None}


def _put(event: dict[str, Any], project: str, arn: str, before: str | None) -> None:
    condition: dict[str, Any] = {
        "ConditionExpression": "attribute_not_exists(#item)",
        "ExpressionAttributeNames": {"#item": "item"},
    }
    if before:
        condition = {
            "ConditionExpression": "projectVersionArn = :before",
            "ExpressionAttributeValues": {":before": before},
        }
    table.put_item(
        Item={
            "project": project,
            "item": "live",
            "projectVersionArn": arn,
            "previous": before,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            **{key: event[key] for key in ("minUnits", "maxUnits") if key in event},
        },
        **condition,
    )
