"""CheckTraining: waits until this run's version is trained or copied."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import TrainingFailed
from customlabels.measurements import summary_of
from customlabels.models import TRAINED, find_version
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, done

LISTED_WITHIN = 600  # seconds; a version that is not listed by then was deleted
WAITED_FOR = ("not listed yet", "TRAINING_IN_PROGRESS", "COPYING_IN_PROGRESS")
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "arn", "poll", "source"} → {"poll", "version", "status", "f1", "summary", "trainingSeconds"}.

    A copy of which the service tells no evaluation has that of its `source`, as ChooseSource gives it.
    """
    asked = parse_version_arn(event["arn"]).version
    version = find_version(rekognition, event["projectArn"], asked)
    status = version["Status"] if version else "not listed yet"
    name = f"Version {asked}"
    evaluated = _evaluated(version, event.get("source")) if version and status in TRAINED else None
    if version and evaluated:
        return {
            "poll": done(event["poll"]),
            "version": asked,
            "status": status,
            **evaluated,
            "trainingSeconds": version.get("BillableTrainingTimeInSeconds"),
        }
    gone = version is None and event["poll"]["waited"] > LISTED_WITHIN
    if gone or status not in (*WAITED_FOR, *TRAINED):
        said = version.get("StatusMessage", "the service gave no message") if version else "it was deleted"
        raise TrainingFailed(f"{name} is {status}: {said}")
    try:
        poll = again(event["poll"], f"{name} was still {status}")
    except TooLong as error:
        raise TrainingFailed(str(error)) from None
    return {
        "poll": poll,
        "version": asked,
        "status": status,
        "f1": None,
        "summary": None,
        "trainingSeconds": None,
    }


def _evaluated(version: Any, source: dict[str, Any] | None) -> dict[str, Any] | None:
    """The version's F1 and evaluation summary, or those of what it is a copy of; None where there are none yet."""
    summary = summary_of(version)
    if summary:
        return {"f1": version["EvaluationResult"]["F1Score"], "summary": summary}
    return {key: source[key] for key in ("f1", "summary")} if source else None
