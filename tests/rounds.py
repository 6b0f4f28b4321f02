"""How much is tried: what takes longer stands behind `make test-all`."""

import os

import pytest


def thorough() -> bool:
    """Whether everything is to be tried, and not a sample of it."""
    return os.environ.get("TEST_ALL") == "1"


def takes_long(why: str) -> pytest.MarkDecorator:
    """The mark of tests that `make test-all` runs, and `make test` leaves out."""
    return pytest.mark.skipif(not thorough(), reason=f"{why}: make test-all runs it")
