"""Fixtures that more than one folder of tests uses."""

import gc
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser

from local.rekognition.settings import Settings
from tests.browser import browser
from tests.proof import budget, faults, permissions  # noqa: F401
from tests.proof.gather import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown  # noqa: F401
from tests.rounds import thorough
from tests.stack import Stack, deployed

# A busy machine makes examples slow, which says nothing about what they show.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


# In seconds of the test cloud's clock, which a Wait state advances without sleeping: each takes some looks.
TIMES = Settings(
    workers=0,
    detection_workers=0,
    project_seconds=3,
    dataset_seconds=10,
    update_seconds=20,
    training_minimum_seconds=120,
    start_seconds=60,
    stop_seconds=30,
    delete_seconds=10,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow goes first, so that no process is left alone with it at the end.

    The first of all deploys what the other files of its folder wait for, while two long ones are walked.
    """
    slow = (
        *(
            ("tests/workflow/test_fault_matrix.py", "tests/workflow/test_batch_fault_matrix.py")
            if thorough()
            else ()
        ),
        "tests/local/test_end_to_end.py",
        "tests/workflow/test_clauses.py",
        "tests/workflow/test_retraining.py",
        "tests/local/",
        "tests/workflow/",
        "tests/contract/",
        "tests/pages/",
    )
    items.sort(
        key=lambda item: next((i for i, name in enumerate(slow) if item.nodeid.startswith(name)), len(slow))
    )


def pytest_collection_finish() -> None:
    """What is imported by now stays: a collector that looks at it again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session", autouse=True)
def models() -> Iterator[None]:
    """All sessions of the process share what botocore reads from files: each command makes one of its own."""
    load = JSONFileLoader.load_file

    @cache
    def load_once(path: str) -> Any:
        return load(JSONFileLoader(), path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: load_once(path))
        yield


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The training stack on a test cloud of its own, empty."""
    with deployed(TIMES) as opened:
        yield opened


@pytest.fixture
def images(stack: Stack) -> dict[str, Any]:
    """See `put_images`."""
    return put_images(stack)


def put_images(stack: Stack) -> dict[str, Any]:
    """The input of a run with eight pictures of each label to train on and three to test on."""
    train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
    return {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's browser, for `tests.browser.opened`."""
    with browser() as running:
        yield running
