"""Predict: POST /predictions, the live model's labels for one image."""

import json
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from customlabels.models import read_live
from customlabels.names import parse_version_arn
from customlabels.requests import Refusal, read_request
from customlabels.settings import Inference

LIVE_SECONDS = 5  # how long a switch of the live model may go unnoticed
# Together below the function's own time limit, so that the client always gets this API's answer.
MODEL = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=2, read_timeout=7)
TABLE = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=2)
NOT_LIVE = Refusal(
    503, "ModelNotRunning", "No model of this project is running now; try again later.", {"Retry-After": "60"}
)
# How each error of DetectCustomLabels is answered; the client causes only the first four.
ANSWERS = {
    "ImageTooLargeException": Refusal(413, "ImageTooLarge", "The image is too large for the model."),
    "InvalidImageFormatException": Refusal(400, "InvalidImage", "The image cannot be read as PNG or JPEG."),
    "InvalidParameterException": Refusal(
        400, "InvalidImage", "The model refused the image: its sides must have 64 to 4096 pixels."
    ),
    "ValidationException": Refusal(400, "InvalidImage", "The model refused the image."),
    "ProvisionedThroughputExceededException": Refusal(
        429, "TooManyRequests", "The model is busy; try again after a second.", {"Retry-After": "1"}
    ),
    "ThrottlingException": Refusal(
        429, "TooManyRequests", "Rekognition is busy; try again after a second.", {"Retry-After": "1"}
    ),
    "LimitExceededException": Refusal(
        429, "TooManyRequests", "A quota of Rekognition is used up; try again later.", {"Retry-After": "5"}
    ),
    "ResourceNotReadyException": NOT_LIVE,
    "ResourceNotFoundException": NOT_LIVE,
}
UNAVAILABLE = Refusal(
    503,
    "ServiceUnavailable",
    "The model could not be reached; try again after some seconds.",
    {"Retry-After": "5"},
)

settings = Inference.read()
rekognition = boto3.client("rekognition", config=MODEL)
table = boto3.resource("dynamodb", config=TABLE).Table(settings.state_table)
logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(project=settings.project)
_live: tuple[float, str | None] = (0.0, None)  # when it was read (monotonic seconds), and the ARN


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway proxy event → the answer; each Refusal becomes {"code", "message"} with its status."""
    try:
        request = read_request(event)
        arn, labels = _detect(request.image, request.options)
    except Refusal as refusal:
        metrics.add_metric("Refused", MetricUnit.Count, 1)
        logger.info("refused", extra={"code": refusal.code, "status": refusal.status})
        return _answer(refusal.status, {"code": refusal.code, "message": refusal.message}, refusal.headers)
    metrics.add_metric("Predicted", MetricUnit.Count, 1)
    return _answer(200, {"Predictions": labels, "Model": parse_version_arn(arn).version}, {})


def _detect(image: bytes, options: dict[str, Any]) -> tuple[str, list[Any]]:
    """The live version's ARN and its labels; a switch that has just happened is followed once."""
    arn = _live_arn(LIVE_SECONDS)
    try:
        return arn, _labels(arn, image, options)
    except Refusal as refusal:
        if refusal is not NOT_LIVE or (now := _live_arn(0)) == arn:
            raise
    return now, _labels(now, image, options)


def _labels(arn: str, image: bytes, options: dict[str, Any]) -> list[Any]:
    try:
        found = rekognition.detect_custom_labels(ProjectVersionArn=arn, Image={"Bytes": image}, **options)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ANSWERS:
            logger.error("Rekognition refused the call", extra={"code": code})
        raise ANSWERS.get(code, UNAVAILABLE) from None
    except BotoCoreError as error:
        logger.error("Rekognition was not reached", extra={"error": type(error).__name__})
        raise UNAVAILABLE from None
    return list(found["CustomLabels"])


def _live_arn(age: float) -> str:
    """The live version's ARN, read again when what is known is older than `age` seconds."""
    global _live
    now = time.monotonic()
    if _live[1] is None or now - _live[0] >= age:
        try:
            _live = (now, read_live(table, settings.project).arn)
        except (ClientError, BotoCoreError) as error:
            logger.error("the state table was not read", extra={"error": type(error).__name__})
            raise UNAVAILABLE from None
    if _live[1] is None:
        raise NOT_LIVE
    return _live[1]


def _answer(status: int, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", **headers},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
