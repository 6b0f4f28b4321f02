"""What a batch holds of a model: a lease, and the mark that a batch, and nobody else, has started it.

The lease bears the name of the batch's output, so that one execution at a time writes there. It holds for as long
as the execution runs, which Step Functions tells, and so needs no renewal. The mark is an item
`started#<ARN>#<execution's name>` of the state table: whichever batch is the last to use the version stops it
where there is one.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from customlabels import leases
from customlabels.errors import RunInProgress
from customlabels.state_table import query, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MARK = "started#"


class Held(NamedTuple):
    """A batch's lease: its name without the prefix, and the version's ARN."""

    name: str
    arn: str


class Use(NamedTuple):
    """Who uses a version besides the batch that is about to leave it."""

    live: bool
    marked: bool  # a batch has started it
    held: bool  # by another lease
    at_work: bool  # a run is at work on the project


def is_to_stop(use: Use) -> bool:
    """Whether a batch that leaves a version stops it.

    A live one only where a batch has started it. One that is live no longer was left running for the batch; a run
    that is at work may be about to put it live again, and what it leaves running WatchModels stops.
    """
    if use.held:
        return False
    return use.marked if use.live else not use.at_work


def hold(table: "Table", project: str, output: str, arn: str, execution: str, runs: Callable[[str], bool]) -> None:
    """Lease the version for `execution`, which writes below the address `output`; twice is once.

    RunInProgress where another execution that still runs writes there.
    """
    key = {"project": project, "item": f"{leases.PREFIX}batch#{output}"}
    holder = _put(table, key, arn, execution, None)
    if holder is not None and not runs(holder):
        holder = _put(table, key, arn, execution, holder)
    if holder is not None:
        raise RunInProgress(
            f"Execution {holder.rsplit(':', 1)[-1]} is writing to {output}: start this batch once it has ended, "
            f"or give it another output."
        )


def held_by(table: "Table", project: str, execution: str) -> Held | None:
    """The lease that an execution holds, or None."""
    for item in leases.items(table, project):
        if item.get("execution") == execution:
            return Held(str(item["item"]).removeprefix(leases.PREFIX), str(item["projectVersionArn"]))
    return None


def let_go(table: "Table", project: str, held: Held, execution: str) -> None:
    """Say of a lease that it is about to end, so that of two batches that end at once one stops the model."""
    written(
        lambda: table.update_item(
            Key={"project": project, "item": f"{leases.PREFIX}{held.name}"},
            UpdateExpression="SET ending = :yes",
            ConditionExpression="execution = :me",
            ExpressionAttributeValues={":me": execution, ":yes": True},
        )
    )


def release(table: "Table", project: str, held: Held, execution: str) -> None:
    """Give the lease back, unless another execution has taken it over."""
    written(
        lambda: table.delete_item(
            Key={"project": project, "item": f"{leases.PREFIX}{held.name}"},
            ConditionExpression="execution = :me",
            ExpressionAttributeValues={":me": execution},
        )
    )


def others(table: "Table", project: str, arn: str, execution: str, runs: Callable[[str], bool]) -> list[str]:
    """The names of the leases that others hold on the version, those that are about to end left out."""
    return [
        str(item["item"]).removeprefix(leases.PREFIX)
        for item in leases.items(table, project)
        if item["projectVersionArn"] == arn
        and item.get("execution") != execution
        and not item.get("ending")
        and leases.holds(item, datetime.now(UTC), runs)
    ]


def mark(table: "Table", project: str, arn: str, execution: str) -> None:
    """Note that `execution` is about to start the version."""
    table.put_item(Item={"project": project, "item": _mark_of(arn, execution)})


def is_marked(table: "Table", project: str, arn: str) -> bool:
    """Whether a batch has started the version."""
    return bool(_marks(table, project, arn))


def started_by(table: "Table", project: str, execution: str) -> str | None:
    """The ARN of the version that this execution has started, or None."""
    found = _marks(table, project, "")
    name = f"#{execution.rpartition(':')[2]}"
    return next((mark.removeprefix(MARK).removesuffix(name) for mark in found if mark.endswith(name)), None)


def keep(table: "Table", project: str, arn: str) -> None:
    """Let no batch stop the version when it ends: it was stopped, or somebody else wants it to run now."""
    for item in _marks(table, project, arn):
        table.delete_item(Key={"project": project, "item": item})


def _marks(table: "Table", project: str, arn: str) -> list[str]:
    from boto3.dynamodb.conditions import Key

    asked = Key("project").eq(project) & Key("item").begins_with(_mark_of(arn, "") if arn else MARK)
    return [str(item["item"]) for item in query(table, KeyConditionExpression=asked, ConsistentRead=True)]


def _mark_of(arn: str, execution: str) -> str:
    return f"{MARK}{arn}#{execution.rpartition(':')[2]}"


def _put(table: "Table", key: dict[str, str], arn: str, execution: str, former: str | None) -> str | None:
    """Write the lease where there is none, or it is this execution's or `former`'s; else tell who holds it."""
    condition = "attribute_not_exists(#item) OR execution = :me"
    values = {":me": execution}
    if former is not None:
        condition, values[":former"] = f"{condition} OR execution = :former", former
    mine = written(
        lambda: table.put_item(
            Item={**key, "projectVersionArn": arn, "execution": execution},
            ConditionExpression=condition,
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=values,
        )
    )
    if mine:
        return None
    found: dict[str, Any] = table.get_item(Key=key, ConsistentRead=True).get("Item", {})
    # Let go of meanwhile: the next try finds it free.
    return str(found["execution"]) if found else _put(table, key, arn, execution, former)
