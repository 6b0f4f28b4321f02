"""The lock of a project: one run at a time, held by an execution until it ends."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from customlabels.errors import RunInProgress
from customlabels.state_table import written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

ITEM = "lock"
SWITCH = timedelta(hours=2)  # far more than an in-place switch takes, with all of its waiting


def take(table: "Table", project: str, execution: str, since: str, runs: Callable[[str], bool]) -> None:
    """Take the lock for `execution`; taking it twice is taking it once.

    RunInProgress names the execution that holds it. One that no longer runs (`runs` says so) loses it: it was
    ended from outside before it could let go.
    """
    holder = _put(table, project, execution, since, None)
    if holder is None:
        return
    if not runs(holder["execution"]):
        now = _put(table, project, execution, since, holder["execution"])
        if now is None:
            return
        holder = now
    raise RunInProgress(
        f"Execution {holder['execution'].rsplit(':', 1)[-1]} has been at work on project {project} since "
        f"{holder['since']}: start this run once it has ended."
    )


def owe(table: "Table", project: str, execution: str, arn: str) -> bool:
    """Write beside the lock that `execution` is about to stop the live version `arn`, and must see it run again.

    It holds until another version is live or the lock is let go; False where the lock is not this execution's.
    """
    return written(
        lambda: table.update_item(
            Key={"project": project, "item": ITEM},
            UpdateExpression="SET owes = :arn, owesSince = :now",
            ConditionExpression="execution = :me",
            ExpressionAttributeValues={":me": execution, ":arn": arn, ":now": datetime.now(UTC).isoformat()},
        )
    )


def settle(table: "Table", project: str, execution: str) -> bool:
    """Forget what `execution` owes; False where the lock is not its own."""
    return written(
        lambda: table.update_item(
            Key={"project": project, "item": ITEM},
            UpdateExpression="REMOVE owes, owesSince",
            ConditionExpression="execution = :me",
            ExpressionAttributeValues={":me": execution},
        )
    )


def holder_of(table: "Table", project: str) -> str | None:
    """The execution that holds the lock, which may have ended since; None where nobody does."""
    item = _read(table, project)
    return str(item["execution"]) if "execution" in item else None


def owed_by(table: "Table", project: str, execution: str, live: str | None) -> str | None:
    """`live` where a holder of this execution's lock has written that it stopped that version, else None."""
    held = _read(table, project)
    mine = held.get("execution") == execution and held.get("owes") == live
    return live if mine else None


def release(table: "Table", project: str, execution: str) -> bool:
    """Let go of the lock if this execution holds it, and say whether it did."""
    return written(
        lambda: table.delete_item(
            Key={"project": project, "item": ITEM},
            ConditionExpression="execution = :me",
            ExpressionAttributeValues={":me": execution},
        )
    )


def _read(table: "Table", project: str) -> dict[str, Any]:
    found = table.get_item(Key={"project": project, "item": ITEM}, ConsistentRead=True)
    return found.get("Item", {})


def owed(table: "Table", project: str) -> str | None:
    """The version that a run has stopped to make room for another, and starts again if that one fails; or None.

    After SWITCH it is None, too: the run has ended in a way that nobody has cleaned up after.
    """
    item = _read(table, project)
    if not item.get("owes") or datetime.fromisoformat(str(item["owesSince"])) < datetime.now(UTC) - SWITCH:
        return None
    return str(item["owes"])


def _put(table: "Table", project: str, execution: str, since: str, former: str | None) -> dict[str, Any] | None:
    """Write the lock where there is none, where it is this execution's, or `former`'s; else tell who holds it."""
    condition = "attribute_not_exists(#item) OR execution = :me"
    values = {":me": execution, ":since": since}
    if former is not None:
        condition, values[":former"] = f"{condition} OR execution = :former", former
    # An update, so that what the former holder owes stays with the lock.
    mine = written(
        lambda: table.update_item(
            Key={"project": project, "item": ITEM},
            UpdateExpression="SET execution = :me, since = :since",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=values,
        )
    )
    if mine:
        return None
    held = _read(table, project)
    return held or _put(table, project, execution, since, former)  # None: let go of meanwhile
