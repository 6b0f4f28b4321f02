"""How much is tried: what takes longer stands behind `make test-all`."""

import os


def thorough() -> bool:
    """Whether everything is to be tried, and not a sample of it."""
    return os.environ.get("TEST_ALL") == "1"
