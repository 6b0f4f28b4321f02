"""SummarizeBatch: counts what came of a batch, some minutes a call, and says whether too many images failed."""

import json
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.batching import lines
from customlabels.batching.places import Places
from customlabels.batching.summary import Tally, exceeds, summary_of, too_many
from customlabels.clients import PATIENT
from customlabels.errors import TooManyFailures
from customlabels.settings import read_prices

SECONDS = 600  # of one call, whose function has 900
prices = read_prices()
s3 = boto3.client("s3", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "execution", "output", "model", "plan", "tolerated", "round", "summary"} → the same "summary",
    further on, with "result" in the end.

    TooManyFailures, once the summary is written, where a larger share of the images failed than is tolerated.
    """
    places, token = Places(**event["model"]["places"]), event["summary"]["token"]
    tally = _stored(places) if token else Tally()
    end = time.monotonic() + SECONDS
    for found in lines.objects(s3, places.bucket, places.results, token):
        token = found["Key"]
        tally.add(lines.read(s3, places.bucket, token), own=token.startswith(places.own_results))
        if time.monotonic() >= end:
            _put(places.tally, places.bucket, tally.given)
            return {"done": False, "token": token}
    whole, result = summary_of(event, tally, places, prices)
    _put(places.summary.key, places.bucket, whole)
    logger.info("summed up", extra={"images": tally.images, "failed": tally.failed})
    if exceeds(tally, event["tolerated"]):
        raise TooManyFailures(too_many(tally, event["tolerated"], places.summary.uri))
    return {"done": True, "token": None, "result": result}


def _stored(places: Places) -> Tally:
    return Tally(**json.load(s3.get_object(Bucket=places.bucket, Key=places.tally)["Body"]))


def _put(key: str, bucket: str, content: dict[str, Any]) -> None:
    body = json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
