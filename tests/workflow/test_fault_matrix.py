"""Every call that a run makes, with every error that botocore's model declares for it, a reset and a time-out.

Once, an error that passes must cost no run. At every try, and where it does not pass, the run must end with a
name, with the live model running alone and the project free. `make test-all` tries all of them, each that stays
in the first scenario that makes its call and in a sample of the others; `make test` tries each passing error in
one round, and a sample of those that stay. Samples are seeded.
"""

import pytest

from tests.rounds import thorough
from tests.workflow.meeting import ROUNDS, meet_always, meet_once
from tests.workflow.scenarios import assert_consistent, settle

RUNS = (
    "train",
    "switch",
    "switch_in_place",
    "merge",
    "tested",
    "split",
    "restored",
    "rejected",
    "copy",
    "orphaned",
)
ENDS = {"restored": "DatasetRejected", "rejected": "ModelRejected"}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, number)
        for name in RUNS
        for number in range(ROUNDS)
        if thorough() or (number < 4 and RUNS[number] == name)
    ],
)
def test_an_error_that_passes_costs_no_run(trained, world, name, number):
    end = ("FAILED", ENDS[name]) if name in ENDS else ("SUCCEEDED", None)
    stack, given, result = meet_once(trained, name, number, end)
    settle(stack, result, given)
    assert_consistent(stack, result)


@pytest.mark.parametrize("name", RUNS)
def test_an_error_that_stays_ends_the_run_with_a_name(trained, world, name):
    def check(stack, result, given):
        settle(stack, result, given)
        assert_consistent(stack, result)

    meet_always(trained, name, check)
