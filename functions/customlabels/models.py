"""What is true of a project's versions: found by name, started by whom, which one is live."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from customlabels.names import tag_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import ProjectDescriptionTypeDef, ProjectVersionDescriptionTypeDef

RUNNING = ("STARTING", "RUNNING", "STOPPING")  # the statuses of a version that uses, or bills for, capacity
CLOCK_SKEW = 60  # seconds by which the clocks of two services may differ
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


def made_by(rekognition: "RekognitionClient", arn: str, execution: str, since: str) -> bool:
    """Whether this execution, which began at `since` (ISO 8601), made the resource: by its tag and its age.

    A name may be used for another execution once the first is forgotten; the tag alone would be that one's too.
    """
    created = int(arn.rsplit("/", 1)[-1]) / 1000  # an ARN ends with its creation in epoch milliseconds
    if created < datetime.fromisoformat(since).timestamp() - CLOCK_SKEW:
        return False
    tags = rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"]
    return tags.get(EXECUTION_TAG) == tag_value(execution)


def read_live(table: "Table", project: str) -> Live:
    """Which version is live, read consistently."""
    found = table.get_item(Key={"project": project, "item": "live"}, ConsistentRead=True)
    item: dict[str, Any] = found.get("Item", {})
    return Live(item.get("projectVersionArn"), item.get("previous"))


def read_live_arn(dynamodb: "DynamoDBClient", table: str, project: str) -> str | None:
    """Which version is live, read consistently by a client, which costs a cold start less than a resource."""
    key = {"project": {"S": project}, "item": {"S": "live"}}
    found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
    return found.get("Item", {}).get("projectVersionArn", {}).get("S")
