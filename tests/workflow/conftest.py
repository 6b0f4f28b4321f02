"""Fixtures of the workflows' tests."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack
from tests.workflow import worlds


@pytest.fixture(scope="module")
def trained() -> Iterator[worlds.Trained]:
    """See `worlds.trained`."""
    with worlds.trained() as opened:
        yield opened


@pytest.fixture
def world(trained: worlds.Trained) -> Stack:
    """The stack with `one` live and running, and nothing else going on."""
    stack, arns, _ = trained
    worlds.restore(stack, arns)
    return stack
