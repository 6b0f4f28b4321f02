"""CheckGone: proves that nothing of the project is left, lets go of it, and composes what is told."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import TeardownFailed
from customlabels.locks import release
from customlabels.settings import Settings
from customlabels.teardown import event_of, items_of, kept, reason_of, subject_of

settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "execution", "deleted"} → {"result", "subject", "message", "event"}, and again if asked again.

    `deleted` is {"project": ARN or null, "versions": names, "datasets": ARNs, "items": counts}. TeardownFailed
    where something is left: somebody has made it meanwhile.
    """
    project, deleted = event["project"], event["deleted"]
    listed = rekognition.describe_projects(ProjectNames=[project])["ProjectDescriptions"]
    items = items_of(table, project)
    if listed or items:
        what = f"{len(listed)} projects and the items {', '.join(items[:5]) or 'none'}"
        raise TeardownFailed(f"While the teardown went on, somebody made anew what it had deleted: {what}.")
    release(table, project, event["execution"])
    outcome = "deleted" if any(deleted.values()) else "absent"
    rest = kept(table, project, settings.data_bucket)
    reason = reason_of(outcome, project, rest)
    logger.info("gone", extra={"project": project, "outcome": outcome})
    return {
        "result": {
            "outcome": outcome,
            "project": project,
            "deleted": deleted,
            "left": {"projects": listed, "items": items},
            "kept": rest,
            "reason": reason,
        },
        "subject": subject_of(project, "the project is deleted" if outcome == "deleted" else "nothing to delete"),
        "message": reason,
        "event": event_of(project, event["execution"], outcome, deleted),
    }
