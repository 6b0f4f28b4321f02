"""A clock that tests can put forward."""

import threading
import time


class Clock:
    """time.time(), ahead by every second that was let pass at once. Thread-safe."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        with self._lock:
            self._ahead += seconds
