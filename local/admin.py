"""The admin endpoint: faults, time and settings of a running Custom Labels service, outside of AWS's paths.

    GET     /_custom-labels/faults     the plan: {"faults": […]}
    POST    /_custom-labels/faults     add one fault, or a list of them; answers the plan
    DELETE  /_custom-labels/faults     forget the plan
    GET     /_custom-labels/detections how often each image in S3 was looked at: {"detections": {address: times}}
    GET     /_custom-labels/settings   {"settings": {name: {"value", "default", "doc"}}}
    POST    /_custom-labels/advance    {"seconds": 60}: put the service's clock forward; {"now": epoch seconds}
    POST    /_custom-labels/reset      forget every resource and fault

A fault is {"operation", "error", "call" (1 unless given, null: every call), "effect" ("before" unless given, or
"after"), "message"}, or one of {"training": message}, {"dataset": message} and {"start": message}, which concern
the next one. An error is {"message": a sentence}, with status 400, 404 or 405.
"""

import json
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from local.rekognition.clock import Clock
from local.rekognition.faults import WORK
from local.rekognition.service import OPERATIONS, Service

PREFIX = "/_custom-labels"
CALL_KEYS = {"operation", "error", "call", "effect", "message"}

Answer = tuple[int, dict[str, str], bytes]


class Refused(Exception):
    """A request that cannot be served; the text is the sentence for the caller."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


class Admin:
    """Answers the admin endpoint of one service; free of any server."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        """Status, headers and body for one request below PREFIX."""
        try:
            status, content = 200, self._answer(method, path.removeprefix(PREFIX).strip("/"), body)
        except Refused as error:
            status, content = error.status, {"message": str(error)}
        return status, {"Content-Type": "application/json"}, json.dumps(content).encode()

    def _answer(self, method: str, name: str, body: bytes) -> dict[str, Any]:
        served: dict[str, dict[str, Callable[[bytes], dict[str, Any]]]] = {
            "faults": {"GET": self._faults, "POST": self._add, "DELETE": self._clear},
            "settings": {"GET": self._settings},
            "detections": {"GET": self._detections},
            "advance": {"POST": self._advance},
            "reset": {"POST": self._reset},
        }
        if name not in served:
            paths = ", ".join(f"{PREFIX}/{one}" for one in served)
            raise Refused(f"{PREFIX}/{name} is not served here; these are: {paths}.", 404)
        if method not in served[name]:
            raise Refused(f"{PREFIX}/{name} takes {' and '.join(served[name])}, not {method}.", 405)
        return served[name][method](body)

    def _faults(self, _body: bytes) -> dict[str, Any]:
        return {"faults": self.service.faults.plan()}

    def _add(self, body: bytes) -> dict[str, Any]:
        content = _json(body)
        faults = [_checked(one) for one in (content if isinstance(content, list) else [content])]
        for fault in faults:
            try:
                _plan(self.service, fault)
            except ValueError as error:
                raise Refused(f"{error}.") from None
        return self._faults(body)

    def _clear(self, body: bytes) -> dict[str, Any]:
        self.service.faults.clear()
        return self._faults(body)

    def _detections(self, _body: bytes) -> dict[str, Any]:
        return {"detections": self.service.detections}

    def _settings(self, _body: bytes) -> dict[str, Any]:
        settings = self.service.settings
        return {
            "settings": {
                item.name: {
                    "value": getattr(settings, item.name),
                    "default": item.default,
                    "doc": item.metadata["doc"],
                }
                for item in fields(settings)
            }
        }

    def _advance(self, body: bytes) -> dict[str, Any]:
        content, clock = _json(body), self.service.clock
        seconds: Any = content.get("seconds") if isinstance(content, dict) else None
        if not _number(seconds) or seconds < 0:
            raise Refused('The body is {"seconds": n}, with n not below 0.')
        if not isinstance(clock, Clock):
            raise Refused("The clock of this service cannot be put forward.")
        clock.advance(seconds)
        return {"now": clock()}

    def _reset(self, body: bytes) -> dict[str, Any]:
        self.service.reset()
        return self._faults(body)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Refused("The body is not valid JSON.") from None


def _checked(fault: Any) -> dict[str, Any]:
    """The fault, if it has the form of one."""
    accepted = f'{{"operation", "error"}} with {", ".join(sorted(CALL_KEYS - {"operation", "error"}))}'
    accepted += " as you like, or one of " + ", ".join(f'{{"{work}": message}}' for work in WORK)
    if not isinstance(fault, dict):
        raise Refused(f"A fault is an object: {accepted}.")
    if len(fault) == 1 and next(iter(fault)) in WORK:
        if not isinstance(next(iter(fault.values())), str):
            raise Refused(f"The message of the fault {json.dumps(fault)} is not a string.")
        return fault
    if not {"operation", "error"} <= fault.keys() <= CALL_KEYS:
        raise Refused(f"{json.dumps(fault)} is not a fault; a fault is {accepted}.")
    if fault["operation"] not in OPERATIONS:
        raise Refused(f"{fault['operation']} is not an operation; operations: {', '.join(sorted(OPERATIONS))}.")
    call = fault.get("call", 1)
    if call is not None and not (_number(call) and isinstance(call, int)):
        raise Refused(f"call is a whole number or null, not {json.dumps(call)}.")
    for key in ("error", "message"):
        if not isinstance(fault.get(key, ""), str | None):
            raise Refused(f"{key} is a string, not {json.dumps(fault[key])}.")
    return fault


def _plan(service: Service, fault: dict[str, Any]) -> None:
    for work in WORK:
        if work in fault:
            getattr(service.faults, work)(fault[work])
            return
    service.faults.add(**fault)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
