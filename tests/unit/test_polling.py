import pytest
from customlabels.polling import SHARE, TooLong, again, begin, done
from hypothesis import given
from hypothesis import strategies as st


def walk(poll):
    """Every poll from the first look to the last."""
    while True:
        try:
            poll = again(poll, "The training was still going on")
        except TooLong:
            return
        yield poll


@given(
    shortest=st.integers(1, 60), more=st.integers(0, 600), limit=st.integers(60, 100_000), start=st.integers(1, 9)
)
def test_waits_grow_with_age_within_their_bounds_and_end_at_the_limit(shortest, more, limit, start):
    longest = shortest + more
    age = 0
    before = 0
    for poll in walk(begin(shortest, longest, limit)):
        assert shortest <= poll["seconds"] <= longest
        assert poll["seconds"] >= before
        assert poll["seconds"] <= max(shortest, age * SHARE)
        before = poll["seconds"]
        age += poll["seconds"]
        assert poll["waited"] == age
    assert limit <= age < limit + longest


def test_the_limit_is_told_in_words():
    poll = {**begin(5, 60, 7200), "waited": 7200}
    with pytest.raises(TooLong, match=r"still going on after 2\.0 hours, the limit set for it\."):
        again(poll, "The training was still going on")


def test_a_day_of_training_costs_few_looks():
    assert sum(1 for _ in walk(begin(30, 225, 86_400))) < 450


def test_a_loop_ends_by_its_flag():
    assert done(begin(1, 2, 3))["done"] is True
    assert begin(1, 2, 3)["done"] is False
