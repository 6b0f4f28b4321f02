"""What is true of a project's versions: found by name, started by whom, which one is live."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import ProjectDescriptionTypeDef, ProjectVersionDescriptionTypeDef

RUNNING = ("STARTING", "RUNNING", "STOPPING")  # the statuses of a version that uses, or bills for, capacity
EXECUTION_TAG = "execution"  # its value is the ARN of the execution that made the resource


class Live(NamedTuple):
    """The item `live` of the state table; None for what it does not hold."""

    arn: str | None
    previous: str | None


def find_project(rekognition: "RekognitionClient", name: str) -> "ProjectDescriptionTypeDef | None":
    """The project of that name, or None."""
    found = rekognition.describe_projects(ProjectNames=[name])["ProjectDescriptions"]
    return found[0] if found else None


def find_version(
    rekognition: "RekognitionClient", project_arn: str, name: str
) -> "ProjectVersionDescriptionTypeDef | None":
    """The version of that name, or None; never the newest one that happens to be first."""
    found = rekognition.describe_project_versions(ProjectArn=project_arn, VersionNames=[name])
    return next(iter(found["ProjectVersionDescriptions"]), None)


def made_by(rekognition: "RekognitionClient", arn: str, execution: str) -> bool:
    """Whether the resource carries the tag of this execution."""
    tags = rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"]
    return tags.get(EXECUTION_TAG) == execution


def read_live(table: "Table", project: str) -> Live:
    """Which version is live, read consistently."""
    found = table.get_item(Key={"project": project, "item": "live"}, ConsistentRead=True)
    item: dict[str, Any] = found.get("Item", {})
    return Live(item.get("projectVersionArn"), item.get("previous"))
