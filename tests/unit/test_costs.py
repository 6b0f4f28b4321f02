"""Costs at the stack's prices: every place that tells one tells the same."""

from dataclasses import replace

import pytest
from customlabels.costs import Prices, amount, units_said
from customlabels.inspection import estimate
from customlabels.settings import Checking
from reporting import document
from reporting.facts import Prices as ReportPrices

from tests.templates import environment
from tests.unit.test_report import facts

PRICES = Prices(training=1.37, inference=4.2)


def test_hours_and_units_are_multiplied_by_their_prices():
    assert PRICES.of_training(5400) == 2.06
    assert PRICES.of_training(0) == 0
    assert (PRICES.per_hour(2), PRICES.per_day(2)) == (8.4, 201.6)


def test_amounts_are_told_with_two_decimals():
    assert (amount(4), amount(1234.5)) == ("4.00", "1,234.50")
    assert (units_said(1), units_said(2)) == ("1 inference unit", "2 inference units")


@pytest.mark.parametrize(("seconds", "units"), [(5400, 1), (86_399, 5), (1, 3)])
def test_the_dry_run_and_the_report_reckon_the_same(seconds, units):
    given = environment("template.yaml", "Preflight", {"DataBucket": "data", "StateTable": "state"})
    checking = replace(Checking.read(given), training_hours=seconds / 3600, prices=PRICES)
    told = estimate(checking, units)
    assert told["training"] == PRICES.of_training(seconds)
    assert (told["runningPerHour"], told["runningPerDay"]) == (PRICES.per_hour(units), PRICES.per_day(units))
    # The report ships as a package of its own, which holds nothing of this one.
    reported = document._cost(
        replace(
            facts(["bolt"], []),
            event={"cost": {"trainingSeconds": seconds, "inferenceUnits": units}},
            prices=ReportPrices(PRICES.training, PRICES.inference),
        )
    )
    assert {key: reported[key] for key in ("training", "runningPerHour", "runningPerDay")} == {
        key: told[key] for key in ("training", "runningPerHour", "runningPerDay")
    }
