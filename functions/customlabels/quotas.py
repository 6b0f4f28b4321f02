"""What the account's quotas leave room for, seen before anything is created or paid."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from customlabels.errors import QuotaExceeded
from customlabels.models import RUNNING, list_versions
from customlabels.models import family as projects_of
from customlabels.names import parse_version_arn
from customlabels.pruning import to_prune
from customlabels.settings import Quotas

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

Versions = dict[str, dict[str, str]]  # by project: the ARN of each version, newest first, and its status


def count_versions(rekognition: "RekognitionClient", family: str) -> Versions:
    """All versions of the projects whose name begins with `family`: those that the stack may see."""
    return {name: statuses(rekognition, arn) for name, arn in projects_of(rekognition, family).items()}


def statuses(rekognition: "RekognitionClient", project_arn: str) -> dict[str, str]:
    """The versions of a project: by ARN, newest first, the status."""
    return {one["ProjectVersionArn"]: one["Status"] for one in list_versions(rekognition, project_arn)}


def check_quotas(
    versions: Versions,
    project: str,
    quotas: Quotas,
    keep: int,
    protected: Collection[str],
    *,
    reuse: str | None,
    copies: bool = False,
    freed: str | None = None,
) -> None:
    """QuotaExceeded, with what would avoid it, where a run of `project` cannot get to its end.

    It will prune the project to `keep` versions with its own, `protected` ones (ARNs) aside; one that goes on with
    the version `reuse`, or `copies` one, trains none; one that switches in place stops the version `freed` first.
    """
    training = _with_status(versions, ("TRAINING_IN_PROGRESS",))
    if len(training) >= quotas.trainings and reuse is None and not copies:
        raise QuotaExceeded(
            f"{len(training)} trainings are under way ({_some(training)}) and the account's quota is "
            f"{quotas.trainings}: start this run once one has ended, or have it raised and set TrainingQuota."
        )
    of_project = list(versions.get(project, {}).items())
    kept = len(of_project) - len(to_prune(of_project, keep - 1, protected))
    if kept >= quotas.versions and reuse is None:
        raise QuotaExceeded(
            f"Project {project} has {kept} versions besides those that this run would delete, and the quota is "
            f"{quotas.versions}: lower keepVersions, or have it raised and set VersionQuota."
        )
    others = {name: {arn: status for arn, status in of.items() if arn != freed} for name, of in versions.items()}
    running = _with_status(others, RUNNING)
    if len(running) >= quotas.running_models:
        beside = "" if freed else " beside the live one"
        raise QuotaExceeded(
            f"{len(running)} models are running ({_some(running)}) and the account's quota is "
            f"{quotas.running_models}, which leaves none for the new one{beside}: stop one with "
            f"`python -m cli stop`, or have it raised and set RunningModelQuota."
        )


def _with_status(versions: Versions, statuses: Iterable[str]) -> list[str]:
    wanted = tuple(statuses)
    return [
        "/".join(parse_version_arn(arn))
        for of in versions.values()
        for arn, status in of.items()
        if status in wanted
    ]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
