"""Api: every route but POST /predictions, which predict.py serves for itself."""

import json
import time
import traceback
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError
from customlabels.answers import common_headers, gateway_id, proxy_answer, request_id
from customlabels.refusals import Refusal
from customlabels.routes import about, feedback, model, page, uploads
from customlabels.serving import Serving
from customlabels.telemetry import carried, carry

UNAVAILABLE = Refusal("ServiceUnavailable", "A service could not be reached; try again after some seconds.", 5)
BROKEN = Refusal("InternalError", "The request could not be answered, for a fault of this API.")
NOT_JSON = Refusal("InvalidBody", "The body is not JSON in UTF-8.")
NOT_FOUND = Refusal("NotFound", "There is nothing at this path; GET /openapi.json tells what there is.")
# The one table from an exception to an answer; the first class that fits counts.
TABLE: dict[type[Exception], Refusal] = {
    UnicodeDecodeError: NOT_JSON,
    RecursionError: NOT_JSON,  # of JSON that is nested too deep
    NotFoundError: NOT_FOUND,
    ClientError: UNAVAILABLE,
    BotoCoreError: UNAVAILABLE,
    Exception: BROKEN,
}

settings = Serving.read()
logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(project=settings.project)
app = APIGatewayRestResolver(enable_validation=True)
for group in (about, feedback, model, page, uploads):
    app.include_router(group.router)


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An API Gateway proxy event → the answer of its route."""
    began, identity = time.monotonic(), request_id(event)
    headers = common_headers(identity, settings.cors_origin)
    carry(request_id=identity, correlation_id=gateway_id(event))
    logger.append_keys(**carried())
    try:
        _check_body(event)
        answer = app.resolve(event, context)
    except Exception as error:  # what no route can have raised: the resolver's own
        refusal = refusal_of(error)
        answer = proxy_answer(refusal.status, refusal.body, refusal.headers)
    single = {name: values[-1] for name, values in answer.pop("multiValueHeaders", {}).items()}
    answer["headers"] = {**headers, **single, **answer.get("headers", {})}
    logger.info("answered", extra={"route": event.get("resource"), "status": answer["statusCode"]})
    metrics.add_metric("ApiRequests", MetricUnit.Count, 1)
    metrics.add_metric("ApiLatency", MetricUnit.Milliseconds, (time.monotonic() - began) * 1000)
    metrics.add_metric("ApiServerErrors", MetricUnit.Count, int(answer["statusCode"] >= 500))
    return answer


def answer_error(error: Exception) -> Response[str]:
    """What a route raised, as an answer."""
    refusal = refusal_of(error)
    body = proxy_answer(refusal.status, refusal.body, {})["body"]
    return Response(refusal.status, "application/json", body, headers=dict(refusal.headers))


app.exception_handler([Exception])(answer_error)


def refusal_of(error: Exception) -> Refusal:
    """How an exception is answered; its own text, which may quote the client, is logged nowhere."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    refusal = next(of for kind, of in TABLE.items() if isinstance(error, kind))
    if refusal.status >= 500:
        trace = traceback.format_tb(error.__traceback__)
        logger.error("failed", extra={"error": type(error).__name__, "trace": trace})
    return refusal


def _invalid(error: RequestValidationError) -> Refusal:
    """The first thing that was wrong with the body, in a sentence."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return NOT_JSON
    place = ".".join(str(part) for part in first["loc"] if part != "body")[:100]
    return Refusal("InvalidField", f"{place or 'The body'} is not accepted: {first['msg'].rstrip('.')}.")


def _check_body(event: dict[str, Any]) -> None:
    """Refuse what is not JSON; the resolver would take too long a number for a fault of ours."""
    if event.get("httpMethod") != "POST":
        return
    given = next((v for n, v in (event.get("headers") or {}).items() if n.lower() == "content-type"), "")
    if str(given).partition(";")[0].strip().lower() != "application/json":
        raise Refusal(
            "UnsupportedMediaType", f"The Content-Type is {given[:100]!r}; accepted is application/json."
        )
    if event.get("body") and not event.get("isBase64Encoded"):
        try:
            json.loads(event["body"])
        except (ValueError, RecursionError):
            raise Refusal(NOT_JSON.code, NOT_JSON.message) from None
