"""What is true of a project's versions: found by name, started by whom, which one is live."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from customlabels.names import parse_version_arn, tag_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import ProjectDescriptionTypeDef, ProjectVersionDescriptionTypeDef

RUNNING = ("STARTING", "RUNNING", "STOPPING")  # the statuses of a version that uses, or bills for, capacity
STARTABLE = ("TRAINING_COMPLETED", "COPYING_COMPLETED", "STOPPED", "FAILED")
# It is being started or stopped by somebody else; no slot is free; it is gone.
REFUSED_STARTS = ("ResourceInUseException", "LimitExceededException", "ResourceNotFoundException")
# What has measurements, whatever is done with it at this moment: it may have been started by hand.
TRAINED = ("TRAINING_COMPLETED", "COPYING_COMPLETED", "STARTING", "RUNNING", "STOPPING", "STOPPED", "FAILED")
_GONE_OR_IN_USE = ("ResourceNotFoundException", "ResourceInUseException")  # what a deletion may meet and wait out
CLOCK_SKEW = 60  # seconds by which the clocks of two services may differ
EXECUTION_TAG = "execution"  # its value is the ARN of the execution that answers for the resource
SINCE_TAG = "since"  # and when that began: a name may be used for another execution once the first is forgotten


class Live(NamedTuple):
    """The item `live` of the state table; None for what it does not hold."""

    arn: str | None
    previous: str | None
    units: dict[str, int]  # that it went live with, as StartProjectVersion takes them


def find_project(rekognition: "RekognitionClient", name: str) -> "ProjectDescriptionTypeDef | None":
    """The project of that name, or None."""
    found = rekognition.describe_projects(ProjectNames=[name])["ProjectDescriptions"]
    return found[0] if found else None


def family(rekognition: "RekognitionClient", prefix: str) -> dict[str, str]:
    """The projects whose name begins with `prefix`, those that the stack may see: their ARNs by name."""
    pages = rekognition.get_paginator("describe_projects").paginate()
    found = [project["ProjectArn"] for page in pages for project in page["ProjectDescriptions"]]
    return {arn.split("/")[1]: arn for arn in found if arn.split("/")[1].startswith(prefix)}


def find_version(
    rekognition: "RekognitionClient", project_arn: str, name: str
) -> "ProjectVersionDescriptionTypeDef | None":
    """The version of that name, or None; never the newest one that happens to be first."""
    found = rekognition.describe_project_versions(ProjectArn=project_arn, VersionNames=[name])
    return next(iter(found["ProjectVersionDescriptions"]), None)


def units_of(version: "ProjectVersionDescriptionTypeDef", otherwise: dict[str, int]) -> dict[str, int]:
    """The units to start a version on: those it ran on last, where the service tells, or `otherwise`, or one."""
    if "MinInferenceUnits" not in version:
        return otherwise or {"MinInferenceUnits": 1}
    units = {"MinInferenceUnits": version["MinInferenceUnits"]}
    if "MaxInferenceUnits" in version:  # without it there is no scaling
        units["MaxInferenceUnits"] = version["MaxInferenceUnits"]
    return units


def start_again(
    rekognition: "RekognitionClient", version: "ProjectVersionDescriptionTypeDef", units: dict[str, int]
) -> bool:
    """Ask for the start of a version as it ran last, else on `units`; False where the service refuses."""
    try:
        rekognition.start_project_version(
            ProjectVersionArn=version["ProjectVersionArn"], **units_of(version, units)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED_STARTS:
            raise
        return False
    return True


def stop(rekognition: "RekognitionClient", arn: str, status: str) -> bool:
    """Ask for the stop of a version, and say whether it was accepted.

    How the service refuses it to a version in STARTING is not known: any refusal is taken then.
    """
    try:
        rekognition.stop_project_version(ProjectVersionArn=arn)
    except ClientError as error:
        gone = error.response["Error"]["Code"] in ("ResourceInUseException", "ResourceNotFoundException")
        if status == "RUNNING" and not gone:
            raise
        return False
    return True


def refused_deletion(delete: Callable[[], Any]) -> str | None:
    """Delete something, and give what the service said where it is gone or in use; the next look tells which."""
    try:
        delete()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE_OR_IN_USE:
            raise
        return error.response["Error"]["Message"]
    return None


def made_by(rekognition: "RekognitionClient", arn: str, execution: str, since: str) -> bool:
    """Whether this execution, which began at `since` (ISO 8601), made the resource or took it over, by tags."""
    tags = rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"]
    return tags.get(EXECUTION_TAG) == tag_value(execution) and _same_moment(tags.get(SINCE_TAG), since)


def tags_of(execution: str, since: str) -> dict[str, str]:
    """The tags of what an execution, which began at `since`, makes or takes over."""
    return {EXECUTION_TAG: tag_value(execution), SINCE_TAG: tag_value(since)}


def _same_moment(tagged: str | None, since: str) -> bool:
    try:
        apart = datetime.fromisoformat(tagged or "") - datetime.fromisoformat(since)
    except ValueError:
        return False
    return abs(apart.total_seconds()) <= CLOCK_SKEW


def list_versions(rekognition: "RekognitionClient", project_arn: str) -> "list[ProjectVersionDescriptionTypeDef]":
    """Every version of a project, newest first."""
    pages = rekognition.get_paginator("describe_project_versions").paginate(ProjectArn=project_arn)
    found = [version for page in pages for version in page["ProjectVersionDescriptions"]]
    return sorted(found, key=lambda version: version["CreationTimestamp"], reverse=True)


def name_of(version: "ProjectVersionDescriptionTypeDef") -> str:
    """The version's name, which the service tells in its ARN only."""
    return parse_version_arn(version["ProjectVersionArn"]).version


def read_live(table: "Table", project: str) -> Live:
    """Which version is live, read consistently."""
    found = table.get_item(Key={"project": project, "item": "live"}, ConsistentRead=True)
    item: dict[str, Any] = found.get("Item", {})
    units = {
        f"{key}InferenceUnits": int(item[f"{key.lower()}Units"])
        for key in ("Min", "Max")
        if f"{key.lower()}Units" in item
    }
    return Live(item.get("projectVersionArn"), item.get("previous"), units)


def forget_live(table: "Table", project: str) -> None:
    """Let no version be live; where none is, nothing changes."""
    table.delete_item(Key={"project": project, "item": "live"})


def read_live_arn(dynamodb: "DynamoDBClient", table: str, project: str) -> str | None:
    """Which version is live, read consistently by a client, which costs a cold start less than a resource."""
    key = {"project": {"S": project}, "item": {"S": "live"}}
    found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
    return found.get("Item", {}).get("projectVersionArn", {}).get("S")
