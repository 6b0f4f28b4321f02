"""What tests/workflow/test_fault_matrix.py asks of runs, asked of batches, which no process need do after them."""

import pytest

from tests.rounds import thorough
from tests.workflow.meeting import ROUNDS, meet_always, meet_once
from tests.workflow.scenarios import assert_batch_consistent, settle_batch


@pytest.fixture
def brief(trained, monkeypatch):
    """A chunk has some seconds: a service that stays busy would hold up a test for a quarter of an hour."""
    monkeypatch.setattr(trained[0].modules["detect"], "RESERVE", 897)
    monkeypatch.setattr("customlabels.batching.asking.backoff", lambda _: 0)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("number", range(ROUNDS) if thorough() else (0, 1))
def test_an_error_that_passes_costs_no_batch(trained, world, number):
    stack, _, result = meet_once(trained, "batch", number, ("SUCCEEDED", None))
    assert_batch_consistent(stack, result)


@pytest.mark.usefixtures("brief")
def test_an_error_that_stays_ends_a_batch_with_a_name(trained, world):
    def check(stack, result, given):
        settle_batch(stack, result, given)
        assert_batch_consistent(stack, result)

    meet_always(trained, "batch", check)
