"""StopVersions: stops every version of a project, and waits until none runs and none is being trained."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import TeardownFailed
from customlabels.models import forget_live, stop
from customlabels.polling import TooLong, again, done
from customlabels.quotas import statuses
from customlabels.settings import Settings
from customlabels.teardown import running, to_stop, under_way

settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "projectArn", "stopped": {"running", "training"}} → the polls; as `poll` the one that counts.

    What runs is stopped at once; a training can only be waited for, within a limit of its own.
    """
    forget_live(table, event["project"])  # first, so that no request wakes what is stopped
    versions, polls = statuses(rekognition, event["projectArn"]), event["stopped"]
    for arn, status in to_stop(versions):
        if stop(rekognition, arn, status):
            logger.info("stopped", extra={"arn": arn})
    running_now, training = running(versions), under_way(versions)
    if not running_now and not training:
        return {**polls, "poll": done(polls["running"])}
    kind = "running" if running_now else "training"
    what = (
        f"Versions still ran or were stopping ({', '.join(running_now)})"
        if running_now
        else f"A training or a copy, which no call ends, still went on ({', '.join(training)})"
    )
    try:
        poll = again(polls[kind], what)
    except TooLong as error:
        raise TeardownFailed(str(error)) from None
    return {**polls, kind: poll, "poll": poll}
