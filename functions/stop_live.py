"""StopLive: stops the live version to make room for the new one, and waits until it has stopped."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import SwitchFailed
from customlabels.leases import lease_on
from customlabels.locks import owe
from customlabels.models import RUNNING, find_version, stop
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, done
from customlabels.settings import Settings

settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "projectArn", "execution", "live", "arn": the new version's, "inPlace"} → {"poll", "stopped"}.

    `stopped` is the live ARN once this run has to see it run again should the new one fail. A live version that
    sleeps is left so, and so is one that is the new one itself.
    """
    live, poll = event["live"], event["inPlace"]["poll"]
    version = find_version(rekognition, event["projectArn"], parse_version_arn(live).version)
    status = version["Status"] if version else "GONE"
    if status not in RUNNING or live == event["arn"]:
        return {**event["inPlace"], "poll": done(poll)}
    holder = lease_on(table, event["project"], live, steps)
    what = (
        f"The live version was still {status}"
        if holder is None
        else f"The live version is leased by {holder}, still"
    )
    if holder is None:
        # First the note, then the stop: whoever finds this run dead knows what it owes.
        if not owe(table, event["project"], event["execution"], live):
            raise SwitchFailed(
                "The project's lock is no longer this run's, so that it may not stop the live model."
            )
        stop(rekognition, live, status)
    try:
        poll = again(poll, what)
    except TooLong as error:
        raise SwitchFailed(str(error)) from None
    return {"poll": poll, "stopped": live if holder is None else event["inPlace"]["stopped"]}
