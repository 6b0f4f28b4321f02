"""Which test images a started model is asked about, and how its answers are judged."""

import pytest
from customlabels.outcomes import Count, Guess, Thing
from customlabels.smoke import choose, judge
from customlabels.snapshots import JudgedImage, Prediction
from hypothesis import given
from hypothesis import strategies as st

THRESHOLDS = {"bolt": 0.5, "nut": 0.5}


def image(number, label, said, confidence=0.9):
    """A test image of a label of which the model said another, or the same."""
    return JudgedImage(
        f"s3://b/{number}.png",
        (Thing(label, None),),
        (Prediction(Guess(said, confidence, None), None),),
        None,
    )


def references(images):
    return [one.reference for one in images]


def test_the_surest_right_ones_of_each_label_are_asked_in_turn():
    images = [
        image(1, "bolt", "bolt", 0.8),
        image(2, "bolt", "bolt", 0.9),
        image(3, "bolt", "bolt", 0.7),
        image(4, "nut", "nut", 0.6),
        image(5, "nut", "bolt", 0.99),
    ]
    assert references(choose(images, THRESHOLDS, 3)) == ["s3://b/2.png", "s3://b/4.png", "s3://b/1.png"]
    assert references(choose(images, THRESHOLDS, 1)) == ["s3://b/2.png"]
    assert choose(images, THRESHOLDS, 9)[-1].reference == "s3://b/3.png"  # and never the wrong one


def test_a_guess_below_its_threshold_is_no_finding():
    assert references(choose([image(1, "bolt", "bolt", 0.4), image(2, "bolt", "bolt", 0.6)], THRESHOLDS, 2)) == [
        "s3://b/2.png"
    ]


def test_a_model_that_was_never_right_is_asked_all_the_same():
    assert references(choose([image(1, "bolt", "nut")], THRESHOLDS, 5)) == ["s3://b/1.png"]


def test_images_that_show_nothing_are_left_out():
    assert choose([JudgedImage("s3://b/1.png", (), (), None)], THRESHOLDS, 5) == []


LABELS = st.sampled_from(["bolt", "nut"])
IMAGES = st.lists(st.tuples(LABELS, LABELS, st.floats(0, 1)), max_size=30)


@given(IMAGES, st.integers(1, 8))
def test_no_more_are_chosen_than_asked_for_and_none_twice(drawn, most):
    images = [image(number, *one) for number, one in enumerate(drawn)]
    chosen = references(choose(images, THRESHOLDS, most))
    assert len(chosen) <= most
    assert len(set(chosen)) == len(chosen)
    right = [one for one in images if one.truth[0].label == one.predictions[0].guess.label]
    right = [one for one in right if one.predictions[0].guess.confidence >= 0.5]
    if right:
        assert set(chosen) <= set(references(right))
        assert len(chosen) == min(most, len(right))


@pytest.mark.parametrize(
    ("right", "asked", "minimum", "accepted"),
    [(5, 5, 1.0, True), (4, 5, 0.85, True), (3, 5, 0.85, False), (0, 5, 0.0, True)],
)
def test_the_gates_metric_over_the_answers_is_held_against_its_minimum(right, asked, minimum, accepted):
    good, bad = (Count("bolt", 1, 1, 0),), (Count("bolt", 1, 0, 0),)
    verdict = judge([good] * right + [bad] * (asked - right), [good] * asked, "f1", minimum)
    assert (verdict.asked, verdict.accepted) == (asked, accepted)


def test_a_model_that_was_not_right_about_them_must_be_as_good_as_it_was():
    good, bad = (Count("bolt", 1, 1, 0),), (Count("bolt", 1, 0, 0),)
    evaluated = [good, bad, bad]
    assert judge([good, bad, bad], evaluated, "recall", 0.9).accepted
    assert not judge([bad, bad, bad], evaluated, "recall", 0.9).accepted


def test_nothing_asked_is_nothing_against_the_model():
    assert judge([], [], "f1", 0.99) == (0, None, 0.99, True)
