"""CleanUp: stops what a run that failed had started, starts again what it had stopped, and says what is so now.

It is called in a loop, by the run itself or, when the run was ended from outside, by the clean-up machine.
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.alarms import RESTART_FAILED, sound
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.executions import ended, is_running
from customlabels.failures import ENDED, compose, read_failure
from customlabels.inputs import keeps_running, project_of
from customlabels.leases import lease_on
from customlabels.locks import holder_of, owed_by, settle
from customlabels.models import (
    RUNNING,
    STARTABLE,
    find_project,
    find_version,
    list_versions,
    made_by,
    read_live,
    start_again,
    stop,
)
from customlabels.names import parse_version_arn, version_name
from customlabels.polling import Poll, TooLong, again, begin, done
from customlabels.settings import Settings

MAY_RUN = (*RUNNING, "TRAINING_IN_PROGRESS", "TRAINING_COMPLETED", "COPYING_COMPLETED", "FAILED", "STOPPED")
QUIET = 60  # seconds in which it is waited for a start that may still take effect
TRIES = 3  # starts of the live model that end in FAILED before it is given up
settings = Settings.read()
keep_running = os.environ["KEEP_RUNNING"] == "true"
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
steps = boto3.client("stepfunctions", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"execution", "failed", "cleanUp", and the run's state or "ended"} → {"poll", "error", "cause", "stopped"}.

    `run` tells what a run that failed at once, or was ended from outside, does not know of itself; `told` says
    whether the run has reported itself, where it was ended from outside.
    """
    if "ended" in event:
        event = {**event, **ended(steps, event["execution"])}
    execution, failure, clean_up = event["execution"], read_failure(event["failed"]), event["cleanUp"]
    project = event.get("project") or project_of(event["input"], settings.project)
    poll = clean_up["poll"] or begin(10, 60, settings.model_start_limit + 3600)
    stopped, tries, facts = clean_up.get("stopped", []), clean_up.get("tries", 0), []
    described = find_project(rekognition, project)
    if described:
        target = _to_stop(described["ProjectArn"], project, event)
        status = target["Status"] if target else "GONE"
        if target and status in ("RUNNING", "STARTING") and stop(rekognition, target["ProjectVersionArn"], status):
            stopped = [*stopped, target["ProjectVersionArn"]]
        # A start that was under way when the run ended may still take effect.
        unsure = status in STARTABLE and not stopped and failure.stage in ("StartFailed", ENDED)
        if status in RUNNING or (unsure and poll["waited"] < QUIET):
            return {"poll": _later(poll, f"The model of {execution} was still {status}"), "stopped": stopped}
        awaited, again_facts = _run_again(described["ProjectArn"], project, execution, poll, tries)
        if awaited:
            tries += awaited.endswith("FAILED")
            return {"poll": _later(poll, awaited), "stopped": stopped, "tries": tries}
        facts = [*_facts(described["ProjectArn"], status), *again_facts]
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


def _to_stop(project_arn: str, project: str, event: dict[str, Any]) -> Any:
    """The version that must not run: the run's own, or, once that is live, the one that was live before."""
    own = _own(project_arn, event["execution"], event["since"])
    if own is None:
        return None
    live = read_live(table, project)
    if live.arn != own["ProjectVersionArn"] or not keeps_running(event["input"], keep_running):
        return own
    # A run that is at work by now may be about to put the previous one live again, and stops what it leaves.
    holder = holder_of(table, project)
    if holder and holder != event["execution"] and is_running(steps, holder):
        return None
    if not live.previous or lease_on(table, project, live.previous, steps):
        return None
    return find_version(rekognition, project_arn, parse_version_arn(live.previous).version)


def _run_again(
    project_arn: str, project: str, execution: str, poll: Poll, tries: int
) -> tuple[str | None, list[str]]:
    """See that a live model which the run had stopped to make room runs again: what is awaited, else the facts."""
    live, _, units = read_live(table, project)
    if not live or not owed_by(table, project, execution, live):
        return None, []
    name = parse_version_arn(live).version
    version = find_version(rekognition, project_arn, name)
    status = version["Status"] if version else "GONE"
    if status == "RUNNING":
        settle(table, project, execution)
        return None, [f"The live model {name}, which had made room, runs again."]
    if version is None or poll["waited"] >= poll["limit"] or (status == "FAILED" and tries >= TRIES):
        sound(RESTART_FAILED, settings)
        settle(table, project, execution)  # from now on anybody may try
        return None, [f"The live model {name} could not be started again and is {status}: no client is answered."]
    if status in STARTABLE:
        start_again(rekognition, version, units)
    return f"The live version {name} was still {status}", []


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
