"""Log lines and metrics in the form of Powertools, whose import would cost Predict's cold start 8 % more CPU.

Each is one line of JSON on standard output: Lambda hands it to CloudWatch Logs, which takes the metrics from it
(embedded metric format).
"""

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

REQUESTS = "Requests"
_carried: dict[str, str] = {}  # what every line says of the request at hand; a function has one at a time
UNITS = {"Latency": "Milliseconds", "F1": "None", "TrainingCost": "None"}  # everything else is a count


def carry(**ids: str) -> None:
    """Let every line from now on say which request it is about, and no longer which one was before."""
    _carried.clear()
    _carried.update(ids)


def carried() -> dict[str, str]:
    """What every line says of the request at hand."""
    return dict(_carried)


def log(service: str, level: str, message: str, **fields: Any) -> None:
    """One line of the log; `fields` never hold an image, a key or an exception's text."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    _write({"level": level, "message": message, "timestamp": now, "service": service, **_carried, **fields})


def count(namespace: str, dimensions: dict[str, str], version: str | None, values: dict[str, float]) -> None:
    """Metrics by `dimensions`, and by these and the model version where one answered.

    Requests are counted by the project alone, too: who stops idle models knows no name of an inference stack.
    """
    sets = [list(dimensions)]
    if version is not None:
        sets.append([*dimensions, "version"])
        dimensions = {**dimensions, "version": version}
    metrics = [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in values]
    told = {"Namespace": namespace, "Dimensions": sets, "Metrics": metrics}
    asked = {"Namespace": namespace, "Dimensions": [["project"]], "Metrics": [{"Name": REQUESTS, "Unit": "Count"}]}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [told, asked]}
    _write({"_aws": about, **dimensions, **values})


def measure(namespace: str, sets: list[list[str]], dimensions: dict[str, str], values: dict[str, float]) -> None:
    """Metrics by each of the `sets` of names of `dimensions`."""
    metrics = [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in values]
    told = {"Namespace": namespace, "Dimensions": sets, "Metrics": metrics}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [told]}
    _write({"_aws": about, **dimensions, **values})


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
