"""Lock: takes the project for this run, so that one run at a time is at work on it, and tells what is live."""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.executions import is_running
from customlabels.locks import owed_by, take
from customlabels.models import read_live
from customlabels.settings import Settings

settings = Settings.read()
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "execution", "since", "dryRun"} → {"arn", "previous", "owes"} of the live model, or nulls.

    `owes` is its ARN where an execution that was ended from outside had stopped it to make room for its own.
    RunInProgress where another execution is at work; a dry run changes nothing and needs no lock.
    """
    project = event["project"]
    if not event["dryRun"]:
        take(table, project, event["execution"], event["since"], partial(is_running, steps))
        logger.info("locked", extra={"project": project})
    live = read_live(table, project)
    owes = None if event["dryRun"] else owed_by(table, project, event["execution"], live.arn)
    return {**live._asdict(), "owes": owes}
