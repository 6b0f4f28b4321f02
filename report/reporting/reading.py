"""Reads what a report is made from: Rekognition's pointers, the files they lead to, records of runs, pictures.

Nothing that cannot be read fails a report: the sentence that says why stands in the report instead.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from reporting.facts import Champion, Facts, Prices
from reporting.pictures import LARGEST, UnreadablePicture, thumbnail
from reporting.summary import Summary, read_summary
from reporting.tally import Tally

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_s3 import S3Client

RUNS = 20  # of the history
AT_ONCE = 8  # pictures read at a time
_FORM = (KeyError, TypeError, ValueError, AttributeError, IndexError)  # a file that is not of its documented form

_FINDING = ("code", "severity", "dataset", "message", "count", "examples")

Got = TypeVar("Got")


class Unread(Exception):
    """Why something could not be read, as the end of a sentence."""


class Reader:
    """Reads for one report; `missing` gathers why a section lacks its facts."""

    def __init__(self, rekognition: "RekognitionClient", s3: "S3Client", table: "Table") -> None:
        self.rekognition, self.s3, self.table = rekognition, s3, table
        self.missing: dict[str, str] = {}

    def facts(self, event: dict[str, Any], created: str, prices: Prices) -> Facts:
        """All facts of the run that `event`, Report's input, tells of."""
        version = self._try(
            "summary", "This version", lambda: self._version(event["projectArn"], event["version"])
        )
        summary = self._summary("summary", "The evaluation summary", version) if version else None
        tally = self._tally(version, summary) if version else None
        if version is None:
            self.missing["snapshot"] = self.missing["summary"]
        return Facts(
            event=event,
            created=created,
            prices=prices,
            summary=summary,
            tally=tally,
            champion=self._champion(event),
            runs=self._try("history", "The records of earlier runs", lambda: self._runs(event["project"])) or [],
            findings=self._findings(event.get("findings")),
            missing=self.missing,
        )

    def pictures(self, mistakes: list[dict[str, Any]]) -> dict[str, str]:
        """For the image of each mistake a `data:` URI, or the reason why there is none."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip((one["image"] for one in mistakes), pool.map(self._picture, mistakes), strict=True))

    def _picture(self, mistake: dict[str, Any]) -> str:
        bucket, _, key = mistake["image"].removeprefix("s3://").partition("/")
        try:
            body = self.s3.get_object(Bucket=bucket, Key=key)["Body"]
            return thumbnail(body.read(LARGEST + 1), mistake)
        except UnreadablePicture as reason:
            return str(reason)
        except (ClientError, BotoCoreError) as error:
            return f"The file could not be read: {_why(error)}."

    def _version(self, project: str, name: str) -> dict[str, Any]:
        answer = self.rekognition.describe_project_versions(ProjectArn=project, VersionNames=[name])
        found: list[Any] = answer["ProjectVersionDescriptions"]
        if not found:
            raise Unread(f"Rekognition knows no version {name}")
        return dict(found[0])

    def _summary(self, section: str, what: str, version: dict[str, Any]) -> Summary | None:
        def read() -> Summary:
            return read_summary(self._json(version["EvaluationResult"]["Summary"]["S3Object"]))

        return self._try(section, what, read)

    def _tally(self, version: dict[str, Any], summary: Summary | None) -> Tally | None:
        def read() -> Tally:
            place = version["TestingDataResult"]["Output"]["Assets"][0]["GroundTruthManifest"]["S3Object"]
            tally = Tally(summary.thresholds if summary else {}, summary.known if summary else ())
            tally.take(self._lines(place))
            return tally

        return self._try("snapshot", "The evaluation of each test image", read)

    def _champion(self, event: dict[str, Any]) -> Champion | None:
        arn = event.get("live")
        if not arn:
            return None
        name = arn.split("/")[3]
        if name == event["version"]:
            self.missing["champion"] = "This version is the one that was live already."
            return None
        version = self._try("champion", f"The champion {name}", lambda: self._version(event["projectArn"], name))
        what = f"The evaluation summary of the champion {name}"
        return Champion(name, self._summary("champion", what, version) if version else None)

    def _runs(self, project: str) -> list[dict[str, Any]]:
        answer = self.table.query(
            KeyConditionExpression="#project = :project AND begins_with(#item, :run)",
            ExpressionAttributeNames={"#project": "project", "#item": "item"},
            ExpressionAttributeValues={":project": project, ":run": "run#"},
            ScanIndexForward=False,
            Limit=RUNS,
        )
        return [_plain(item) for item in answer["Items"]]

    def _findings(self, place: dict[str, str] | None) -> dict[str, Any] | None:
        if not place:
            return None

        def read() -> dict[str, Any]:
            told = self._json(place)
            return {
                "verdict": {key: told["verdict"][key] for key in ("accepted", "cause")},
                "datasets": {name: dict(counts) for name, counts in told["datasets"].items()},
                "labels": [{key: one[key] for key in ("label", "training", "testing")} for one in told["labels"]],
                "findings": [{key: one[key] for key in _FINDING} for one in told["findings"]],
            }

        return self._try("findings", "The findings on the data", read)

    def _try(self, section: str, what: str, read: Callable[[], Got]) -> Got | None:
        """What `read` gives; None, and why, where it cannot."""
        try:
            return read()
        except (ClientError, BotoCoreError) as error:
            self.missing[section] = f"{what} could not be read: {_why(error)}."
        except Unread as reason:
            self.missing[section] = f"{what} could not be read: {reason}."
        except _FORM as error:
            self.missing[section] = f"{what} could not be read: it is not of the documented form ({error!r})."
        return None

    def _json(self, place: Any) -> Any:
        return json.loads(self.s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"].read())

    def _lines(self, place: Any) -> Iterator[str]:
        body = self.s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"]
        for line in body.iter_lines(chunk_size=256 * 1024):
            yield line.decode("utf-8", "replace")


def _why(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return f"{told.get('Code', 'error')}, {told.get('Message', '')}".rstrip(". ,")
    return str(error).rstrip(". ")


def _plain(value: Any) -> Any:
    """An item of DynamoDB with plain numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
