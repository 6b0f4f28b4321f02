"""Which running model must be stopped, and why: decided from plain values, so that every case can be tried.

A live model is stopped for want of requests (`idle`), when it has run for too long (`maximumTime`), or outside of
office hours (`officeHours`); one that is not live once nobody holds it (`orphan`).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from customlabels.settings import Limits

PERIOD = 60  # seconds of a metric's bucket
Requests = float | None  # how many were counted; None where CloudWatch did not say


class Seen(NamedTuple):
    """Since when a version has been seen, without a look that did not find it so; times are aware."""

    running: datetime
    orphan: datetime | None  # not live and held by nobody; None when the last look found it otherwise


class Look(NamedTuple):
    """What a look has found of a running version."""

    seen: Seen
    live: bool
    held: bool  # by a run that is at work on the project, or by a lease of this version
    rest: datetime | None = None  # since when the office is closed; None if this version may run all the same
    requests: Requests = None  # in the time that `window` names


def note(
    before: Mapping[str, Seen], running: Iterable[str], unheld: Collection[str], now: datetime
) -> dict[str, Seen]:
    """What is known of the versions that run (by ARN) after one more look; the others are forgotten.

    `unheld` are those of them that are not live and that nobody holds.
    """
    after = {}
    for arn in running:
        seen = before.get(arn, Seen(now, None))
        after[arn] = Seen(seen.running, (seen.orphan or now) if arn in unheld else None)
    return after


def may_be_idle(look: Look, limits: Limits, now: datetime) -> bool:
    """Whether it depends on the requests that were counted if the version is stopped."""
    return look.live and not look.held and bool(limits.idle) and now - look.seen.running >= limits.idle


def reason(look: Look, limits: Limits, now: datetime) -> str | None:
    """Why the version must be stopped now, or None."""
    if look.held:
        return None
    if not look.live:
        unheld = look.seen.orphan is not None and now - look.seen.orphan >= limits.orphan
        return "orphan" if unheld else None
    if may_be_idle(look, limits, now) and look.requests == 0:
        return "idle"
    if limits.running and now - look.seen.running >= limits.running:
        return "maximumTime"
    if look.rest is not None and look.seen.running <= look.rest:
        return "officeHours"
    return None


def window(idle: timedelta, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of the whole buckets that overlap the last `idle`."""
    begin = now - idle
    first, last = (at.replace(second=0, microsecond=0) for at in (begin, now))
    return first, last + timedelta(seconds=PERIOD)
