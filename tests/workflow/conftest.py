"""Fixtures of the workflows' tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import TIMES, put_images
from tests.stack import Stack, deployed
from tests.workflow import worlds
from tests.workflow.engine import Result
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


Shared = tuple[Stack, Callable[[], None]]
First = tuple[Stack, dict[str, Any], Result]


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    """A stack for all tests of a module, and what puts it back to being empty."""
    with deployed(TIMES) as stack:
        yield stack, remembered(stack)


@pytest.fixture
def emptied(shared: Shared) -> Stack:
    """The stack that a module's tests share, empty."""
    shared[1]()
    return shared[0]


@pytest.fixture(scope="module")
def begun(shared: Shared) -> tuple[dict[str, Any], Result, Callable[[], None]]:
    """The input and the result of a first run, and what puts the shared stack back to its end."""
    stack, empty = shared
    empty()
    images = put_images(stack)
    result = stack.run(images, name="first")
    assert result.status == "SUCCEEDED", result.cause
    return images, result, remembered(stack)


@pytest.fixture
def first(shared: Shared, begun: tuple[dict[str, Any], Result, Callable[[], None]]) -> First:
    """The shared stack after a first run, with the run's input and result; its messages are taken."""
    images, result, back = begun
    back()
    return shared[0], images, result
