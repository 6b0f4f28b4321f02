"""ChooseSource: finds the version of another project that a run copies, instead of training one."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import InvalidInput
from customlabels.measurements import snapshot_of, summary_of
from customlabels.models import TRAINED, find_project, find_version
from customlabels.names import parse_version_arn

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"copyFrom": ARN} → what is known of the version; InvalidInput where there is none.

    That is {"projectArn", "arn", "f1", "summary", "snapshot"}; the last two are S3Objects, the last may be null.
    """
    arn = event["copyFrom"]
    asked = parse_version_arn(arn)
    project = find_project(rekognition, asked.project)
    if project is None:
        raise InvalidInput(f"copyFrom names a version of project {asked.project}, which does not exist.")
    version = find_version(rekognition, project["ProjectArn"], asked.version)
    if version is None or version["ProjectVersionArn"] != arn:
        raise InvalidInput(f"copyFrom is {arn}, but project {asked.project} has no such version.")
    summary = summary_of(version)
    if version["Status"] not in TRAINED or summary is None:
        what = version["Status"] if version["Status"] not in TRAINED else "without an evaluation"
        raise InvalidInput(f"copyFrom names version {asked.version}, which is {what}; accepted is a trained one.")
    logger.info("chosen", extra={"arn": arn, "status": version["Status"]})
    return {
        "projectArn": project["ProjectArn"],
        "arn": arn,
        "f1": version["EvaluationResult"]["F1Score"],
        "summary": summary,
        "snapshot": snapshot_of(version),
    }
