"""How the functions call AWS: retried by the SDK first, so that a passing fault costs no state."""

from typing import NamedTuple

from botocore.config import Config

PATIENT = Config(
    retries={"mode": "standard", "max_attempts": 8},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
)


class Brief(NamedTuple):
    """Time limits of a call for which a client of the API waits, in seconds; it is tried twice."""

    connect: int
    read: int

    @property
    def config(self) -> Config:
        return Config(
            retries={"mode": "standard", "total_max_attempts": 2},
            connect_timeout=self.connect,
            read_timeout=self.read,
        )

    @property
    def longest(self) -> int:
        """Seconds that a call may take: both attempts, and at the most one between them."""
        return 2 * (self.connect + self.read) + 1


# Together below the time limit of the API's functions, so that they and not the gateway answer.
TABLE = Brief(1, 1)
STORE = Brief(1, 2)
MODEL = Brief(1, 6)
WAKE = Brief(1, 5)
