"""Evaluate: reads what Rekognition measured and says whether the model may go live."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.champions import Champions
from customlabels.clients import PATIENT
from customlabels.comparing import own_interval
from customlabels.errors import Unexpected
from customlabels.evaluation import describe
from customlabels.gate import judge
from customlabels.measurements import Measurements, Unreadable, snapshot_of
from customlabels.models import find_version
from customlabels.settings import Settings

settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=PATIENT)
measurements = Measurements(s3)
champions = Champions(rekognition, measurements, settings.data_bucket)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"summary", "gate", "project", "projectArn", "version", "live", "measure", "source"} → the verdict.

    `summary` is an S3Object, `live` the live version's ARN or null, `source` what it is a copy of or null.
    Gives {"verdict", "metrics", "refusal", "measure"}: where `measure.needed`, the live model is to be measured,
    and Evaluate called again with what MeasureChampion made of `measure`, which is null at first.
    """
    version = find_version(rekognition, event["projectArn"], event["version"])
    if version is None:
        raise Unexpected(f"There is no version {event['version']} of {event['projectArn']}.")
    snapshot = snapshot_of(version, event.get("source"))
    try:
        challenger = measurements.read(version["ProjectVersionArn"], event["summary"], snapshot)
    except Unreadable as error:
        raise Unexpected(f"The version {event['version']} cannot be judged: {error}.") from error
    champion, measure = champions.beside(challenger, event, snapshot)
    sure = None if measure["needed"] else own_interval(challenger, event["gate"]["metric"])
    verdict = judge(challenger.evaluation, event["gate"], champion, sure)
    logger.info("judged", extra={"verdict": verdict})
    return {
        "verdict": verdict,
        "metrics": describe(challenger.evaluation),
        "refusal": f"The gate refused version {event['version']}: {'; '.join(verdict['reasons'])}.",
        "measure": measure,
    }
