"""Routes that need no key: GET /health, GET /openapi.json."""

from pathlib import Path
from typing import Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel

from customlabels.routes import OPEN, said

DOCUMENT = Path(__file__).parents[2] / "openapi.json"
router = Router()  # type: ignore[no-untyped-call]


class Health(BaseModel):
    """That the API answers; it says nothing of the model, which GET /model does."""

    status: Literal["ok"]


@router.get("/health", summary="Whether the API answers", operation_id="getHealth", openapi_extensions=said(*OPEN))
def get_health() -> Health:
    """Reads nothing and tells nothing of what is deployed: it needs no key."""
    return Health(status="ok")


@router.get("/openapi.json", summary="This document", operation_id="getDocument", openapi_extensions=said(*OPEN))
def get_document() -> Response[str]:
    """The file as it is shipped, so that no request waits for its making."""
    return Response(200, "application/json", DOCUMENT.read_text())
