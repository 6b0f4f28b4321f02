"""The form of every answer of the API: JSON, the request's id, and who may read it in a browser."""

import json
import re
from typing import Any

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")  # nothing that could forge a line of a log
EXPOSED = "X-Request-Id, Retry-After"


def request_id(event: dict[str, Any]) -> str:
    """The client's X-Request-Id, or the gateway's own id where the client sent none that is accepted."""
    headers = event.get("headers") or {}
    given = next((value for name, value in headers.items() if name.lower() == "x-request-id"), None)
    if isinstance(given, str) and _REQUEST_ID.fullmatch(given):
        return given
    return gateway_id(event)


def gateway_id(event: dict[str, Any]) -> str:
    """The id that the gateway gave the request, by which its access log knows it."""
    return str((event.get("requestContext") or {}).get("requestId") or "unknown")


def common_headers(identity: str, origin: str) -> dict[str, str]:
    """What every answer carries; `origin` is the one that browsers may show answers to, or empty."""
    headers = {"X-Request-Id": identity, "Cache-Control": "no-store"}
    if origin:
        headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}
    return headers


def proxy_answer(status: int, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """The answer as API Gateway takes it from a function."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", **headers},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
