"""ListProject: lists everything of a project that a teardown deletes, and what it keeps."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.models import find_project
from customlabels.names import parse_version_arn
from customlabels.settings import Settings
from customlabels.teardown import by_kind, items_of, kept, versions_of

settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project"} → {"projectArn", "status", "found": {"project", "versions", "datasets", "items"}, "kept"}.

    `projectArn` and `found.project` are null where there is no project; a version is {"name", "status"}.
    """
    name = event["project"]
    project = find_project(rekognition, name)
    arn = project["ProjectArn"] if project else None
    status = project["Status"] if project else "ABSENT"
    versions = versions_of(rekognition, project) if project else {}
    found = {
        "project": arn,
        "versions": [{"name": parse_version_arn(one).version, "status": of} for one, of in versions.items()],
        "datasets": [dataset["DatasetArn"] for dataset in project.get("Datasets", [])] if project else [],
        "items": by_kind(items_of(table, name)),
    }
    logger.info("listed", extra={"project": name, "versions": len(versions)})
    return {
        "projectArn": arn,
        "status": status,
        "found": found,
        "kept": kept(table, name, settings.data_bucket),
    }
