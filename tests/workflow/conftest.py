"""Fixtures of the workflows' tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import TIMES
from tests.stack import Stack, deployed
from tests.workflow import worlds
from tests.workflow.rewinding import remembered


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


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Stack, Callable[[], None]]]:
    """A stack for all tests of a module, and what puts it back to being empty."""
    with deployed(TIMES) as stack:
        yield stack, remembered(stack)
