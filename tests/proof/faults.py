"""Faults of AWS calls, generated from botocore's model: each error an operation declares, a reset and a time-out.

A fault comes before the call takes effect or after it; once, or at every try. Which errors pass is the SDK's to
say: what its standard mode retries.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.model import OperationModel
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from tests.proof import calls
from tests.proof.gather import Table, note, noted, reports

RESET, TIMEOUT = "ConnectionReset", "ReadTimeout"
QUOTAS = ("LimitExceededException",)  # Rekognition's, which the SDK takes for a throttle
WHENS = ("before", "after")
Point = tuple[str, str, str]  # who calls: the logical id of a function or machine; the service; the operation


@dataclass(frozen=True)
class Fault:
    """What a call meets instead of an answer."""

    error: str
    status: int | None  # None: no answer comes
    when: str

    @property
    def passes(self) -> bool:
        """Whether it is one that the SDK tries again, and that trying again can mend: a quota stays reached."""
        codes = {
            *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
            *TransientRetryableChecker._TRANSIENT_ERROR_CODES,
        }
        statuses = TransientRetryableChecker._TRANSIENT_STATUS_CODES
        return self.error not in QUOTAS and (self.status is None or self.error in codes or self.status in statuses)

    def __str__(self) -> str:
        return f"{self.error} {self.when} its effect"


def declared(model: OperationModel) -> list[tuple[str, int]]:
    """The errors that botocore's model declares for an operation, as codes with their HTTP status."""
    found = []
    for shape in model.error_shapes:
        about = shape.metadata.get("error", {})
        # Rekognition's and DynamoDB's models say of no error that it is the service's own.
        fault = 500 if shape.metadata.get("fault") or shape.name.startswith("Internal") else 400
        found.append((about.get("code", shape.name), about.get("httpStatusCode", fault)))
    return sorted(found)


def faults(model: OperationModel) -> list[Fault]:
    """Every fault of an operation."""
    kinds: list[tuple[str, int | None]] = [*declared(model), (RESET, None), (TIMEOUT, None)]
    return [Fault(error, status, when) for error, status in kinds for when in WHENS]


class Plan:
    """Faults at points, while `installed`; `met` counts them, `seen` has each call that was made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[Point, tuple[Fault, int | None]] = {}
        self.met: dict[Point, int] = {}
        self.seen: dict[Point, OperationModel] = {}

    def clear(self) -> None:
        """Forget what is due and what was met."""
        self._due.clear()
        self.met.clear()

    def add(self, point: Point, fault: Fault, times: int | None = 1) -> None:
        """Let the next so many tries of a call, or all, meet a fault."""
        self._due[point] = fault, times

    def answer(self, owner: str, model: OperationModel, send: Any) -> Any:
        point = owner, model.service_model.service_name, model.name
        with self._lock:
            self.seen[point] = model
            fault, left = self._due.get(point, (None, 0))
            if fault is None or left == 0:
                return None
            self._due[point] = fault, None if left is None else left - 1
            self.met[point] = self.met.get(point, 0) + 1
        if fault.when == "after":
            send()
        if fault.error == RESET:
            raise ConnectionClosedError(endpoint_url="the service")
        if fault.error == TIMEOUT:
            raise ReadTimeoutError(endpoint_url="the service")
        return _response(model, fault)


@contextmanager
def installed(plan: Plan) -> Iterator[None]:
    """Follow a plan."""
    calls.answers.append(plan.answer)
    try:
        yield
    finally:
        calls.answers.remove(plan.answer)


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content

    def read(self, *_: Any) -> bytes:
        content, self._content = self._content, b""
        return content


def _response(model: OperationModel, fault: Fault) -> AWSResponse:
    """The answer of a service, in the service's protocol."""
    protocol = model.service_model.metadata["protocol"]
    said = "A fault that a test has planned."
    headers = {"x-amzn-RequestId": "planned", "x-amzn-ErrorType": fault.error}
    if "json" in protocol:
        body = json.dumps({"__type": fault.error, "message": said})
    else:
        error = f"<Error><Type>Sender</Type><Code>{fault.error}</Code><Message>{said}</Message></Error>"
        body = (
            error
            if protocol == "rest-xml"
            else f"<ErrorResponse>{error}<RequestId>planned</RequestId></ErrorResponse>"
        )
    return AWSResponse("the service", fault.status, headers, _Body(body.encode()))


def tell(when: str, point: Point, fault: Fault, survived: bool) -> None:
    """Note how a fault ended; `when` says how often it came."""
    note(
        "faults",
        point[1],
        f"{when} {fault.when}",
        " ".join(point) + f" {fault}",
        "survived" if survived else "not",
    )


def report() -> Table | None:
    """Faults survived of all that were tried, by service, and by how often and when they came."""
    facts = noted("faults")
    if not facts:
        return None
    columns = [f"{often} {when}" for often in ("once", "always") for when in WHENS]
    lines = [f"{'':16}" + "".join(f"{column:>15}" for column in columns)]
    for service in [*sorted({fact[0] for fact in facts}), "all"]:
        cells = []
        for column in columns:
            of = [fact for fact in facts if service in (fact[0], "all") and fact[1] == column]
            cells.append(f"{sum(fact[3] == 'survived' for fact in of)}/{len(of)}")
        lines.append(f"{service:16}" + "".join(f"{cell:>15}" for cell in cells))
    wrong = [f"Not survived: {fact[2]}, {fact[1].split()[0]}." for fact in sorted(facts) if fact[3] != "survived"]
    return Table("faults of calls: survived / tried", lines, wrong)


reports.append(report)
