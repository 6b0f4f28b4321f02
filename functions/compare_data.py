"""CompareData: whether the data is worth a training, and whether it has been trained on already."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.changes import REUSABLE, SPLIT, Data, compared, digest_of, made_of, why_not
from customlabels.clients import PATIENT
from customlabels.datasets import Rows, place_of
from customlabels.locations import Location
from customlabels.models import list_versions
from customlabels.names import parse_version_arn
from customlabels.settings import Settings, Thrift

settings = Settings.read()
thrift = Thrift.read()
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "projectArn", "version", "live", "train", "test", "force", "minNewImages"} → `compared`.

    `reuse` is the ARN of a version that an earlier run trained, or still trains, on the same data for nothing.
    """
    project, test, live = event["project"], event["test"], event["live"]
    testing = set(_digests(test["identities"]))
    images = testing | set(_digests(event["train"]["identities"]))
    data = Data(
        digest_of(images),
        SPLIT if test["split"] else digest_of(testing),
        test["dataset"]["arn"] if test["action"] in ("keep", "merge") else None,
    )
    _store(project, event["version"], images)
    name = parse_version_arn(live).version if live else None
    new = len(images - _stored(project, name)) if name else len(images)
    versions = list_versions(rekognition, event["projectArn"]) if event["projectArn"] else []
    known = {version["ProjectVersionArn"]: version for version in versions}
    if event["force"]:
        return compared(data, name, new, None, None)
    same = [arn for arn, of in known.items() if arn == live or of["Status"] in REUSABLE]
    same = [arn for arn in same if made_of(rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"], data)]
    reuse = next((arn for arn in same if arn != live), None)
    trained = [of["CreationTimestamp"] for of in versions if "SourceProjectVersionArn" not in of]
    reason = why_not(
        live=name if live in known else None,
        same=live in same,
        new=new,
        minimum=event["minNewImages"],
        hours=_hours_since(trained[0]) if trained and not reuse else None,
        minimum_hours=thrift.minimum_hours,
    )
    logger.info("compared", extra={"newImages": new, "reason": reason, "reuse": reuse})
    return compared(data, name, new, reason, reuse)


def _hours_since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds()) / 3600


def _digests(place: dict[str, str]) -> Iterator[str]:
    body = s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"]
    return (json.loads(row)[2] for row in body.iter_lines(chunk_size=64 * 1024))


def _place(project: str, version: str) -> Location:
    return Location(settings.data_bucket, f"{place_of(project, version)}/images.digests")


def _store(project: str, version: str, images: set[str]) -> None:
    with Rows(s3, _place(project, version)) as rows:
        for digest in sorted(images):
            rows.write(digest)


def _stored(project: str, version: str) -> set[str]:
    """The digests that the run of a version has stored; none where nothing is known of it."""
    place = _place(project, version)
    try:
        body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return set()
    return {row.decode() for row in body.iter_lines(chunk_size=64 * 1024)}
