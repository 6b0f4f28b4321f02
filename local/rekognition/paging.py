"""Pages: tokens name the position after the last item, and the listing that they belong to."""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from local.rekognition.errors import InvalidPaginationToken, Validation

T = TypeVar("T")


def page(items: Sequence[T], request: dict[str, Any], maximum: int) -> tuple[Sequence[T], str | None]:
    """One page of `items`, and the token of the next or None.

    The default page is the maximum one. Raises Validation for MaxResults above it, InvalidPaginationToken for a
    token of another request. An empty token is none: AWS's own samples send it.
    """
    size = request.get("MaxResults") or maximum
    if size > maximum:
        raise Validation(f"Value {size} at 'maxResults' failed to satisfy constraint: at most {maximum}.")
    start = _position(request.get("NextToken"), _listing(request))
    if start > len(items):
        raise InvalidPaginationToken()
    end = start + size
    return items[start:end], _token(end, _listing(request)) if end < len(items) else None


def _listing(request: dict[str, Any]) -> str:
    rest = {key: value for key, value in request.items() if key not in ("NextToken", "MaxResults")}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def _token(position: int, listing: str) -> str:
    return base64.urlsafe_b64encode(f"{position}:{listing}".encode()).decode()


def _position(token: str | None, listing: str) -> int:
    if not token:
        return 0
    try:
        position, of = base64.urlsafe_b64decode(token.encode()).decode().split(":")
        if of != listing or int(position) < 0:
            raise ValueError(token)
        return int(position)
    except ValueError:
        raise InvalidPaginationToken() from None
