"""CleanUp: stops what a run that failed had started, and says what happened and what is running now.

It is called in a loop, by the run itself or, when the run was ended from outside, by the clean-up machine.
"""

import json
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.failures import ENDED, compose, read_failure
from customlabels.inputs import project_of
from customlabels.models import RUNNING, find_project, find_version, made_by, read_live
from customlabels.names import parse_version_arn, version_name
from customlabels.polling import TooLong, again, begin, done
from customlabels.settings import Settings

QUIET = 60  # seconds in which a start that was under way when the run ended may still take effect
settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"execution", "input" or "project", "failed", "cleanUp"} → {"poll", "error", "cause", "stopped"}."""
    execution, failure = event["execution"], read_failure(event["failed"])
    project = event.get("project") or project_of(
        _parsed(event.get("input", event.get("ended", {}).get("input"))), settings.project
    )
    clean_up = event["cleanUp"]
    poll = clean_up["poll"] or begin(10, 60, settings.model_start_limit + 3600)
    stopped = clean_up.get("stopped", [])
    described = find_project(rekognition, project)
    if not described:
        return {
            "poll": done(poll),
            "error": failure.error,
            "cause": compose(failure, execution, []),
            "stopped": [],
        }
    arn = described["ProjectArn"]
    target = _to_stop(arn, project, execution)
    status = target["Status"] if target else "GONE"
    if target and status in ("RUNNING", "STARTING") and _stop(target["ProjectVersionArn"]):
        stopped = [*stopped, target["ProjectVersionArn"]]
    unsure = status == "TRAINING_COMPLETED" and failure.stage in ("StartFailed", ENDED)
    if status in RUNNING or (unsure and poll["waited"] < QUIET):
        try:
            poll = again(poll, f"The model of {execution} was still {status}")
        except TooLong as error:
            raise Unexpected(str(error)) from None
        return {"poll": poll, "stopped": stopped}
    cause = compose(failure, execution, _facts(arn, status))
    logger.warning("cleaned up", extra={"project": project, "error": failure.error, "stopped": stopped})
    return {"poll": done(poll), "error": failure.error, "cause": cause, "stopped": stopped}


def _to_stop(project_arn: str, project: str, execution: str) -> Any:
    """The version that must not run: the run's own, or, once that is live, the one that was live before."""
    own = find_version(rekognition, project_arn, version_name(execution))
    if not own or not made_by(rekognition, own["ProjectVersionArn"], execution):
        return None
    live = read_live(table, project)
    if live.arn != own["ProjectVersionArn"]:
        return own
    before = parse_version_arn(live.previous).version if live.previous else None
    return find_version(rekognition, project_arn, before) if before else None


def _stop(arn: str) -> bool:
    """Whether the stop was accepted; a version that is only starting may refuse it until it runs."""
    try:
        rekognition.stop_project_version(ProjectVersionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ResourceInUseException", "ResourceNotFoundException"):
            raise
        return False
    return True


def _facts(project_arn: str, status: str) -> list[str]:
    pages = rekognition.get_paginator("describe_project_versions").paginate(ProjectArn=project_arn)
    running = [
        parse_version_arn(version["ProjectVersionArn"]).version
        for page in pages
        for version in page["ProjectVersionDescriptions"]
        if version["Status"] in RUNNING
    ]
    facts = [f"Running now: {', '.join(running[:5]) or 'no model of this project'}."]
    if status == "TRAINING_IN_PROGRESS":
        facts.append("The training goes on, since no call can stop one, and is billed if it succeeds.")
    return facts


def _parsed(given: Any) -> Any:
    """The input, which an event tells as JSON text."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return None
