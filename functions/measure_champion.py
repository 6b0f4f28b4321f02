"""MeasureChampion: asks the live model about the trained one's test images, a slice a call."""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import Rows
from customlabels.locations import Location
from customlabels.measurements import Measurements, part_key, parts_prefix
from customlabels.measuring import ADAPTIVE, ask, ask_slice
from customlabels.settings import Settings

settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=ADAPTIVE)
measurements = Measurements(s3)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "live": ARN, "measure"} → the same "measure", further on.

    customlabels/measuring.py says what it holds. Nothing that happens to the live model fails the run. A call that
    is repeated writes the same part again.
    """
    measure = event["measure"]
    images = measurements.images(measure["snapshot"])
    key = part_key(parts_prefix(event["project"], event["version"]), measure["part"])
    with Rows(s3, Location(settings.data_bucket, key)) as rows:
        measured = ask_slice(images, measure, partial(ask, rekognition, event["live"]), rows.write)
    logger.info("measured", extra={fact: measured[fact] for fact in ("done", "asked", "failed", "note")})
    return measured
