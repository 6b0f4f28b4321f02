"""PlanChunks: finds the images that have no result yet, and cuts them into chunks; some minutes a call."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.batching.places import Places
from customlabels.batching.planning import Planner
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.polling import TooLong
from customlabels.settings import Batching

batching = Batching.read()
s3 = boto3.client("s3", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"source", "model", "plan"} → the same "plan", further on; customlabels/batching/planning.py says of what.

    InvalidInput where the source cannot be read, or holds no image.
    """
    source = event["source"]
    planner = Planner(s3, Places(**event["model"]["places"]), batching.chunk_images)
    try:
        plan = planner.plan(event["plan"], source["kind"], source["value"])
    except TooLong as error:
        raise Unexpected(str(error)) from None
    logger.info("planned", extra={fact: plan[fact] for fact in ("stage", "part", "parts", "images", "chunks")})
    return plan
