"""GET /model: which version answers, how good it was, and what it costs; POST /model/start, which wakes it."""

import json
import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import botocore.session
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.api_gateway import Router
from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from customlabels.clients import STORE, TABLE
from customlabels.costs import Prices
from customlabels.evaluation import Evaluation, read_summary
from customlabels.models import RUNNING, find_project, find_version
from customlabels.names import parse_version_arn
from customlabels.refusals import Refusal
from customlabels.routes import KEYED, said
from customlabels.serving import Serving

if TYPE_CHECKING:
    from customlabels.waking import Waker

SECONDS = 10  # that an answer is kept: the service allows few such calls a second
router = Router()  # type: ignore[no-untyped-call]
settings = Serving.read()
prices = Prices(training=0, inference=float(os.environ["INFERENCE_PRICE"]))
logger = Logger()
_kept: tuple[float, "Model | None"] = (0.0, None)
_evaluations: dict[str, Evaluation] = {}  # by ARN; a version's never changes


class Label(BaseModel):
    """A label with its metrics on the test images, each from 0 to 1."""

    name: str = Field(examples=["bolt"])
    f1: float
    precision: float
    recall: float
    threshold: float = Field(description="Confidence, from 0 to 1, that counts unless minConfidence says another.")
    testImages: int  # noqa: N815


class Metrics(BaseModel):
    """The means over the labels, each from 0 to 1."""

    f1: float
    precision: float
    recall: float
    testImages: int  # noqa: N815


class Model(BaseModel):
    """The live model."""

    project: str = Field(examples=["custom-labels"])
    name: str = Field(description="Name of the version.", examples=["run-2026-11-22-101500"])
    status: str = Field(description="Rekognition's status of the version; RUNNING answers.", examples=["RUNNING"])
    since: str | None = Field(description="When it was made the live one.", examples=["2026-11-22T10:40:12+00:00"])
    trained: str | None = Field(description="When its training ended.", examples=["2026-11-22T10:35:40+00:00"])
    labels: list[Label] | None = Field(description="Best first; null if its evaluation cannot be read.")
    metrics: Metrics | None = Field(description="Null if its evaluation cannot be read.")
    units: int | None = Field(description="Inference units that it runs on at the least; null if it does not run.")
    costPerHour: float = Field(  # noqa: N815
        description="What it costs an hour while it runs, on its units or on one, at the price of the stack."
    )
    canWake: bool = Field(description="Whether POST /model/start may start it.")  # noqa: N815


class Started(BaseModel):
    """What a model does that was asked to start."""

    status: Literal["RUNNING", "STARTING"]
    wakesLeft: int = Field(description="How many times requests may start it today (UTC).")  # noqa: N815


@cache
def client(service: str) -> Any:
    """A client of this module's own; each is made when it is first needed."""
    brief = TABLE if service == "dynamodb" else STORE
    return botocore.session.get_session().create_client(service, config=brief.config)


@router.get(
    "/model", summary="The live model", operation_id="getModel", openapi_extensions=said("NoModel", *KEYED)
)
def get_model() -> Model:
    """An answer may be ten seconds old."""
    global _kept
    now = time.monotonic()
    if _kept[1] is None or now - _kept[0] >= SECONDS:
        _kept = (now, _read())
    assert _kept[1] is not None
    return _kept[1]


@router.post(
    "/model/start",
    summary="Start the live model",
    operation_id="startModel",
    openapi_extensions=said(
        *("InvalidBody", "ImageTooLarge", "UnsupportedMediaType", "InvalidField", "WakeDisabled"),
        *("NoModel", "ModelNotRunning", *KEYED),
    ),
)
def start_model() -> Started:
    """Only where the stack has WakeOnRequest; a model that runs bills by the hour until it is stopped."""
    global _kept
    if not settings.wake_function:
        raise Refusal("WakeDisabled", "This API may not start the model: ask whoever runs it to start it.")
    if _live().get("projectVersionArn") is None:
        raise _no_model()
    told = waker().told()
    _kept = (0.0, None)  # what was known of it no longer holds
    return Started(status=told["status"], wakesLeft=told["wakesLeft"])


@cache
def waker() -> "Waker":
    """Whoever starts the model, made when it is first needed."""
    from customlabels.waking import Waker

    return Waker(botocore.session.get_session(), settings.wake_function, settings.service)


def _no_model() -> Refusal:
    return Refusal("NoModel", f"No version of the project {settings.project} is live.")


def _live() -> dict[str, Any]:
    key = {"project": {"S": settings.project}, "item": {"S": "live"}}
    found = client("dynamodb").get_item(TableName=settings.state_table, Key=key, ConsistentRead=True)
    return dict(found.get("Item", {}))


def _read() -> Model:
    item = _live()
    arn = item.get("projectVersionArn", {}).get("S")
    project = find_project(client("rekognition"), settings.project) if arn else None
    name = parse_version_arn(arn).version if arn else ""
    found = find_version(client("rekognition"), project["ProjectArn"], name) if project else None
    if not found:
        raise _no_model()
    units = found.get("MinInferenceUnits", 1)
    ended = found.get("TrainingEndTimestamp")
    evaluation = _evaluation(arn, found.get("EvaluationResult", {}).get("Summary", {}).get("S3Object"))
    return Model(
        project=settings.project,
        name=name,
        status=found["Status"],
        since=item.get("since", {}).get("S"),
        trained=ended.isoformat(timespec="seconds") if ended else None,
        labels=evaluation and [_label(one) for one in evaluation.labels],
        metrics=evaluation
        and Metrics(
            f1=evaluation.f1,
            precision=evaluation.precision,
            recall=evaluation.recall,
            testImages=evaluation.test_images,
        ),
        units=units if found["Status"] in RUNNING else None,
        costPerHour=prices.per_hour(units),
        canWake=bool(settings.wake_function),
    )


def _label(one: Any) -> Label:
    return Label(
        name=one.label,
        f1=one.f1,
        precision=one.precision,
        recall=one.recall,
        threshold=one.threshold,
        testImages=one.images,
    )


def _evaluation(arn: str, place: Any) -> Evaluation | None:
    if arn not in _evaluations and place:
        try:
            body = client("s3").get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"]
            _evaluations[arn] = read_summary(json.load(body))
        except (ClientError, ValueError, KeyError) as error:  # the model answers all the same
            logger.warning("the evaluation was not read", extra={"arn": arn, "error": type(error).__name__})
    return _evaluations.get(arn)
