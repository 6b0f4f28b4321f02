"""What the account's quotas leave room for, seen before anything is created or paid."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from customlabels.errors import QuotaExceeded
from customlabels.models import RUNNING
from customlabels.names import parse_version_arn
from customlabels.settings import Quotas

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

Versions = dict[str, dict[str, str]]  # by project: the name of each version and its status


def count_versions(rekognition: "RekognitionClient", family: str) -> Versions:
    """All versions of the projects whose name begins with `family`: those that the stack may see."""
    found: Versions = {}
    for page in rekognition.get_paginator("describe_projects").paginate():
        for project in page["ProjectDescriptions"]:
            name = project["ProjectArn"].split("/")[1]
            if not name.startswith(family):
                continue
            pages = rekognition.get_paginator("describe_project_versions")
            found[name] = {
                parse_version_arn(version["ProjectVersionArn"]).version: version["Status"]
                for versions in pages.paginate(ProjectArn=project["ProjectArn"])
                for version in versions["ProjectVersionDescriptions"]
            }
    return found


def check_quotas(versions: Versions, project: str, quotas: Quotas) -> None:
    """QuotaExceeded, with what would avoid it, where a run of `project` cannot get to its end."""
    training = _with_status(versions, ("TRAINING_IN_PROGRESS",))
    if len(training) >= quotas.trainings:
        raise QuotaExceeded(
            f"{len(training)} trainings are under way ({_some(training)}) and the account's quota is "
            f"{quotas.trainings}: start this run once one has ended, or have it raised and set TrainingQuota."
        )
    kept = len(versions.get(project, {}))
    if kept >= quotas.versions:
        raise QuotaExceeded(
            f"Project {project} has {kept} versions and the quota is {quotas.versions}: delete some that are no "
            f"longer needed, or have it raised and set VersionQuota."
        )
    running = _with_status(versions, RUNNING)
    if len(running) >= quotas.running_models:
        raise QuotaExceeded(
            f"{len(running)} models are running ({_some(running)}) and the account's quota is "
            f"{quotas.running_models}, which leaves none for the new one beside the live one: stop one with "
            f"`python -m cli stop`, or have it raised and set RunningModelQuota."
        )


def _with_status(versions: Versions, statuses: Iterable[str]) -> list[str]:
    wanted = tuple(statuses)
    return [
        f"{project}/{version}"
        for project, of in versions.items()
        for version, status in of.items()
        if status in wanted
    ]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
