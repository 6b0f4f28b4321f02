"""How long a run will take, by those of the project that came before it."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from cli import runs
from cli.history import elapsed
from cli.stack import Cloud, Stack

_MOST = 20  # records that are read: older runs had other data


class Estimate(NamedTuple):
    """The median time of the runs that an estimate rests on, in seconds, and how many these are."""

    seconds: float
    runs: int

    def said(self) -> str:
        """The estimate as a sentence."""
        if self.runs == 1:
            return f"The one such run before this took {elapsed(self.seconds)}."
        return f"The {self.runs} such runs before this took {elapsed(self.seconds)} (median)."

    def left(self, seconds: float) -> str:
        """What is left of a run that is so many seconds old, as a phrase."""
        left = self.seconds - seconds
        return f"about {elapsed(left)} left" if left > 0 else f"longer than expected, {elapsed(self.seconds)}"


def estimate(records: Iterable[Mapping[str, Any]], switch: bool = False) -> Estimate | None:
    """How long a training run takes that comes to a verdict, or a switch; None where there was none yet."""
    took = [
        (datetime.fromisoformat(one["ended"]) - datetime.fromisoformat(one["started"])).total_seconds()
        for one in records
        if (one["outcome"] == "switched" if switch else _has_trained(one))
    ]
    return Estimate(median(took), len(took)) if took else None


def _has_trained(one: Mapping[str, Any]) -> bool:
    return bool(one.get("trainingSeconds")) and (
        one["outcome"] == "promoted" or one.get("error") == "ModelRejected"
    )


def expected(cloud: Cloud, stack: Stack, project: str, execution: Mapping[str, Any]) -> Estimate | None:
    """The estimate for a training or a switch; None for what has ended or only checks, or where nobody may look.

    Nothing tells how long a batch, a teardown or a copy takes: records are of runs, and those of copies are few.
    """
    made = json.loads(execution.get("input") or "{}")
    if execution["status"] != "RUNNING" or execution["stateMachineArn"] != stack.outputs.get("StateMachineArn"):
        return None
    if not isinstance(made, dict) or made.get("dryRun") or "copyFrom" in made:
        return None
    try:
        return estimate(runs.records(cloud, stack, project, _MOST), "switchTo" in made)
    except ClientError:
        return None  # an operator who may not read the state table still watches
