"""What Rekognition says of a project while an execution runs: its datasets and versions.

It fills the hours in which the history only repeats a poll loop, and the branches that the local
cloud's history leaves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from cli.history import elapsed
from cli.stack import Cloud

_DOING = {
    "TRAINING_IN_PROGRESS": "training",
    "COPYING_IN_PROGRESS": "copying",
    "STARTING": "starting",
    "STOPPING": "stopping",
}


@dataclass(frozen=True)
class Version:
    """A version of a project: one model."""

    name: str
    arn: str
    status: str
    created: datetime
    f1: float | None = None
    message: str = ""
    min_units: int | None = None
    max_units: int | None = None


@dataclass(frozen=True)
class Facts:
    """Status by dataset type (`TRAIN`, `TEST`) and the versions, newest first."""

    datasets: Mapping[str, str] = field(default_factory=dict)
    versions: tuple[Version, ...] = ()


def version(description: Mapping[str, Any]) -> Version:
    """One of DescribeProjectVersions' descriptions."""
    arn = description["ProjectVersionArn"]
    return Version(
        name=arn.split("/")[3],
        arn=arn,
        status=description["Status"],
        created=description["CreationTimestamp"],
        f1=description.get("EvaluationResult", {}).get("F1Score"),
        message=description.get("StatusMessage", ""),
        min_units=description.get("MinInferenceUnits"),
        max_units=description.get("MaxInferenceUnits"),
    )


def project_description(cloud: Cloud, project: str) -> Mapping[str, Any] | None:
    """DescribeProjects' description of a project; None when it does not exist."""
    answer = cloud.client("rekognition").describe_projects(ProjectNames=[project])
    found: list[Mapping[str, Any]] = answer["ProjectDescriptions"]
    return found[0] if found else None


def project_versions(cloud: Cloud, project_arn: str) -> tuple[Version, ...]:
    """Every version of a project, newest first."""
    pages = cloud.client("rekognition").get_paginator("describe_project_versions")
    return tuple(
        version(description)
        for page in pages.paginate(ProjectArn=project_arn)
        for description in page["ProjectVersionDescriptions"]
    )


def observe(cloud: Cloud, project: str) -> Facts:
    """The project as it is now; empty while it does not exist, or when the operator may not look."""
    try:
        description = project_description(cloud, project)
        if description is None:
            return Facts()
        datasets = {dataset["DatasetType"]: dataset["Status"] for dataset in description.get("Datasets", [])}
        return Facts(datasets, project_versions(cloud, description["ProjectArn"]))
    except ClientError:
        # Facts only decorate the history: an operator who may not read Rekognition still watches.
        return Facts()


def changes(before: Facts, after: Facts) -> list[str]:
    """One line for each dataset or version whose status is not what it was."""
    lines = [
        f"{kind.lower()} dataset {status}"
        for kind, status in sorted(after.datasets.items(), reverse=True)
        if before.datasets.get(kind) != status
    ]
    known = {version.arn: version.status for version in before.versions}
    for one in reversed(after.versions):
        if known.get(one.arn) == one.status:
            continue
        f1 = "" if one.f1 is None or one.status != "TRAINING_COMPLETED" else f", F1 {one.f1:.3f}"
        lines.append(f"version {one.name} {one.status}{f1}")
    return lines


def ongoing(facts: Facts, now: datetime) -> str:
    """What Rekognition is busy with, for the live line: `version run-1 training for 0:12:03`, or ''."""
    busy = []
    for one in facts.versions:
        doing = _DOING.get(one.status)
        if doing:
            # Rekognition tells when a training began; it does not tell when a start or a stop did.
            age = f" for {elapsed((now - one.created).total_seconds())}" if doing == "training" else ""
            busy.append(f"version {one.name} {doing}{age}")
    busy += [
        f"{kind.lower()} dataset {status}"
        for kind, status in facts.datasets.items()
        if status.endswith("IN_PROGRESS")
    ]
    return ", ".join(busy)
