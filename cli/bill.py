"""What is paid for, at the prices that the training stack was deployed with; a local cloud bills nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from customlabels.costs import Prices, amount, running_said
from customlabels.inputs import keeps_running

from cli.history import elapsed
from cli.stack import Stack


def prices(stack: Stack) -> Prices | None:
    """The stack's price parameters; None for a stack that was deployed before it had any."""
    training, inference = (stack.parameters.get(name) for name in ("TrainingPrice", "InferencePrice"))
    return Prices(float(training), float(inference)) if training and inference else None


def account(at: Prices | None, units: int, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What runs and what the trainings of these records were billed for, as plain values; None where unknown.

    A training that a later run took over stands in both records, and is counted once.
    """
    trained = {one.get("projectVersionArn") or one["execution"]: one.get("trainingSeconds") or 0 for one in runs}
    seconds = sum(trained.values())
    return {
        "inferenceUnits": units,
        "perDay": at and at.per_day(units),
        "trainingSeconds": seconds,
        "training": at and at.of_training(seconds),
    }


def running(at: Prices | None, units: int, billed: bool) -> str:
    """What models that run on so many units in all cost, as a sentence."""
    if at is None:
        return "It bills by the hour." if billed else "Nothing bills here; on AWS it would bill by the hour."
    if billed:
        return f"That is {running_said(units, at)}."
    return f"Nothing bills here. On AWS it would be {running_said(units, at)}."


def trained(at: Prices | None, seconds: float, billed: bool) -> str:
    """What the trainings of the runs that are listed were billed for, as a sentence."""
    what = f"Trainings of these runs: {elapsed(seconds)}"
    if at is None:
        return f"{what}."
    cost = f"{amount(at.of_training(seconds))} at {amount(at.training)} an hour"
    return f"{what}, which cost about {cost}." if billed else f"{what}. On AWS it would cost about {cost}."


def before_run(stack: Stack, made: Mapping[str, Any], project: str, billed: bool, flag: str = "") -> str | None:
    """What a run or a switch with the input `made` will cost; None where it costs nothing."""
    if made.get("dryRun"):
        return None
    at, switch = prices(stack), "switchTo" in made
    training = (
        f"Training costs {amount(at.training)} an hour. " if at and not switch and "copyFrom" not in made else ""
    )
    what = "The model that it switches to" if switch else "A model that this run promotes"
    units = running_said(_units(stack, made), at) if at else "inference units, which bill by the hour"
    if not _keeps_running(stack, made):
        note = f"{training}A model that is accepted runs for its test, on {units}, and is then stopped"
        return f"{note}." if billed else f"Nothing bills here. On AWS: {note}."
    note = f"{training}{what} runs on {units}, also when nobody uses it, until it is stopped"
    if not billed:
        return f"Nothing bills here. On AWS: {note}."
    return f"{note}: `python -m cli stop --project {project}{flag}`."


def _units(stack: Stack, made: Mapping[str, Any]) -> int:
    """The units that the input asks for, else the stack's; what is no number the run itself refuses."""
    model = made.get("model")
    asked = model.get("minUnits") if isinstance(model, dict) else None
    return asked if isinstance(asked, int) else int(stack.parameters.get("MinUnits") or 1)


def _keeps_running(stack: Stack, made: Mapping[str, Any]) -> bool:
    """Whether the model that is accepted goes on running, as the input says or else the stack."""
    return keeps_running(made, stack.parameters.get("KeepRunning") != "false")
