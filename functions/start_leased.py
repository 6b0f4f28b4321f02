"""StartLeased: starts the version that a batch has leased if it sleeps, and waits until it runs."""

from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.batching.holding import mark
from customlabels.clients import PATIENT
from customlabels.errors import StartFailed
from customlabels.models import STARTABLE, find_version, start_again
from customlabels.polling import TooLong, again, begin
from customlabels.settings import Settings

settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "execution", "model", "round"} → the same "round" with "runs" and "poll"."""
    model, round_ = event["model"], event["round"]
    version = find_version(rekognition, model["projectArn"], model["version"])
    status = version["Status"] if version else "GONE"
    if status == "RUNNING":
        poll = begin(15, 60, settings.model_start_limit)  # for functions that are still at work after the Map
        return {**round_, "runs": True, "poll": poll, "began": round_["began"] or datetime.now(UTC).isoformat()}
    name = f"Version {model['version']}"
    if version is None or (status == "FAILED" and round_["poll"]["waited"]):
        said = version.get("StatusMessage", "the service gave no message") if version else "it was deleted"
        raise StartFailed(f"{name}, which the batch asks, is {status}: {said}")
    if status in STARTABLE:
        _start(event, version)
    try:
        poll = again(round_["poll"], f"{name}, which the batch asks, was still {status}")
    except TooLong as error:
        raise StartFailed(str(error)) from None
    return {**round_, "runs": False, "poll": poll}


def _start(event: dict[str, Any], version: Any) -> None:
    """First the mark, then the start: whoever finds this execution dead knows who has started the model.

    The mark stays where the start is refused: a version in use may be so by a try that got no answer.
    """
    model = event["model"]
    mark(table, event["project"], model["arn"], event["execution"])
    started = start_again(rekognition, version, model["units"])
    logger.info("started" if started else "not started", extra={"arn": model["arn"]})
