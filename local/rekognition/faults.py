"""A plan of faults, so that tests can see what a caller does when the service fails."""

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from local.rekognition.errors import ServiceError, by_code

Effect = Literal["before", "after"]
Work = Literal["training", "dataset", "start"]  # what goes on after a call
EFFECTS: tuple[Effect, ...] = get_args(Effect)
WORK: tuple[Work, ...] = get_args(Work)


@dataclass
class _Fault:
    operation: str
    error: str
    call: int | None
    effect: Effect
    message: str | None
    seen: int = 0


class Faults:
    """Faults that are due: of calls, and of what goes on after a call. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def add(
        self,
        operation: str,
        error: str,
        *,
        call: int | None = 1,
        effect: Effect = "before",
        message: str | None = None,
    ) -> None:
        """Make the `call`-th call of `operation` from now on (None: every call) answer `error`.

        "before": nothing happened; "after": the operation took effect and then answered the error.
        """
        by_code(error)
        if effect not in EFFECTS:
            raise ValueError(f"effect is 'before' or 'after', not {effect!r}")
        if call is not None and call < 1:
            raise ValueError(f"call counts from 1, and is not {call}")
        with self._lock:
            self._calls.append(_Fault(operation, error, call, effect, message))

    def training(self, message: str) -> None:
        """Let the next training end TRAINING_FAILED with `message`."""
        with self._lock:
            self._later["training"].append(message)

    def dataset(self, message: str) -> None:
        """Let the next dataset creation end CREATE_FAILED, CLIENT_ERROR, with `message`."""
        with self._lock:
            self._later["dataset"].append(message)

    def start(self, message: str) -> None:
        """Let the next start of a model end FAILED with `message`."""
        with self._lock:
            self._later["start"].append(message)

    def clear(self) -> None:
        """Forget the plan."""
        with self._lock:
            self._calls: list[_Fault] = []
            self._later: dict[Work, deque[str]] = {work: deque() for work in WORK}

    def plan(self) -> list[dict[str, Any]]:
        """The faults still due: {"operation", "error", "call", "effect", "message", "seen"} or {work: message}."""
        with self._lock:
            later: list[dict[str, Any]] = [
                {work: message} for work, messages in self._later.items() for message in messages
            ]
            return [*(asdict(fault) for fault in self._calls), *later]

    def due(self, operation: str) -> tuple[ServiceError, Effect] | None:
        """Count one call of `operation`; the error that it must answer, and whether before or after its effect."""
        with self._lock:
            hit: _Fault | None = None
            for fault in [one for one in self._calls if one.operation == operation]:
                fault.seen += 1
                if fault.call is None:
                    hit = hit or fault
                elif fault.seen == fault.call:
                    self._calls.remove(fault)
                    hit = hit or fault
            return (by_code(hit.error, hit.message), hit.effect) if hit else None

    def next(self, what: Work) -> str | None:
        """The message with which the next `what` must fail, or None."""
        with self._lock:
            return self._later[what].popleft() if self._later[what] else None
