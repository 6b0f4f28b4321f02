"""FailTeardown: says what a teardown that failed or was ended has left, and lets go of the project."""

import json
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import NAMES
from customlabels.failures import compose, read_failure
from customlabels.inputs import project_of
from customlabels.locks import release
from customlabels.models import find_project
from customlabels.quotas import statuses
from customlabels.settings import Settings
from customlabels.teardown import event_of, items_of, left_said, subject_of

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
    execution, failure, told = event["execution"], read_failure(event["failed"]), False
    if "ended" in event:
        described = steps.describe_execution(executionArn=execution)
        event = {**event, "input": json.loads(described.get("input", "{}"))}
        told = described.get("error") in NAMES
    project = event.get("project") or project_of(event["input"], settings.project)
    released = release(table, project, execution)
    cause = compose(failure, execution, [_left(project), "A second teardown goes on where this one ended."])
    logger.warning("failed", extra={"project": project, "error": failure.error, "released": released})
    return {
        "error": failure.error,
        "cause": cause,
        "told": told,
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
    # A project that is being deleted has no versions left, and may be gone before they are asked for.
    versions = {} if described["Status"] == "DELETING" else statuses(rekognition, described["ProjectArn"])
    return left_said(project, len(described.get("Datasets", [])), versions, items)
