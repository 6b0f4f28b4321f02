"""What trainings and running models cost at the stack's price parameters, in their currency."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prices:
    """The stack's price parameters."""

    training: float  # an hour
    inference: float  # an hour and inference unit

    def of_training(self, seconds: float) -> float:
        """A training of so many billed seconds."""
        return round(seconds / 3600 * self.training, 2)

    def per_hour(self, units: int) -> float:
        """An hour of a model on so many inference units, called or not."""
        return round(units * self.inference, 2)

    def per_day(self, units: int) -> float:
        """A day of a model on so many inference units, called or not."""
        return round(units * self.inference * 24, 2)


def amount(value: float) -> str:
    """An amount of money as it is told, without its currency, which the stack does not know."""
    return f"{value:,.2f}"


def units_said(units: int) -> str:
    """So many inference units, in words."""
    return f"{units} inference unit{'' if units == 1 else 's'}"


def running_said(units: int, prices: Prices) -> str:
    """A model that runs on so many units, and what that costs, as the end of a sentence that goes on."""
    cost = "costs" if units == 1 else "cost"
    per_day, price = amount(prices.per_day(units)), amount(prices.inference)
    return f"{units_said(units)}, which {cost} about {per_day} a day at {price} an hour and unit"
