"""How fast a batch asks: no faster than it is allowed to, and slower while the model says that it is busy."""

import math
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

CALLS = 25  # a second, of one function at the most
LEAST = 0.2  # calls a second that it goes down to
SLOWER = 0.97  # by a call that was refused; a second of refusals only halves the rate
FASTER = 0.02  # of the allowed rate, regained in a second


class Pace(NamedTuple):
    """How many functions ask at once, and how many calls a second each of them may make."""

    concurrency: int
    rate: float


def share(per_unit: float, units: int) -> Pace:
    """The pace for a model on so many inference units, each of which is asked `per_unit` times a second."""
    whole = per_unit * units
    concurrency = max(1, math.ceil(whole / CALLS))
    return Pace(concurrency, whole / concurrency)


class Throttle:
    """Spaces the calls of several threads evenly; follows what the model answers, up to `most` calls a second."""

    def __init__(
        self,
        most: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.most = self.rate = most
        self._now, self._sleep = now, sleep
        self._next = self._changed = now()
        self._lock = threading.Lock()

    def wait(self, deadline: float) -> bool:
        """Wait for this thread's turn; False if that would come after `deadline`, a time of `now`."""
        with self._lock:
            now = self._now()
            self.rate = min(self.most, self.rate + FASTER * self.most * (now - self._changed))
            self._changed = now
            turn = max(now, self._next)
            if turn > deadline:
                return False
            self._next = turn + 1 / self.rate
        if turn > now:
            self._sleep(turn - now)
        return True

    def refused(self) -> None:
        """Note that the model was too busy to answer a call."""
        with self._lock:
            self.rate = max(min(LEAST, self.most), self.rate * SLOWER)


def backoff(tries: int) -> float:
    """Seconds until a call that failed so often is made again, at random so that not all come at once."""
    return random.uniform(0, min(8.0, 0.5 * 2**tries))  # noqa: S311 - no secret
