"""What is right and wrong in an image, and how a comparison of two models follows from it."""

import pytest
from customlabels.comparing import Measured, compare, compare_again, own_interval, same_images
from customlabels.evaluation import Evaluation, LabelMetrics
from customlabels.outcomes import Count, Guess, OtherKind, Thing, count, mean_rate, outcome, overlap, rate, total
from customlabels.snapshots import read_images
from hypothesis import given
from hypothesis import strategies as st

BOX = (10.0, 10.0, 20.0, 20.0)
sides = st.tuples(*[st.integers(-50, 50)] * 2, *[st.integers(0, 50)] * 2)


def counts(truth, guesses):
    return {label: tuple(rest) for label, *rest in count(truth, guesses)}


def test_labels_of_an_image_count_once():
    truth = [Thing("bolt", None), Thing("nut", None)]
    assert counts(truth, [Guess("bolt", 80, None), Guess("washer", 70, None)]) == {
        "bolt": (1, 1, 0),
        "nut": (1, 0, 0),
        "washer": (0, 0, 1),
    }


def test_a_box_is_right_once_and_the_surest_takes_it():
    near, same = Guess("bolt", 60, (11.0, 10.0, 20.0, 20.0)), Guess("bolt", 90, BOX)
    assert counts([Thing("bolt", BOX)], [near, same]) == {"bolt": (1, 1, 1)}


@pytest.mark.parametrize(
    ("guess", "right"),
    [
        (Guess("bolt", 90, (10.0, 10.0, 20.0, 10.0)), True),  # half of it, which is enough
        (Guess("bolt", 90, (10.0, 10.0, 20.0, 9.0)), False),
        (Guess("nut", 90, BOX), False),
        (Guess("bolt", 90, (60.0, 60.0, 20.0, 20.0)), False),
    ],
)
def test_a_box_is_right_from_half_an_overlap_of_its_label(guess, right):
    made = counts([Thing("bolt", BOX)], [guess])
    assert made["bolt"][1] == right
    assert sum(one[2] for one in made.values()) == (not right)


def test_boxes_are_not_compared_with_labels():
    with pytest.raises(OtherKind):
        count([Thing("bolt", BOX)], [Guess("bolt", 90, None)])


@given(sides, sides)
def test_overlap_is_a_share_and_symmetric(one, other):
    assert 0 <= overlap(one, other) == overlap(other, one) <= 1
    assert overlap(one, one) == (1 if one[2] * one[3] else 0)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_is_the_harmonic_mean(right, missed, wrong):
    precision, recall, f1 = (
        rate(metric, right + missed, right, wrong) for metric in ("precision", "recall", "f1")
    )
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall) if right else 0)


def test_means_leave_out_labels_that_no_image_shows():
    found = {"bolt": Count("bolt", 2, 1, 0), "nut": Count("nut", 0, 0, 3)}
    assert mean_rate("recall", found, {"bolt", "nut"}) == 0.5
    assert mean_rate("recall", found, {"nut"}) is None


def test_a_line_that_is_no_test_image_is_named():
    with pytest.raises(ValueError, match="line 3 of the evaluation manifest"):
        list(read_images(['{"source-ref": "s3://b/1.png"}', "", '{"class": 1}']))


def model(name, images, known):
    """A version that was measured on `images`: for each its labels, and those it was said to have."""
    found = {}
    for key, (truth, said) in images.items():
        things = [Thing(label, None) for label in truth]
        found[key.encode()] = count(things, [Guess(label, 1, None) for label in said])
    sums = total(found.values())
    rows = tuple(
        LabelMetrics(label, *(rate(m, *sums[label][1:]) for m in ("f1", "precision", "recall")), 0.5, 1)
        for label in known
        if label in sums and sums[label].positives
    )
    means = [sum(getattr(row, metric) for row in rows) / len(rows) for metric in ("f1", "precision", "recall")]
    return Measured(name, name, Evaluation(*means, len(images), rows), frozenset(known), found)


OLD = {"1": ("a", "a"), "2": ("a", "a"), "3": ("b", "b"), "4": ("b", "b")}
HARD = {**OLD, "5": ("n", "")}  # a new label, which is not found


def test_a_new_label_is_no_regression_and_hides_none():
    before, after = model("old", HARD, "ab"), model("new", HARD, "abn")
    assert after.evaluation.f1 < before.evaluation.f1
    assert compare(after, before, "f1")[3:] == (1.0, 0.0, (0.0, 0.0))
    worse = model("new", {**HARD, "5": ("n", "n"), "1": ("a", "b")}, "abn")
    assert compare(worse, before, "f1").difference == pytest.approx((2 / 3 + 4 / 5) / 2 - 1)


def test_a_label_that_was_lost_is_a_regression():
    before = model("old", OLD, "ab")
    after = model("new", {**OLD, "3": ("b", ""), "4": ("b", "")}, "a")
    assert after.evaluation.f1 == 1
    assert compare(after, before, "f1").difference == -0.5


def test_a_comparison_that_was_measured_again_is_on_the_images_of_both():
    before, after = model("old", OLD, "ab"), model("new", HARD, "abn")
    assert not same_images(before, after)
    again = model("old", {"1": ("a", "b"), "3": ("b", "b")}, "ab").images
    found = compare_again(after, before, again, "recall")
    assert (found.comparison, found.value, found.difference) == ("measured again", 0.5, 0.5)
    assert found.note == "measured again on 2 of 5 test images and 2 labels"


def test_nothing_known_in_common_is_not_comparable():
    before, after = model("old", OLD, "ab"), model("new", {"9": ("n", "n")}, "n")
    assert compare_again(after, before, {b"9": outcome([Thing("n", None)], {}, {})}, "f1").difference is None


def test_a_manifest_that_disagrees_with_its_summary_gives_no_interval():
    before, after = model("old", OLD, "ab"), model("new", OLD, "ab")
    assert own_interval(after, "f1") == (1.0, 1.0)
    lying = Measured("new", "new", after.evaluation._replace(recall=0.5), after.known, after.images)
    assert own_interval(lying, "f1") is None
    found = compare(lying, before, "f1")
    assert (found.comparison, found.difference, found.interval) == ("same test images", 0.0, None)
    assert compare_again(lying, before, after.images, "f1").comparison == "not comparable"
