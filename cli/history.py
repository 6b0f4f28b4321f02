"""An execution's history as the steps an operator wants to read: pure functions on plain values.

Events have the shape of GetExecutionHistory. The local cloud leaves out `previousEventId` and what
happens inside the branches of a Parallel: without it every step counts as top level.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]

_OPENING = ("ParallelStateStarted", "MapStateStarted")
_CLOSING = tuple(
    f"{state}State{end}" for state in ("Parallel", "Map") for end in ("Succeeded", "Failed", "Aborted")
)


@dataclass(frozen=True)
class Step:
    """A state entered, or (with `error`) a try of a state's task that failed."""

    at: datetime
    state: str
    branch: tuple[int, ...]  # number of the branch, from 1, at each level of Parallel or Map
    visit: int  # how often the state was entered by then, or failed with this very error
    error: str | None = None


@dataclass(frozen=True)
class Standing:
    """A state that an execution is in: since when, how often it was entered, how many tries have failed since."""

    state: str
    branch: tuple[int, ...]
    since: datetime
    visit: int
    failures: int = 0


@dataclass(frozen=True)
class _Place:
    branch: tuple[int, ...]
    state: str
    opener: int | None  # id of the …Started event of the Parallel or Map around it
    opens: bool


def steps(events: Iterable[Event]) -> list[Step]:
    """What happened, oldest first; `events` is the history so far, oldest first."""
    visits: Counter[tuple[tuple[int, ...], str, str | None]] = Counter()
    found: list[Step] = []
    for event, place in _placed(events):
        error = _error(event)
        if error or event["type"].endswith("StateEntered"):
            key = (place.branch, place.state, error)
            visits[key] += 1
            found.append(Step(event["timestamp"], place.state, place.branch, visits[key], error))
    return found


def standing(events: Iterable[Event]) -> list[Standing]:
    """The states that a running execution is in now, one for each branch that goes on; none before the first."""
    visits: Counter[tuple[tuple[int, ...], str]] = Counter()
    now: dict[tuple[int, ...], Standing] = {}
    for event, place in _placed(events):
        branch, kind = place.branch, event["type"]
        if kind.endswith(("StateEntered", "StateExited")):
            # What follows a Parallel tells that its branches have ended, whether or not their ends are told.
            now = {one: state for one, state in now.items() if one[: len(branch)] != branch}
        if kind.endswith("StateEntered"):
            visits[branch, place.state] += 1
            now[branch] = Standing(place.state, branch, event["timestamp"], visits[branch, place.state])
        elif _error(event) and branch in now:
            now[branch] = replace(now[branch], failures=now[branch].failures + 1)
    within = {one[:-1] for one in now if one}
    return [state for one, state in now.items() if one not in within]


def _placed(events: Iterable[Event]) -> Iterator[tuple[Event, _Place]]:
    """Each event with the branch and the state that it belongs to."""
    places: dict[int, _Place] = {}
    branches: Counter[int] = Counter()
    last = _Place((), "", None, False)
    for event in events:
        before = places.get(event.get("previousEventId", 0), last if "previousEventId" not in event else None)
        place = _place(event, before or _Place((), "", None, False), places, branches)
        places[event["id"]] = last = place
        yield event, place


def _place(event: Event, before: _Place, places: Mapping[int, _Place], branches: Counter[int]) -> _Place:
    kind = event["type"]
    branch, opener, state = before.branch, before.opener, before.state
    if before.opens and kind not in _CLOSING:
        # Only a history with previousEventId lets two events follow the same …Started.
        opener = event.get("previousEventId")
        if opener is not None:
            branches[opener] += 1
            branch = (*branch, branches[opener])
    if kind in _CLOSING and not before.opens and opener is not None:
        around = places[opener]
        branch, opener, state = around.branch, around.opener, around.state
    if kind.endswith("StateEntered"):
        state = event["stateEnteredEventDetails"]["name"]
    return _Place(branch, state, opener, kind in _OPENING)


def _error(event: Event) -> str | None:
    """`Name: cause` for a task that failed or timed out; None for every other event."""
    kind: str = event["type"]
    if kind.startswith("Execution") or kind in _CLOSING or not kind.endswith(("Failed", "TimedOut")):
        return None
    details: Mapping[str, Any] = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails") or {}
    name, cause = details.get("error") or kind, " ".join(_sentence(details.get("cause") or "").split())
    return f"{name}: {cause}" if cause else str(name)


def _sentence(cause: str) -> str:
    """A cause as a sentence: the message in Lambda's JSON, or the SDK's text without its request id."""
    try:
        given = json.loads(cause)
    except ValueError:
        return cause.partition(" (Service: ")[0]
    return str(given["errorMessage"]) if isinstance(given, dict) and "errorMessage" in given else cause


def elapsed(seconds: float) -> str:
    """A duration as `h:mm:ss`."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def line(step: Step, start: datetime, width: int = 160) -> str:
    """A step as one line: time since the start, branch numbers, state, and the error if any."""
    place = "".join(f"{number} · " for number in step.branch)
    text = f"{'  ' * len(step.branch)}{place}{step.state}"
    if step.error:
        # An error is no failure yet: a Retry or a Catch may be waiting for it.
        text += f": {step.error if len(step.error) <= width else step.error[: width - 1] + '…'}"
    return f"{elapsed((step.at - start).total_seconds())}  {text}"


def plain(step: Step, start: datetime) -> dict[str, Any]:
    """A step as plain values, as `watch --json` prints it."""
    return {
        "at": step.at.isoformat(),
        "seconds": (step.at - start).total_seconds(),
        "state": step.state,
        "branch": list(step.branch),
        "visit": step.visit,
        "error": step.error,
    }


def is_news(step: Step) -> bool:
    """Whether a step deserves a line: what a poll loop or a retry repeats does not."""
    return step.visit == 1


def where(states: Iterable[Standing], now: datetime) -> str:
    """The states an execution is in, for the live line: since when, and what loops and retries repeated."""
    return ", ".join(_stands(one, now) for one in states) or "starting"


def _stands(one: Standing, now: datetime) -> str:
    told = [
        f"for {elapsed((now - one.since).total_seconds())}",
        *([f"entered {one.visit} times"] if one.visit > 1 else []),
        *([f"tries that failed: {one.failures}"] if one.failures else []),
    ]
    return f"{one.state} ({', '.join(told)})"
