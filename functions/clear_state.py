"""ClearState: deletes the project's items of the state table, a slice a call; CheckGone lets go of the lock."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.settings import Settings
from customlabels.teardown import ITEMS, by_kind, items_of

settings = Settings.read()
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "deleted": counts by kind} → {"done", "deleted"}."""
    project, counts = event["project"], event["deleted"]
    items = items_of(table, project)
    for item in items[:ITEMS]:
        table.delete_item(Key={"project": project, "item": item})
    for kind, count in by_kind(items[:ITEMS]).items():
        counts = {**counts, kind: counts.get(kind, 0) + count}
    logger.info("cleared", extra={"project": project, "items": len(items[:ITEMS])})
    return {"done": len(items) <= ITEMS, "deleted": counts}
