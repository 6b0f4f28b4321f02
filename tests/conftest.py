"""Fixtures that more than one folder of tests uses."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from local.rekognition.settings import Settings
from tests.stack import Stack, deployed

# A busy machine makes examples slow, which says nothing about what they show.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The training stack on a test cloud of its own, empty."""
    with deployed(Settings(workers=0)) as opened:
        yield opened


@pytest.fixture
def images(stack: Stack) -> dict[str, Any]:
    """The input of a run with eight pictures of each label to train on and three to test on."""
    train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
    return {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
