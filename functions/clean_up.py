"""CleanUp: stops what a run that failed had started, and says what happened and what is running now.

It is called in a loop, by the run itself or, when the run was ended from outside, by the clean-up machine.
"""

import json
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.clients import PATIENT
from customlabels.errors import NAMES, Unexpected
from customlabels.failures import ENDED, compose, read_failure
from customlabels.inputs import project_of
from customlabels.models import RUNNING, find_project, find_version, list_versions, made_by, read_live
from customlabels.names import parse_version_arn, version_name
from customlabels.polling import Poll, TooLong, again, begin, done
from customlabels.settings import Settings

MAY_RUN = (*RUNNING, "TRAINING_IN_PROGRESS", "TRAINING_COMPLETED", "FAILED", "STOPPED")
QUIET = 60  # seconds in which a start that was under way when the run ended may still take effect
settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"execution", "failed", "cleanUp", and the run's state or "ended"} → {"poll", "error", "cause", "stopped"}.

    `run` tells what a run that failed at once, or was ended from outside, does not know of itself; `told` says
    whether the run has reported itself, where it was ended from outside.
    """
    if "ended" in event:
        event = {**event, **_ended(event["execution"])}
    execution, failure, clean_up = event["execution"], read_failure(event["failed"]), event["cleanUp"]
    project = event.get("project") or project_of(event["input"], settings.project)
    poll = clean_up["poll"] or begin(10, 60, settings.model_start_limit + 3600)
    stopped, facts = clean_up.get("stopped", []), []
    described = find_project(rekognition, project)
    if described:
        target = _to_stop(described["ProjectArn"], project, execution, event["since"])
        status = target["Status"] if target else "GONE"
        if target and status in ("RUNNING", "STARTING") and _stop(target["ProjectVersionArn"], status):
            stopped = [*stopped, target["ProjectVersionArn"]]
        unsure = status == "TRAINING_COMPLETED" and failure.stage in ("StartFailed", ENDED)
        if status in RUNNING or (unsure and poll["waited"] < QUIET):
            return {"poll": _later(poll, f"The model of {execution} was still {status}"), "stopped": stopped}
        facts = _facts(described["ProjectArn"], status)
    facts += _restored(event.get("datasets") or {})
    cause = compose(failure, execution, facts)
    logger.warning("cleaned up", extra={"project": project, "error": failure.error, "stopped": stopped})
    told = event.get("told", False)
    return {
        "poll": done(poll),
        "error": failure.error,
        "cause": cause,
        "stopped": stopped,
        "told": told,
        "run": {
            "project": project,
            "version": event.get("version") or version_name(execution),
            "since": event["since"],
            "input": event["input"],
        },
    }


def _later(poll: Poll, what: str) -> Poll:
    try:
        return again(poll, what)
    except TooLong as error:
        raise Unexpected(str(error)) from None


def _to_stop(project_arn: str, project: str, execution: str, since: str) -> Any:
    """The version that must not run: the run's own, or, once that is live, the one that was live before."""
    own = _own(project_arn, execution, since)
    if own is None:
        return None
    live = read_live(table, project)
    if live.arn != own["ProjectVersionArn"]:
        return own
    before = parse_version_arn(live.previous).version if live.previous else None
    return find_version(rekognition, project_arn, before) if before else None


def _own(project_arn: str, execution: str, since: str) -> Any:
    """The version that the run has made or taken over, where it may run."""
    for version in list_versions(rekognition, project_arn):
        mine = version["Status"] in MAY_RUN and made_by(
            rekognition, version["ProjectVersionArn"], execution, since
        )
        if mine:
            return version
    return None


def _restored(datasets: dict[str, Any]) -> list[str]:
    """What became of the datasets whose replacement failed."""
    facts = []
    for name, of in datasets.items():
        if not of["failed"] or not of["saved"]:
            continue
        whole = {"train": "training", "test": "test"}[name]
        if of["restored"]["poll"]["done"]:
            facts.append(f"The {whole} dataset holds what it held before.")
        else:
            where = f"s3://{of['saved']['Bucket']}/{of['saved']['Name']}"
            facts.append(f"The {whole} dataset could not be rebuilt; its entries are saved as {where}.")
    return facts


def _stop(arn: str, status: str) -> bool:
    """Whether the stop was accepted; how the service refuses it to a version in STARTING is not known."""
    try:
        rekognition.stop_project_version(ProjectVersionArn=arn)
    except ClientError as error:
        gone = error.response["Error"]["Code"] in ("ResourceInUseException", "ResourceNotFoundException")
        if status == "RUNNING" and not gone:
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


def _ended(arn: str) -> dict[str, Any]:
    """What Step Functions tells of a run that was ended from outside of its definition."""
    described = boto3.client("stepfunctions", config=PATIENT).describe_execution(executionArn=arn)
    return {
        "execution": arn,
        "since": described["startDate"].isoformat(),
        "input": json.loads(described.get("input", "{}")),
        "told": described.get("error") in NAMES,  # then the run has reported itself
    }
