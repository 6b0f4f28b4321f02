"""The bootstrap: what it must give whatever the outcomes, and against NumPy drawing image by image."""

import random

import numpy as np
import pytest
from customlabels import bootstrap
from customlabels.bootstrap import difference_interval, interval
from customlabels.outcomes import Thing, mean_rate, outcome, total
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = ("bolt", "nut", "washer")
METRICS = ("f1", "precision", "recall")
few = st.dictionaries(st.sampled_from(LABELS), st.integers(0, 3), max_size=3)


@st.composite
def results(draw):
    """An image's truth, and two models' outcomes of it."""
    truth = [Thing(label, None) for label, n in draw(few).items() for _ in range(n)]
    made = []
    for _ in range(2):
        right = {label: draw(st.integers(0, sum(one.label == label for one in truth))) for label in LABELS}
        made.append(outcome(truth, {label: n for label, n in right.items() if n}, draw(few)))
    return tuple(made)


def models(images):
    """The outcomes of two models by image."""
    return tuple({index.to_bytes(16, "big"): one[model] for index, one in enumerate(images)} for model in (0, 1))


def classified(count, errors, seed, labels=LABELS):
    """Images with one label each, of which a share is taken for another."""
    truths, chance, found = random.Random(1), random.Random(seed), {}
    for index in range(count):
        label = truths.choice(labels)
        wrong = chance.random() < errors
        right, other = ({}, {chance.choice(labels): 1}) if wrong else ({label: 1}, {})
        other.pop(label, None)
        found[index.to_bytes(16, "big")] = outcome([Thing(label, None)], right, other)
    return found


@settings(max_examples=25)
@given(st.lists(results(), max_size=12), st.sampled_from(METRICS))
def test_intervals_are_within_their_bounds_and_repeatable(images, metric):
    challenger, champion = models(images)
    shown = any(one.positives for image in challenger.values() for one in image)
    own = interval(challenger, LABELS, metric, "arn")
    both = difference_interval(challenger, champion, LABELS, metric, "arn")
    assert (own is None) == (both is None) == (not shown)
    if own and both:
        assert 0 <= own[0] <= own[1] <= 1
        assert -1 <= both[0] <= both[1] <= 1
    assert own == interval(dict(reversed(challenger.items())), LABELS, metric, "arn"), "the order does not matter"
    assert both == difference_interval(challenger, dict(reversed(champion.items())), LABELS, metric, "arn")


@settings(max_examples=25)
@given(st.lists(results(), min_size=1, max_size=12), st.sampled_from(METRICS))
def test_equal_models_do_not_differ(images, metric):
    challenger, _ = models(images)
    assert difference_interval(challenger, challenger, LABELS, metric, "arn") in (None, (0.0, 0.0))


@settings(max_examples=20)
@given(st.integers(40, 300), st.floats(0.05, 0.4), st.integers(0, 1000), st.sampled_from(METRICS))
def test_the_interval_holds_what_was_measured(count, errors, seed, metric):
    found = classified(count, errors, seed)
    low, high = interval(found, LABELS, metric, str(seed))
    assert low <= mean_rate(metric, total(found.values()), LABELS) <= high


def test_another_seed_draws_other_images():
    found = classified(100, 0.2, 3)
    assert interval(found, LABELS, "f1", "one") != interval(found, LABELS, "f1", "other")


def drawn_by_numpy(challenger, champion, labels, metric, resamples=2000):
    """The same two intervals, by drawing images and counting them again each time."""
    generator, keys = np.random.default_rng(5), sorted(challenger)
    tables = np.zeros((2, len(keys), len(labels), 3))
    for model, images in enumerate((challenger, champion)):
        for row, key in enumerate(keys):
            for label, *counts in images[key]:
                tables[model, row, labels.index(label)] = counts
    values = []
    for _ in range(resamples):
        positives, right, wrong = np.moveaxis(tables[:, generator.integers(0, len(keys), len(keys))].sum(1), -1, 0)
        with np.errstate(invalid="ignore"):
            rates = {
                "f1": 2 * right / (right + wrong + positives),
                "recall": right / positives,
                "precision": np.nan_to_num(right / (right + wrong)),
            }[metric]
        values.append(np.nanmean(np.where(positives > 0, rates, np.nan), axis=1))
    own, other = np.array(values).T
    return np.quantile(own, (0.025, 0.975)), np.quantile(own - other, (0.025, 0.975))


@pytest.mark.parametrize("metric", METRICS)
def test_intervals_are_those_of_numpy(metric):
    challenger, champion = classified(400, 0.15, 2), classified(400, 0.25, 3)
    own, both = drawn_by_numpy(challenger, champion, LABELS, metric)
    width = own[1] - own[0]
    assert interval(challenger, LABELS, metric, "arn") == pytest.approx(own, abs=width / 8)
    width = both[1] - both[0]
    assert difference_interval(challenger, champion, LABELS, metric, "arn") == pytest.approx(both, abs=width / 8)


def test_groups_of_images_give_the_same_interval(monkeypatch):
    challenger, champion = classified(3000, 0.15, 2), classified(3000, 0.2, 3)
    monkeypatch.setattr(bootstrap, "POOLS", 3000)
    single = difference_interval(challenger, champion, LABELS, "f1", "arn")
    monkeypatch.setattr(bootstrap, "POOLS", 500)
    grouped = difference_interval(challenger, champion, LABELS, "f1", "arn")
    assert grouped == pytest.approx(single, abs=(single[1] - single[0]) / 8)


def test_many_boxes_of_one_image_do_not_overflow_into_another_label():
    boxes = [Thing("bolt", None)] * 60_000 + [Thing("nut", None)]
    found = {bytes([index]): outcome(boxes, {"bolt": 60_000}, {"nut": 60_000}) for index in range(30)}
    assert interval(found, LABELS, "recall", "arn") == (0.5, 0.5)
