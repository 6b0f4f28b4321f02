"""What a teardown deletes of a project, in which order, and what it says of what is gone and of what is left."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from customlabels import feedback, locks
from customlabels.models import RUNNING
from customlabels.names import parse_version_arn
from customlabels.quotas import statuses
from customlabels.state_table import query
from customlabels.telling import subject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import ProjectDescriptionTypeDef

EVENT = 1  # the version of the event's form, which docs/outcomes.md describes
UNDER_WAY = ("TRAINING_IN_PROGRESS", "COPYING_IN_PROGRESS")  # no call ends these
STOPPABLE = ("RUNNING", "STARTING")
SLICE = 20  # versions that one call deletes; the service takes 5 of these calls a second
ITEMS = 500  # of the state table that one call deletes
SHOWN = 5  # names in a sentence


def versions_of(rekognition: "RekognitionClient", project: "ProjectDescriptionTypeDef") -> dict[str, str]:
    """The statuses of a project's versions by ARN; one that is being deleted has none left, and may be gone."""
    return {} if project["Status"] == "DELETING" else statuses(rekognition, project["ProjectArn"])


def to_stop(versions: Mapping[str, str]) -> list[tuple[str, str]]:
    """The versions that a stop is asked for, as (ARN, status); `versions` are statuses by ARN."""
    return [(arn, status) for arn, status in versions.items() if status in STOPPABLE]


def running(versions: Mapping[str, str]) -> list[str]:
    """Names of the versions that bill for running."""
    return _with_status(versions, RUNNING)


def under_way(versions: Mapping[str, str]) -> list[str]:
    """Names of the versions that are being trained or copied: they can be deleted once that has ended."""
    return _with_status(versions, UNDER_WAY)


def to_delete(versions: Mapping[str, str]) -> list[str]:
    """ARNs of the versions that one call deletes, oldest first."""
    busy = (*RUNNING, *UNDER_WAY, "DELETING")
    return [arn for arn, status in reversed(list(versions.items())) if status not in busy][:SLICE]


def refusal(project: str, holder: str | None, leases: Iterable[tuple[str, str]]) -> str | None:
    """Why a project must not be torn down now: the execution at work on it, or who leases a version, else None.

    `leases` are (ARN of a version, name of the lease).
    """
    force = 'tear it down once that has ended, or say "force"'
    if holder:
        return f"Execution {holder.rsplit(':', 1)[-1]} is at work on project {project}: {force}."
    for arn, name in leases:
        version = parse_version_arn(arn).version
        return f"Version {version} of project {project} is leased by {name}: {force}."
    return None


def items_of(table: "Table", project: str) -> list[str]:
    """The items of the project's own partition, but for the lock, which a teardown holds itself."""
    from boto3.dynamodb.conditions import Key

    found = query(
        table,
        KeyConditionExpression=Key("project").eq(project),
        ProjectionExpression="#item",
        ExpressionAttributeNames={"#item": "item"},
        ConsistentRead=True,
    )
    return [str(one["item"]) for one in found if one["item"] != locks.ITEM]


def by_kind(items: Iterable[str]) -> dict[str, int]:
    """How many items there are of each kind: `live`, `run`, `lease`, …"""
    return dict(Counter(item.partition("#")[0] for item in items))


def kept(table: "Table", project: str, bucket: str) -> dict[str, Any]:
    """What a teardown leaves on purpose: the bucket, and images that people have labelled or are to look at."""
    waiting = sum(1 for _ in feedback.waiting_items(table, project))
    return {"bucket": bucket, "feedback": waiting, "reviewed": sum(1 for _ in feedback.reviewed(table, project))}


def reason_of(outcome: str, project: str, kept: Mapping[str, Any]) -> str:
    """What became of the project, and what was kept, in a sentence."""
    was = {
        "deleted": f"Project {project} is deleted",
        "absent": f"There was no project {project}, and nothing of it in the state table",
    }[outcome]
    images = f"{kept['feedback']} images that wait for a review and {kept['reviewed']} that were accepted"
    people = f", and so are {images}" if kept["feedback"] or kept["reviewed"] else ""
    return f"{was}; the bucket {kept['bucket']} is kept{people}."


def left_said(project: str, datasets: int, versions: Mapping[str, str] | None, items: int) -> str:
    """What is left of a project, and what still runs, in one sentence; `versions` is None where it is gone."""
    stored = f"{items} items of the state table"
    if versions is None:
        return f"Nothing of project {project} is left in Rekognition, so that nothing runs, and {stored}."
    names = [parse_version_arn(arn).version for arn in versions]
    runs = running(versions)
    still = f"still runs and bills: {_some(runs)} (`python -m cli stop`)" if runs else "no model of it runs"
    these = f" ({_some(names)})" if names else ""
    return f"Left are project {project}, {len(names)} versions{these}, {datasets} datasets and {stored}; {still}."


def event_of(project: str, execution: str, outcome: str, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """The detail of the event, without what a failure adds; `found` is what the result has."""
    found = found or {}
    return {
        "version": EVENT,
        "project": project,
        "execution": execution,
        "outcome": outcome,
        "versions": len(found.get("versions", [])),
        "datasets": len(found.get("datasets", [])),
        "items": sum(found.get("items", {}).values()),
        "error": None,
        "cause": None,
    }


def subject_of(project: str, said: str) -> str:
    """The subject of the message."""
    return subject(f"{project}: {said}")


def _with_status(versions: Mapping[str, str], statuses: Iterable[str]) -> list[str]:
    wanted = tuple(statuses)
    return [parse_version_arn(arn).version for arn, status in versions.items() if status in wanted]


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
