"""CheckChunks: says which chunks of a batch are left after a round, and whether another round is worth it."""

from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.batching.places import Places
from customlabels.batching.planning import Planner, still_busy
from customlabels.batching.rounds import STALLED, count_parts, following, left
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.polling import TooLong, again, begin
from customlabels.settings import Batching, Settings

settings, batching = Settings.read(), Batching.read()
s3 = boto3.client("s3", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"model", "chunks": how many, "round"} → the next round, or the same one
    with "wait".

    Unexpected where several rounds in a row have brought nothing.
    """
    places, before = Places(**event["model"]["places"]), event["round"]
    remaining = left(s3, places, event["chunks"])
    # A function that outlives its Map would be asked for the same images again.
    if remaining and still_busy(s3, places, datetime.now(UTC)):
        try:
            return {**before, "wait": True, "poll": again(before["poll"], "A chunk was still being worked on")}
        except TooLong as error:
            raise Unexpected(str(error)) from None
    poll, number, parts = begin(15, 60, settings.model_start_limit), before["number"] + 1, count_parts(s3, places)
    round_ = following(before, places.round(number), len(remaining), parts, poll, datetime.now(UTC))
    logger.info("checked", extra={"round": before["number"], "left": len(remaining)})
    if not remaining:
        return round_
    if round_["stalled"] == STALLED:
        raise Unexpected(
            f"{STALLED} rounds over {len(remaining):,} of {event['chunks']:,} chunks have brought nothing: "
            f"{_why(places)}."
        )
    Planner(s3, places, batching.chunk_images).write_round(number, remaining)
    return round_


def _why(places: Places) -> str:
    try:
        body = s3.get_object(Bucket=places.bucket, Key=places.trouble)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return "the model did not answer in time"
    return str(body[:500].decode("utf-8", "replace")).rstrip(". ")
