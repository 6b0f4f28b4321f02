"""ClearState: deletes the project's items of the state table, a slice a call; CheckGone lets go of the lock."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.settings import Settings
from customlabels.teardown import ITEMS, items_of

settings = Settings.read()
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project"} → {"done"}: false where there is more than one call deletes."""
    project = event["project"]
    items = items_of(table, project)
    for item in items[:ITEMS]:
        table.delete_item(Key={"project": project, "item": item})
    logger.info("cleared", extra={"project": project, "items": len(items[:ITEMS])})
    return {"done": len(items) <= ITEMS}
