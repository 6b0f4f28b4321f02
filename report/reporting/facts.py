"""What a report is made from, however it was read."""

from dataclasses import dataclass, field
from typing import Any

from reporting.summary import Summary
from reporting.tally import Tally


@dataclass(frozen=True)
class Prices:
    """What the stack's parameters say that an hour costs; their currency is not known."""

    training: float  # an hour
    inference: float  # an hour and inference unit


@dataclass(frozen=True)
class Champion:
    """The model that was live when this one was judged; `summary` is None where it could not be read."""

    version: str
    summary: Summary | None


@dataclass(frozen=True)
class Facts:
    """One run. `event` is Report's input; what could not be read is None, and `missing` says why by section.

    `runs` are records of the state table, newest first; `findings` is the JSON that Preflight writes.
    """

    event: dict[str, Any]
    created: str  # ISO 8601
    prices: Prices
    summary: Summary | None = None
    tally: Tally | None = None
    champion: Champion | None = None
    runs: list[dict[str, Any]] = field(default_factory=list)
    findings: dict[str, Any] | None = None
    missing: dict[str, str] = field(default_factory=dict)
