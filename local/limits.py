"""The limits of Step Functions, Lambda and API Gateway that the local cloud keeps, by name.

A field's `doc` says what it limits and how its breach shows; `from_environment` reads
LOCAL_LIMIT_<FIELD IN CAPITALS>, and 0 turns a limit off.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, cast

KIB, MIB = 1024, 1024**2


def _field(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds; the defaults are AWS's, but for `api_calls`."""

    # Step Functions.
    state_bytes: int = _field(
        256 * KIB,
        "largest input, result or output of a state or an execution, as UTF-8 (States.DataLimitExceeded; "
        "ValidationException at StartExecution)",
    )
    history_events: int = _field(
        25_000, "longest history of a standard execution, the event that ends it counted (States.Runtime)"
    )

    # Lambda.
    request_bytes: int = _field(
        6 * MIB,
        "largest payload of a synchronous invocation (RequestEntityTooLargeException; 413 at API Gateway)",
    )
    response_bytes: int = _field(
        6 * MIB + 100,
        "largest answer of a function (Function.ResponseSizeTooLarge; 502 at API Gateway)",
    )
    event_bytes: int = _field(
        MIB, "largest payload of an asynchronous invocation (RequestEntityTooLargeException)"
    )
    package_bytes: int = _field(
        250 * MIB, "largest function with its layers, unzipped (InvalidParameterValueException)"
    )
    upload_bytes: int = _field(
        50 * MIB, "largest zip file in a request, not by way of S3 (InvalidParameterValueException)"
    )

    # API Gateway.
    api_request_bytes: int = _field(10 * MIB, "largest body of a request to a REST API (413)")
    api_seconds: float = _field(
        29.0, "longest wait for an integration, if its own timeout is not shorter (504, INTEGRATION_TIMEOUT)"
    )
    api_calls: int = _field(
        4,
        "calls of one function that REST APIs have under way at once; more wait, where AWS would start more of it",
    )

    @classmethod
    def from_environment(cls, prefix: str = "LOCAL_LIMIT_", environment: Mapping[str, str] | None = None) -> Self:
        """Defaults, overridden by variables; ValueError names a variable that is no limit or no number."""
        source = os.environ if environment is None else environment
        known = {f"{prefix}{item.name.upper()}": item for item in fields(cls)}
        chosen: dict[str, Any] = {}
        for variable, text in source.items():
            if not variable.startswith(prefix):
                continue
            if variable not in known:
                raise ValueError(f"{variable} is not a limit; limits: {', '.join(sorted(known))}")
            item = known[variable]
            kind = cast(type, item.type)
            try:
                chosen[item.name] = kind(text)
            except ValueError:
                chosen[item.name] = -1
            if not 0 <= chosen[item.name] < float("inf"):
                doc = item.metadata["doc"]
                raise ValueError(f"{variable}={text!r} is not a valid {kind.__name__}, 0 or more: {doc}")
        return cls(**chosen)
