"""The state table, as everything that writes conditions to it or reads more than a page of it does."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def written(write: Callable[[], Any]) -> bool:
    """Make a conditional write, and say whether its condition held; any other error is the caller's."""
    try:
        write()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def query(table: "Table", **asked: Any) -> Iterator[dict[str, Any]]:
    """The items that a Query finds, page after page as they are asked for."""
    while True:
        page = table.query(**asked)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]
