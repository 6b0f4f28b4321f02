"""The arithmetic of docs/costs.md: every row is what its own figures, and the template's defaults, come to."""

import re

import pytest
from customlabels.costs import Prices

from tests.templates import ROOT, defaults

PAGE = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
DEFAULTS = defaults("template.yaml")
PRICES = Prices(float(DEFAULTS["TrainingPrice"]), float(DEFAULTS["InferencePrice"]))
HOURS = 2  # of the training that the page reckons with


def rows(head: str) -> list[list[str]]:
    """The cells of a table by how its head begins."""
    lines = PAGE[PAGE.index(f"| {head} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


WEEKS, REST = rows("how the model runs"), rows("what | how much")


def test_the_page_names_the_defaults():
    assert f"At {PRICES.training:g} USD an hour of training and {PRICES.inference:g} USD" in PAGE
    assert float(DEFAULTS["ExpectedTrainingHours"]) == HOURS


@pytest.mark.parametrize("row", WEEKS, ids=[row[0] for row in WEEKS])
def test_a_week_is_its_hours_at_the_prices(row):
    hours, training, running, together = (float(cell) for cell in row[1:])
    assert training == PRICES.of_training(HOURS * 3600)
    assert running == hours * PRICES.per_hour(1)
    assert together == training + running


def test_the_hours_are_those_of_the_schedules():
    begin, end = (
        re.fullmatch(r"cron\(0 (\d+) \? \* MON-FRI \*\)", DEFAULTS[f"OfficeHours{at}"]) for at in ("Start", "Stop")
    )
    hours = {row[0].split(",")[0]: float(row[1]) for row in WEEKS}
    assert hours["in office hours"] == 5 * (int(end[1]) - int(begin[1]))
    assert hours["day and night"] == 7 * 24


@pytest.mark.parametrize("row", REST, ids=[row[0] for row in REST])
def test_the_rest_is_so_much_of_it_at_its_price(row):
    amount, price, told = (float(cell) for cell in row[1:])
    assert told == pytest.approx(amount * price, abs=0.00501)


def test_the_rest_is_less_than_an_hour_of_a_model():
    assert sum(float(row[3]) for row in REST) < PRICES.per_hour(1)


def test_the_watch_looks_as_often_as_the_page_says():
    every = int(re.fullmatch(r"rate\((\d+) minutes\)", DEFAULTS["WatchExpression"])[1])
    (told,) = [float(row[1]) for row in REST if "WatchModels" in row[0]]
    assert told == 7 * 24 * 60 / every * 256 / 1024
