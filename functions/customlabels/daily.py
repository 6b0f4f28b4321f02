"""What may happen so many times a day (UTC), counted in an item of the state table for each day.

An item under `<prefix><UTC date>`: how often it happened, and when it did last.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Daily(NamedTuple):
    """A count of the day, of at the most `most`; what comes within `apart` of the last one is not counted."""

    table: "Table"
    partition: str  # the key `project`
    prefix: str  # of the key `item`
    most: int
    apart: timedelta | None = None

    def claim(self, now: datetime) -> Literal["granted", "recent", "used up"]:
        """Count one at `now` (UTC), unless one was counted just before or the day's `most` are used up.

        The first of a day deletes the count of the day before the last, so that the counts do not pile up.
        """
        condition = "#count < :most"
        values: dict[str, Any] = {":one": 1, ":most": self.most, ":now": _said(now)}
        if self.apart:
            condition, values = f"{condition} AND #at <= :before", {**values, ":before": _said(now - self.apart)}
        try:
            answer = self.table.update_item(
                Key=self._key(now),
                UpdateExpression="ADD #count :one SET #at = :now",
                ConditionExpression=f"attribute_not_exists(#count) OR ({condition})",
                ExpressionAttributeNames={"#count": "count", "#at": "at"},
                ExpressionAttributeValues=values,
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return "recent" if self.apart and self._last(now) > now - self.apart else "used up"
        if answer["Attributes"]["count"] == 1:
            self.table.delete_item(Key=self._key(now - timedelta(days=2)))
        return "granted"

    def give_back(self, now: datetime) -> None:
        """Count one that `claim` has granted no longer, as it came to nothing; the next must wait all the same."""
        self.table.update_item(
            Key=self._key(now),
            UpdateExpression="ADD #count :less",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":less": -1},
        )

    def left(self, now: datetime) -> int:
        """How many of the day are left."""
        return max(self.most - int(str(self._item(now).get("count", 0))), 0)

    def _last(self, now: datetime) -> datetime:
        return datetime.fromisoformat(str(self._item(now).get("at", "")))

    def _item(self, now: datetime) -> dict[str, Any]:
        return dict(self.table.get_item(Key=self._key(now), ConsistentRead=True).get("Item", {}))

    def _key(self, now: datetime) -> dict[str, str]:
        return {"project": self.partition, "item": f"{self.prefix}{now:%Y-%m-%d}"}


def _said(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
