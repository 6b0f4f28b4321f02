"""The routes of the API besides POST /predictions: a module for each group of them; api.py puts them together."""

# Codes that a client may meet on every route, the gateway's own among them, and on those that need a key. The
# OpenAPI document takes from `said` which codes a route answers with.
OPEN = ("BadRequest", "TooManyRequests", "InternalError", "ServiceUnavailable", "TimedOut")
KEYED = ("Forbidden", "QuotaExceeded", *OPEN)


def said(*codes: str) -> dict[str, list[str]]:
    """What a route's `openapi_extensions` are: the codes that it answers with."""
    return {"x-codes": list(codes)}
