"""FailTeardown: says what a teardown that failed or was ended has left, and lets go of the project."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.executions import ended
from customlabels.failures import compose, read_failure
from customlabels.inputs import project_of
from customlabels.locks import release
from customlabels.models import find_project
from customlabels.settings import Settings
from customlabels.teardown import event_of, items_of, left_said, subject_of, versions_of

settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"execution", "failed", and the teardown's state or "ended"} → {"error", "cause", "told", and what is told}.

    `told` says whether a teardown that was ended from outside had come to this by itself.
    """
    execution, failure = event["execution"], read_failure(event["failed"])
    if "ended" in event:
        event = {**event, **ended(steps, execution)}
    project = event.get("project") or project_of(event["input"], settings.project)
    released = release(table, project, execution)
    cause = compose(failure, execution, [_left(project), "A second teardown goes on where this one ended."])
    logger.warning("failed", extra={"project": project, "error": failure.error, "released": released})
    return {
        "error": failure.error,
        "cause": cause,
        "told": event.get("told", False),
        "stopped": [],
        "subject": subject_of(project, f"the teardown failed: {failure.error}"),
        "message": f"{failure.error}: {cause}",
        "event": {
            **event_of(project, execution, "failed", None),
            "versions": None,
            "datasets": None,
            "items": None,
            "error": failure.error,
            "cause": cause,
        },
    }


def _left(project: str) -> str:
    described, items = find_project(rekognition, project), len(items_of(table, project))
    if described is None:
        return left_said(project, 0, None, items)
    versions = versions_of(rekognition, described)
    return left_said(project, len(described.get("Datasets", [])), versions, items)
