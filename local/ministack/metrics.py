"""CloudWatch: metrics in the embedded format that functions write to their logs, which ministack reads past."""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from local.ministack.private import module

MOST_DIMENSIONS = 30  # of a metric, as the format's specification says


class Datum(NamedTuple):
    """One metric of a line: in a namespace, by some dimensions, with its values at a time in epoch seconds."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    unit: str
    values: list[float]
    time: float


def take_metrics() -> None:
    """Hand each embedded metric that a function has logged to CloudWatch, and let the alarms look at it."""
    functions, cloudwatch = module("services.lambda_svc"), module("services.cloudwatch")
    emit = functions._emit_lambda_logs

    def emit_metrics(function: dict[str, Any], request_id: str, text: str, *rest: Any, **named: Any) -> None:
        emit(function, request_id, text, *rest, **named)
        found = [datum for line in text.splitlines() for datum in embedded(line)]
        for one in found:
            cloudwatch._store_datum(
                one.namespace, one.name, one.dimensions, one.time, one.unit, None, one.values, None, None
            )
        if found:
            cloudwatch._evaluate_all_alarms()

    functions._emit_lambda_logs = emit_metrics


def embedded(line: str) -> Iterator[Datum]:
    """The metrics of one line of a log; none where it is not of the format, as CloudWatch takes such lines.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    start = line.find("{")
    try:
        told = json.loads(line[start:]) if start >= 0 and '"_aws"' in line else {}
        about = told["_aws"]
        at = about.get("Timestamp", time.time() * 1000) / 1000
        directives = [
            (one["Namespace"], keys, metric["Name"], metric.get("Unit", "None"))
            for one in about["CloudWatchMetrics"]
            for keys in one["Dimensions"]
            for metric in one["Metrics"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    for namespace, keys, name, unit in directives:
        dimensions: dict[str, Any] = {key: told.get(key) for key in keys}
        values = _numbers(told.get(name))
        known = all(isinstance(value, str) for value in dimensions.values())
        if known and len(keys) <= MOST_DIMENSIONS and values:
            yield Datum(namespace, name, dimensions, unit, values, at)


def _numbers(value: Any) -> list[float]:
    """A metric's values: a number, or a list of them."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in values):
        return []
    return [float(one) for one in values]
