"""Leases: who uses a running version besides the live model's clients, so that nobody stops it under them.

An item of the state table under `lease#<name>`, held by an execution while it runs, or by a person until a time.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from customlabels.executions import is_running
from customlabels.state_table import query

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PREFIX = "lease#"


def by_hand(version: str) -> str:
    """The name of the lease that a person holds on a version."""
    return f"by-hand#{version}"


def take(
    table: "Table",
    project: str,
    name: str,
    arn: str,
    *,
    execution: str | None = None,
    until: datetime | None = None,
) -> None:
    """Lease the version `arn` under a name, for as long as `execution` runs or `until` (aware) is ahead."""
    held = {"execution": execution} if execution else {"until": until.isoformat() if until else ""}
    table.put_item(Item={"project": project, "item": f"{PREFIX}{name}", "projectVersionArn": arn, **held})


def release(table: "Table", project: str, name: str) -> None:
    """Give a lease back; one that does not exist is given back already."""
    table.delete_item(Key={"project": project, "item": f"{PREFIX}{name}"})


def leased(table: "Table", project: str, now: datetime, runs: Callable[[str], bool]) -> dict[str, str]:
    """The leased versions: by ARN the name of a lease. `runs` says whether an execution still does."""
    found = (item for item in items(table, project) if holds(item, now, runs))
    return {str(item["projectVersionArn"]): str(item["item"]).removeprefix(PREFIX) for item in found}


def items(table: "Table", project: str) -> Iterator[dict[str, Any]]:
    """The items of all leases of a project, also of those that hold no longer."""
    from boto3.dynamodb.conditions import Key

    asked = Key("project").eq(project) & Key("item").begins_with(PREFIX)
    return query(table, KeyConditionExpression=asked, ConsistentRead=True)


def holds(item: dict[str, Any], now: datetime, runs: Callable[[str], bool]) -> bool:
    """Whether a lease, as its item tells it, still holds; `runs` says whether an execution does."""
    return runs(str(item["execution"])) if "execution" in item else _ahead(str(item["until"]), now)


def lease_on(table: "Table", project: str, arn: str, steps: Any) -> str | None:
    """The name of a lease that holds this version now, or None; `steps` is a client of Step Functions."""
    return leased(table, project, datetime.now(UTC), partial(is_running, steps)).get(arn)


def _ahead(until: str, now: datetime) -> bool:
    return bool(until) and datetime.fromisoformat(until) > now
