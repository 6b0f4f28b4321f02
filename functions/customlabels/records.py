"""The record of each run: what it was asked, what it found, what became of it, and what it cost.

An item of the state table under `run#<when it began>#<version>`, so that a query gives the history in order.
"""

import json
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from customlabels.costs import Prices
from customlabels.state_table import query

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PREFIX = "run#"
LEAVES_RUNNING = ("promoted", "switched")  # the outcomes after which the run's version is live and runs
INPUT = 4000  # characters of the input that are kept; an item may have 400 KB


def write(table: "Table", project: str, record: dict[str, Any]) -> None:
    """Write a record, which has at least `started` (ISO 8601) and `version`; a second call writes it again."""
    text = json.dumps(record, default=str)
    item = json.loads(text, parse_float=Decimal)
    key = f"{PREFIX}{record['started']}#{record['version']}"
    table.put_item(Item={**item, "project": project, "item": key})


def history(table: "Table", project: str, most: int) -> list[dict[str, Any]]:
    """The newest records of a project, newest first, as plain values."""
    from boto3.dynamodb.conditions import Key

    asked = Key("project").eq(project) & Key("item").begins_with(PREFIX)
    found = query(table, KeyConditionExpression=asked, ScanIndexForward=False, Limit=most)
    return [_plain(item) for item in islice(found, most)]


def record_of(run: dict[str, Any], ended: str, prices: Prices) -> dict[str, Any]:
    """The record of the run whose state is `run`; what it had not come to is None."""
    # A run may fail after its result was written down: it has none then.
    result, failed = {} if "failed" in run else run.get("result") or {}, run.get("cleanUp") or {}
    evaluation, trained = run.get("evaluation") or {}, run.get("trained") or {}
    compared, preflight = run.get("compared") or {}, run.get("preflight") or {}
    created = (run.get("model") or {}).get("created") or {}
    outcome = result.get("outcome", "failed")
    switched = result if outcome == "switched" else {}  # to a version that this run has not trained
    units = (result.get("cost") or {}).get("inferenceUnits") if outcome in LEAVES_RUNNING else None
    seconds = 0 if run.get("switchTo") else trained.get("trainingSeconds")  # which was paid by an earlier run
    return {
        "execution": run["execution"],
        "version": switched.get("version") or trained.get("version") or run.get("version"),
        "started": run["since"],
        "ended": ended,
        "outcome": outcome,
        "reason": result.get("reason"),
        "error": None if result else failed.get("error"),
        "cause": None if result else failed.get("cause"),
        "input": json.dumps(run.get("input"))[:INPUT],
        "projectVersionArn": switched.get("projectVersionArn") or created.get("arn"),
        "data": compared.get("data"),
        "images": _images(run),
        "metrics": evaluation.get("metrics"),
        "verdict": evaluation.get("verdict"),
        "smoke": run.get("smoke"),
        "trainingSeconds": seconds,
        "inferenceUnits": units,
        "cost": {
            "training": None if seconds is None else prices.of_training(seconds),
            "perDay": None if units is None else prices.per_day(units),
        },
        "report": (run.get("reported") or {}).get("report"),
        "findings": preflight.get("page"),
    }


def _images(run: dict[str, Any]) -> dict[str, int] | None:
    if "train" not in run or "compared" not in run:
        return None
    return {
        "training": run["train"]["images"],
        "testing": run["test"]["images"],
        "new": run["compared"]["newImages"],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
