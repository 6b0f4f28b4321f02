"""The history of a project's runs, as their records in the state table tell it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from customlabels.locks import ITEM as LOCK
from customlabels.records import history

from cli.history import elapsed
from cli.screen import Screen
from cli.stack import Cloud, Stack

COLUMNS = ("run", "outcome", "F1", "images", "new", "trained", "began", "took")


def records(cloud: Cloud, stack: Stack, project: str, most: int) -> list[dict[str, Any]]:
    """The newest records of a project, newest first."""
    return history(cloud.table(stack.output("StateTableName")), project, most)


def at_work(cloud: Cloud, stack: Stack, project: str) -> dict[str, Any] | None:
    """The execution that holds the project's lock, {"execution", "since"}, or None."""
    table = cloud.table(stack.output("StateTableName"))
    item = table.get_item(Key={"project": project, "item": LOCK}, ConsistentRead=True).get("Item")
    return {key: item[key] for key in ("execution", "since")} if item else None


def show(found: Sequence[Mapping[str, Any]], screen: Screen) -> None:
    """Print the records as a table."""
    screen.table("Runs, newest first", COLUMNS, [_row(one) for one in found])


def _row(one: Mapping[str, Any]) -> list[str]:
    images = one.get("images") or {}
    return [
        one["execution"].rsplit(":", 1)[-1],
        one["outcome"] if one["outcome"] != "failed" else str(one.get("error") or "failed"),
        f"{one['metrics']['f1']:.3f}" if one.get("metrics") else "-",
        str(images["training"] + images["testing"]) if images else "-",
        str(images["new"]) if images else "-",
        elapsed(one["trainingSeconds"]) if one.get("trainingSeconds") else "-",
        moment(one["started"]),
        elapsed((datetime.fromisoformat(one["ended"]) - datetime.fromisoformat(one["started"])).total_seconds()),
    ]


def moment(iso: str) -> str:
    """A moment in this machine's time zone, to the second."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S")
