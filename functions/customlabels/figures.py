"""The metrics of runs and of models, which dashboards show and alarms watch, by deployment and by project."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from customlabels.settings import Settings
from customlabels.telemetry import measure

SUCCESSFUL, REFUSED, FAILED = "SuccessfulRuns", "RefusedModels", "FailedRuns"
F1, COST = "F1", "TrainingCost"
RUNNING, ORPHANS = "RunningModels", "OrphanModels"
AGE = "DaysSinceSuccess"
REJECTED = "ModelRejected"  # the error of a run whose model the gate has refused


def of_run(record: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a run that has ended: which of three ways, its F1 (0 to 1), what its training cost."""
    refused = record["error"] == REJECTED
    failed = record["outcome"] == "failed" and not refused
    values: dict[str, float] = {
        SUCCESSFUL: int(not (refused or failed)),
        REFUSED: int(refused),
        FAILED: int(failed),
    }
    f1 = (record.get("metrics") or {}).get("f1")
    cost = (record.get("cost") or {}).get("training")
    if f1 is not None:
        values[F1] = float(f1)
    if cost is not None:
        values[COST] = float(cost)
    return values


def days_since_success(records: Iterable[Mapping[str, Any]], now: datetime) -> float | None:
    """Days since a run last ended well, by records newest first; since the first run where none did; None without.

    A run that found nothing new ended well, and so did one whose model was tested or switched to.
    """
    ended = None
    for record in records:
        ended = record["ended"]
        if record["outcome"] != "failed":
            break
    return None if ended is None else (now - datetime.fromisoformat(ended)).total_seconds() / 86400


def tell(settings: Settings, project: str, values: dict[str, float]) -> None:
    """Write metrics of a project, which count for the deployment too."""
    sets = [["service"], ["service", "project"]]
    measure(settings.namespace, sets, {"service": settings.service, "project": project}, values)
