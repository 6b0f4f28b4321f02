"""LockTeardown: takes the project for a teardown, unless a run is at work on it or a version of it is leased."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import RunInProgress
from customlabels.executions import is_running
from customlabels.leases import leased
from customlabels.locks import holder_of, take
from customlabels.settings import Settings
from customlabels.teardown import refusal

settings = Settings.read()
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "execution", "since", "dryRun", "force"} → {"refused": the sentence, or null}.

    RunInProgress where it is refused and not forced; with `force` the execution that is at work is stopped, and no
    heed is paid to leases. A dry run takes nothing and stops nothing.
    """
    project, me, runs = event["project"], event["execution"], partial(is_running, steps)
    holder = holder_of(table, project)
    at_work = holder if holder and holder != me and runs(holder) else None
    if event["dryRun"]:
        return {"refused": refusal(project, at_work, _leases(project))}
    if at_work and event["force"]:
        steps.stop_execution(executionArn=at_work, error="TornDown", cause=f"The teardown {me} was forced.")
        logger.warning("stopped", extra={"execution": at_work})
    elif at_work:
        raise RunInProgress(refusal(project, at_work, []))
    # What was just stopped may be described as running for a moment.
    take(table, project, me, event["since"], lambda arn: arn != at_work and runs(arn))
    refused = refusal(project, None, _leases(project))  # after the lock: no run begins now that takes one
    if refused and not event["force"]:
        raise RunInProgress(refused)
    logger.info("locked", extra={"project": project})
    return {"refused": refused}


def _leases(project: str) -> list[tuple[str, str]]:
    return list(leased(table, project, datetime.now(UTC), partial(is_running, steps)).items())
