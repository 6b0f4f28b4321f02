"""How the functions call AWS: retried by the SDK first, so that a passing fault costs no state."""

from botocore.config import Config

PATIENT = Config(
    retries={"mode": "standard", "max_attempts": 8},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
)
