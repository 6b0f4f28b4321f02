"""How often a sleeping model was woken on a day, so that requests cannot start it without end.

An item of the state table under `wakes#<UTC date>`: how many there were, and when the last one was.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PREFIX = "wakes#"
APART = timedelta(seconds=30)  # of two wakes; requests that meet the same sleeping model are one wake


@dataclass(frozen=True)
class Wakes:
    """How often a model may be woken."""

    per_day: int

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Wakes":
        """Read the variable that `inference.yaml` sets for Wake; KeyError names a missing one."""
        return cls(per_day=int(float(environment["WAKES_PER_DAY"])))


def claim(table: "Table", project: str, most: int, now: datetime) -> Literal["granted", "recent", "used up"]:
    """Count a wake at `now` (UTC), unless one was counted just before or the day's `most` are used up.

    The first of a day deletes the count of the day before the last, so that the counts do not pile up.
    """
    key = {"project": project, "item": _item(now)}
    try:
        answer = table.update_item(
            Key=key,
            UpdateExpression="ADD #count :one SET #at = :now",
            ConditionExpression="attribute_not_exists(#count) OR (#count < :most AND #at <= :before)",
            ExpressionAttributeNames={"#count": "count", "#at": "at"},
            ExpressionAttributeValues={
                ":one": 1,
                ":most": most,
                ":now": now.isoformat(timespec="seconds"),
                ":before": (now - APART).isoformat(timespec="seconds"),
            },
            ReturnValues="UPDATED_NEW",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        last = table.get_item(Key=key, ConsistentRead=True).get("Item", {}).get("at", "")
        return "recent" if datetime.fromisoformat(str(last)) > now - APART else "used up"
    if answer["Attributes"]["count"] == 1:
        table.delete_item(Key={"project": project, "item": _item(now - timedelta(days=2))})
    return "granted"


def give_back(table: "Table", project: str, now: datetime) -> None:
    """Count a wake that `claim` has granted no longer, as nothing was started; the next must wait all the same."""
    table.update_item(
        Key={"project": project, "item": _item(now)},
        UpdateExpression="ADD #count :less",
        ExpressionAttributeNames={"#count": "count"},
        ExpressionAttributeValues={":less": -1},
    )


def left(table: "Table", project: str, most: int, now: datetime) -> int:
    """How many wakes of the day are left."""
    found = table.get_item(Key={"project": project, "item": _item(now)}, ConsistentRead=True)
    return max(most - int(str(found.get("Item", {}).get("count", 0))), 0)


def _item(now: datetime) -> str:
    return f"{PREFIX}{now:%Y-%m-%d}"
