"""Predict: POST /predictions, the live model's labels for one image.

Lean, because clients wait for its cold start: clients of botocore without boto3, no validation library, and log
lines and metrics without Powertools. `python -m bench api` holds it to that.
"""

import time
import traceback
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from customlabels.answers import common_headers, gateway_id, proxy_answer, request_id
from customlabels.clients import MODEL, STORE, TABLE
from customlabels.models import read_live_arn
from customlabels.names import parse_version_arn
from customlabels.predictions import confidence, shape
from customlabels.preflight.headers import Header
from customlabels.refusals import Refusal
from customlabels.requests import Request, read_request
from customlabels.serving import Serving
from customlabels.telemetry import carry, count, log

LIVE_SECONDS = 5  # how long a switch of the live model may go unnoticed
FOLLOW_SECONDS = 7  # after which there is no time left to ask another model, or to wake this one
NOT_LIVE = Refusal("ModelNotRunning", "No model of this project is running now; try again later.", 60)
ASLEEP = Refusal(
    "ModelNotRunning", "The live model is asleep: it is stopped, or not started yet; try again later.", 60
)
GONE = Refusal("ImageNotFound", "Nothing was uploaded under s3.key, or it has expired.")
# How each error of DetectCustomLabels is answered; the client causes only the first five.
ANSWERS = {
    "ImageTooLargeException": Refusal("ImageTooLarge", "The image is too large for the model."),
    "InvalidImageFormatException": Refusal("InvalidImage", "The image cannot be read as PNG or JPEG."),
    "InvalidParameterException": Refusal("InvalidImage", "The model refused the image."),
    "ValidationException": Refusal("InvalidImage", "The model refused the image."),
    "InvalidS3ObjectException": GONE,
    "ProvisionedThroughputExceededException": Refusal(
        "TooManyRequests", "The model is busy; try again after a second.", 1
    ),
    "ThrottlingException": Refusal("TooManyRequests", "Rekognition is busy; try again after a second.", 1),
    "LimitExceededException": Refusal("TooManyRequests", "A quota of Rekognition is used up; try again later.", 5),
    "ResourceNotReadyException": ASLEEP,
    "ResourceNotFoundException": NOT_LIVE,
}
UNAVAILABLE = Refusal("ServiceUnavailable", "The model could not be reached; try again after some seconds.", 5)
TIMED_OUT = Refusal("TimedOut", "The model did not answer in time; try again after some seconds.", 5)
BROKEN = Refusal("InternalError", "The request could not be answered, for a fault of this API.")

settings = Serving.read()
session = botocore.session.get_session()
rekognition: Any = session.create_client("rekognition", config=MODEL.config)
dynamodb: Any = session.create_client("dynamodb", config=TABLE.config)
_live: tuple[float, str | None] = (0.0, None)  # when it was read (monotonic seconds), and the ARN
_s3: Any = None  # only who predicts uploaded images needs it
_waker: Any = None  # only while the model sleeps


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway proxy event → the answer; each Refusal becomes {"code", "message"} with its status."""
    began, identity = time.monotonic(), request_id(event)
    headers = common_headers(identity, settings.cors_origin)
    carry(request_id=identity, correlation_id=gateway_id(event))
    try:
        request = read_request(event)
        size = request.size or _stored_size(request)
        arn, found = _detect(request, began)
        version = parse_version_arn(arn).version
        predictions = shape(found, size, request.labels, request.most)
    except Exception as error:
        refusal = error if isinstance(error, Refusal) else BROKEN
        _count(began, refusal.status)
        log(settings.service, "INFO", "refused", code=refusal.code, status=refusal.status)
        if refusal is BROKEN:  # without the error's text, which may quote what the client sent
            trace = traceback.format_tb(error.__traceback__)
            log(settings.service, "ERROR", "failed", error=type(error).__name__, trace=trace)
        # A refusal that many requests share would go on holding them, images and all, by its traceback.
        error.__traceback__ = error.__context__ = None
        return proxy_answer(refusal.status, refusal.body, {**headers, **refusal.headers})
    _count(began, 200, version, confidence(found))
    return proxy_answer(200, {"Predictions": predictions, "Model": version}, headers)


def _detect(request: Request, began: float) -> tuple[str, list[dict[str, Any]]]:
    """The live version's ARN and its labels; a switch that has just happened is followed once."""
    arn = _live_arn(LIVE_SECONDS)
    try:
        return arn, _labels(arn, request)
    except Refusal as refusal:
        if refusal not in (NOT_LIVE, ASLEEP) or time.monotonic() - began > FOLLOW_SECONDS:
            raise
        refusal.__traceback__ = refusal.__context__ = None  # see handler
        if (now := _live_arn(0)) == arn:
            raise (_woken() if refusal is ASLEEP else refusal) from None
    return now, _labels(now, request)


def _woken() -> Refusal:
    """How a request is answered while the live model sleeps; where requests may wake it, this one tries to."""
    global _waker
    if not settings.wake_function:
        return ASLEEP
    from customlabels.waking import Waker

    _waker = _waker or Waker(session, settings.wake_function, settings.service)
    refusal: Refusal = _waker.ask()
    return refusal


def _labels(arn: str, request: Request) -> list[dict[str, Any]]:
    image = (
        {"Bytes": request.image}
        if request.key is None
        else {"S3Object": {"Bucket": settings.data_bucket, "Name": request.key}}
    )
    try:
        found = rekognition.detect_custom_labels(ProjectVersionArn=arn, Image=image, **request.options)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ANSWERS:
            log(settings.service, "ERROR", "Rekognition refused the call", code=code)
        raise ANSWERS.get(code, UNAVAILABLE) from None
    except BotoCoreError as error:
        raise _unreached("Rekognition", error) from None
    return list(found["CustomLabels"])


def _live_arn(age: float) -> str:
    """The live version's ARN, read again when what is known is older than `age` seconds."""
    global _live
    now = time.monotonic()
    if _live[1] is None or now - _live[0] >= age:
        try:
            _live = (now, read_live_arn(dynamodb, settings.state_table, settings.project))
        except (ClientError, BotoCoreError) as error:
            raise _unreached("the state table", error) from None
    if _live[1] is None:
        raise NOT_LIVE
    return _live[1]


def _stored_size(request: Request) -> Header:
    """Width and height of an uploaded image, read from its first bytes."""
    global _s3
    from customlabels.uploads import look

    _s3 = _s3 or session.create_client("s3", config=STORE.config)
    try:
        return look(_s3, settings.data_bucket, request.key or "")
    except (ClientError, BotoCoreError) as error:
        raise _unreached("the data bucket", error) from None


def _unreached(what: str, error: Exception) -> Refusal:
    log(settings.service, "ERROR", f"{what} was not reached", error=type(error).__name__)
    return TIMED_OUT if isinstance(error, ConnectTimeoutError | ReadTimeoutError) else UNAVAILABLE


def _count(began: float, status: int, version: str | None = None, confident: float | None = None) -> None:
    """Each class of errors is counted with 0 or 1, so that its average is its share."""
    values = {
        "Requests": 1,
        "Latency": (time.monotonic() - began) * 1000,
        "ClientErrors": int(400 <= status < 500 and status != 429),
        "Throttles": int(status == 429),
        "ServerErrors": int(status >= 500),
    }
    if confident is not None:
        values["LowConfidence"] = int(confident < settings.low_confidence)
    dimensions = {"service": settings.service, "project": settings.project}
    count(settings.namespace, dimensions, version, values)
