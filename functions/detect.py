"""Detect: asks the model about the images of one chunk, and writes a line of each."""

import json
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.batching import lines
from customlabels.batching.asking import ONCE, Asked, Asking
from customlabels.batching.pacing import Throttle
from customlabels.batching.places import Places
from customlabels.batching.rounds import LAST
from customlabels.clients import PATIENT

RESERVE = 45  # seconds that are kept for the calls that are under way, and for writing
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=ONCE)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"chunk": its number, "model", "minConfidence", "round": its number} → {}.

    What is answered is written, also where the time is up or the model cannot be asked any more: the rest is left
    for another call. An error that is neither an image's nor passes is raised once that is done.
    """
    places, chunk = Places(**event["model"]["places"]), event["chunk"]
    mark: dict[str, Any] = {"Bucket": places.bucket, "Key": places.busy_mark(chunk)}
    s3.put_object(**mark, Body=b"")
    try:
        asked = _ask(event, places, chunk, context)
        if asked.lines:
            key = f"{places.parts(chunk)}{context.aws_request_id[:8]}{lines.SUFFIX}"
            s3.put_object(Bucket=places.bucket, Key=key, Body=_text(asked.lines))
        if not asked.left:
            s3.put_object(Bucket=places.bucket, Key=places.done_mark(chunk), Body=b"")
    finally:
        s3.delete_object(**mark)
    logger.info("asked", extra={"chunk": chunk, "lines": len(asked.lines), "left": asked.left})
    if asked.error:
        # The Map's own error only says that there was one.
        s3.put_object(Bucket=places.bucket, Key=places.trouble, Body=str(asked.error).encode())
        raise asked.error
    return {}


def _ask(event: dict[str, Any], places: Places, chunk: int, context: Any) -> Asked:
    """Ask about those images of the chunk that have no line yet."""
    body = s3.get_object(Bucket=places.bucket, Key=places.chunk(chunk))["Body"].read()
    told = {
        line["image"]
        for part in lines.objects(s3, places.bucket, places.parts(chunk))
        for line in lines.read(s3, places.bucket, part["Key"])
    }
    images = [image for image in json.loads(body) if image not in told]
    model, least = event["model"], event["minConfidence"]
    asking = Asking(
        rekognition,
        model["arn"],
        model["version"],
        {} if least is None else {"MinConfidence": least},
        Throttle(model["pace"]["rate"]),
        time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE,
        last=event["round"] >= LAST,
    )
    return asking.ask(images)


def _text(told: list[str]) -> bytes:
    return ("\n".join(told) + "\n").encode("utf-8", "surrogatepass")
