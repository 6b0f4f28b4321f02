"""A training of a day stays far from the limit of events, and its end is noticed soon."""

from dataclasses import astuple

import pytest

from bench.transitions import EVENTS, HOURS, measure
from tests.proof.gather import note


@pytest.mark.parametrize("hours", HOURS)
def test_a_long_training_is_awaited_cheaply_and_noticed_soon(hours):
    ours, sample = measure(hours)
    note("waiting", *map(str, (*astuple(ours), *astuple(sample))))
    assert ours.events < EVENTS
    assert ours.worst_delay <= sample.worst_delay / 4
    assert ours.mean_delay <= sample.mean_delay / 4
