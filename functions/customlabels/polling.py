"""How the poll loops wait: the time between two looks grows with the age of what is awaited, to a bound.

A poll travels in the state as {"seconds", "longest", "waited", "limit", "done"}; the unit is the second.
The age is the sum of the waits: a Wait state sleeps that long, and a test that scales it scales all.
"""

from typing import TypedDict

SHARE = 0.05  # of the age: what is noticed late is late by a twentieth


class Poll(TypedDict):
    """The state of one poll loop."""

    seconds: int  # how long the next Wait sleeps
    shortest: int
    longest: int
    waited: int
    limit: int
    done: bool


class TooLong(Exception):
    """A poll loop reached its limit."""


def begin(shortest: int, longest: int, limit: int) -> Poll:
    """A poll that has not waited yet."""
    return Poll(seconds=shortest, shortest=shortest, longest=longest, waited=0, limit=limit, done=False)


def done(poll: Poll) -> Poll:
    """The poll of a loop that ends here."""
    return {**poll, "done": True}


def again(poll: Poll, what: str) -> Poll:
    """The poll after one more look that found `what` still going on; TooLong once the limit is reached."""
    if poll["waited"] >= poll["limit"]:
        raise TooLong(f"{what} after {_spoken(poll['waited'])}, the limit set for it.")
    seconds = int(min(max(poll["waited"] * SHARE, poll["shortest"]), poll["longest"]))
    return {**poll, "seconds": seconds, "waited": poll["waited"] + seconds, "done": False}


def _spoken(seconds: int) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"
