"""What is kept of running models between two looks, and what a look reads: who holds them, whether they rest.

Items of the state table: `guard`, written by WatchModels only, holds `seen` ({ARN: {"running", "orphan"}}) and the
last `stops`; `rest` stands from the end of the office hours to their beginning, names what was `stopped` then, and
the `units` on which the live model ran.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from customlabels import leases, locks
from customlabels.guarding import PERIOD, Requests, Seen
from customlabels.telemetry import REQUESTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

GUARD, REST = "guard", "rest"
ANY_TIME = datetime.max.replace(tzinfo=UTC)  # whenever it was seen first, it must rest
STOPS = 20  # that are remembered


class Notes(NamedTuple):
    """The item `guard`: what the last look has found, and the last stops, newest first."""

    seen: dict[str, Seen]
    stops: list[dict[str, str]]  # {"version", "why", "when"}


class Holders(NamedTuple):
    """Who holds a project's versions: all of them an execution that is at work, or single ones a lease."""

    execution: str | None
    leases: Mapping[str, str]  # by ARN the name of a lease

    def hold(self, arn: str) -> bool:
        """Whether the version must be left running."""
        return self.execution is not None or arn in self.leases


class Rest(NamedTuple):
    """The item `rest`: since when the office is closed, and which versions (ARNs) have not run since then."""

    since: datetime
    stopped: list[str]
    due: list[str]  # that ran, or were about to, when the office closed, and could not be stopped at once
    units: dict[str, int]  # as StartProjectVersion takes them; empty where nobody knows

    def of(self, arn: str) -> datetime | None:
        """From when on the version may run; None for one that was stopped, and runs since somebody woke it."""
        if arn in self.stopped:
            return None
        return ANY_TIME if arn in self.due else self.since


def read_notes(table: "Table", project: str) -> Notes:
    """What the last look has left."""
    item = _read(table, project, GUARD)
    seen: dict[str, Any] = item.get("seen", {})
    found = {
        arn: Seen(datetime.fromisoformat(at["running"]), at["orphan"] and datetime.fromisoformat(at["orphan"]))
        for arn, at in seen.items()
    }
    return Notes(found, item.get("stops", []))


def write_notes(table: "Table", project: str, notes: Notes) -> None:
    """Keep what a look has found for the next one."""
    seen = {
        arn: {"running": at.running.isoformat(), "orphan": at.orphan and at.orphan.isoformat()}
        for arn, at in notes.seen.items()
    }
    table.put_item(Item={"project": project, "item": GUARD, "seen": seen, "stops": notes.stops[:STOPS]})


def read_holders(table: "Table", project: str, now: datetime, runs: Callable[[str], bool]) -> Holders:
    """Who holds the project's versions now; `runs` says whether an execution still does."""
    execution = locks.holder_of(table, project)
    held = execution if execution and runs(execution) else None
    return Holders(held, leases.leased(table, project, now, runs))


def read_rest(table: "Table", project: str) -> Rest | None:
    """Since when the project rests, or None in office hours."""
    item = _read(table, project, REST)
    if not item:
        return None
    units = {key: int(value) for key, value in item["units"].items()}
    return Rest(datetime.fromisoformat(item["since"]), item["stopped"], item.get("due", []), units)


def begin_rest(table: "Table", project: str, rest: Rest) -> None:
    """Let the project rest."""
    item = {**rest._asdict(), "since": rest.since.isoformat()}
    table.put_item(Item={"project": project, "item": REST, **item})


def end_run(table: "Table", project: str, arn: str) -> None:
    """Note that a version was stopped for the rest, so that one that is woken later stays; no rest is begun."""
    rest = read_rest(table, project)
    if rest and arn not in rest.stopped:
        begin_rest(table, project, rest._replace(stopped=[*rest.stopped, arn]))


def is_known(table: "Table", project: str) -> bool:
    """Whether this stack has ever worked on the project: another stack's name may begin with the same letters."""
    from boto3.dynamodb.conditions import Key

    found = table.query(
        KeyConditionExpression=Key("project").eq(project),
        ProjectionExpression="#item",
        Limit=3,
        ExpressionAttributeNames={"#item": "item"},
        ConsistentRead=True,
    )
    return any(item["item"] not in (GUARD, REST) for item in found["Items"])


def end_rest(table: "Table", project: str) -> None:
    """Let the project rest no longer."""
    table.delete_item(Key={"project": project, "item": REST})


def read_requests(cloudwatch: Any, namespace: str, project: str, begin: datetime, end: datetime) -> Requests:
    """The requests that the API of the project has counted, asleep or not, in whole buckets from begin to end.

    `namespace` is that of both stacks' metrics.
    """
    metric = {
        "Namespace": namespace,
        "MetricName": REQUESTS,
        "Dimensions": [{"Name": "project", "Value": project}],
    }
    asked = {"Id": "requests", "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": "Sum"}}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[asked], StartTime=begin, EndTime=end
    )
    results = [result for page in pages for result in page["MetricDataResults"]]
    if not results or results[-1]["StatusCode"] != "Complete":
        return None
    return float(sum(value for result in results for value in result["Values"]))


def _read(table: "Table", project: str, item: str) -> dict[str, Any]:
    found = table.get_item(Key={"project": project, "item": item}, ConsistentRead=True)
    return found.get("Item", {})
