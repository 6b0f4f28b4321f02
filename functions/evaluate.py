"""Evaluate: reads what Rekognition measured and says whether the model may go live."""

import json
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.evaluation import describe, read_summary
from customlabels.gate import judge

s3 = boto3.client("s3", config=PATIENT)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"summary": S3Object, "gate", "version"} → {"verdict", "metrics", "refusal"}."""
    place = event["summary"]
    try:
        text = s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"].read()
        evaluation = read_summary(json.loads(text))
    except (ValueError, KeyError) as error:
        where = f"s3://{place['Bucket']}/{place['Name']}"
        raise Unexpected(f"The evaluation summary {where} is not of the documented form: {error!r}.") from error
    verdict = judge(evaluation, event["gate"])
    logger.info("judged", extra={"verdict": verdict})
    return {
        "verdict": verdict,
        "metrics": describe(evaluation),
        "refusal": f"The gate refused version {event['version']}: {'; '.join(verdict['reasons'])}.",
    }
