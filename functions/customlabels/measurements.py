"""Reads from S3 what is known of a version's quality: its evaluation, and what was measured of it again."""

import json
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from customlabels.comparing import Measured
from customlabels.evaluation import known_labels, read_summary
from customlabels.names import parse_version_arn
from customlabels.outcomes import Count, Outcome
from customlabels.snapshots import JudgedImage, outcomes, read_images

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ProjectVersionDescriptionTypeDef
    from mypy_boto3_s3 import S3Client

CHUNK = 64 * 1024  # bytes of a manifest that are read at a time
GONE = frozenset({"NoSuchKey", "NoSuchBucket", "AccessDenied", "404", "403"})


class Unreadable(Exception):
    """The files of an evaluation are gone, or are not of the documented form."""


def summary_of(version: "ProjectVersionDescriptionTypeDef") -> dict[str, Any] | None:
    """The S3Object of the evaluation summary; None if the version has none."""
    place = version.get("EvaluationResult", {}).get("Summary", {}).get("S3Object")
    return dict(place) if place else None


def snapshot_of(
    version: "ProjectVersionDescriptionTypeDef", source: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """The S3Object of the evaluation manifest of the test images; None if the version has none.

    Of a copy the service tells none: it has that of its `source`, as ChooseSource gives it.
    """
    assets = version.get("TestingDataResult", {}).get("Output", {}).get("Assets", [])
    for asset in assets:
        if place := asset.get("GroundTruthManifest", {}).get("S3Object"):
            return dict(place)
    return source["snapshot"] if source else None


def parts_prefix(project: str, version: str) -> str:
    """Where in the data bucket lies what was measured of the live version on the test images of this one."""
    return f"training-output/{project}/{version}/champion"


class Measurements:
    """Reads evaluations from S3; a stream, so that a large test set stays small in memory."""

    def __init__(self, s3: "S3Client") -> None:
        self.s3 = s3

    def read(self, arn: str, summary: dict[str, Any], snapshot: dict[str, Any] | None) -> Measured:
        """What was measured of a version; Unreadable for its summary, no images for its evaluation manifest."""
        try:
            told = json.loads(self._body(summary).read())
            evaluation, known = read_summary(told), known_labels(told)
        except ClientError as error:
            raise _gone(error, summary) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(
                f"the evaluation summary {_uri(summary)} is not of the documented form: {error!r}"
            ) from error
        images = None
        if snapshot:
            thresholds = {one.label: one.threshold for one in evaluation.labels}
            try:
                images = outcomes(self._lines(snapshot), thresholds)
            except ClientError as error:
                if error.response["Error"]["Code"] not in GONE:
                    raise
            except ValueError:
                pass  # the summary alone still tells what the gate must know
        return Measured(arn, parse_version_arn(arn).version, evaluation, known, images or None)

    def thresholds(self, summary: dict[str, Any]) -> dict[str, float]:
        """Each label's threshold by the evaluation summary; errors as S3 and the form of the file raise them."""
        told = json.loads(self._body(summary).read())
        return {one.label: one.threshold for one in read_summary(told).labels}

    def images(self, snapshot: dict[str, Any]) -> Iterator[JudgedImage]:
        """The test images of an evaluation manifest, in order; from a copy, since S3 waits for no slow reader."""
        with tempfile.TemporaryFile() as file:
            self.s3.download_fileobj(snapshot["Bucket"], snapshot["Name"], file)
            file.seek(0)
            yield from read_images(file)

    def again(self, bucket: str, prefix: str, parts: int) -> dict[bytes, Outcome]:
        """The outcomes in the first `parts` files of MeasureChampion; an image that failed has none."""
        found = {}
        for part in range(parts):
            for text in self._lines({"Bucket": bucket, "Name": part_key(prefix, part)}):
                row = json.loads(text)
                if "counts" in row:
                    found[bytes.fromhex(row["key"])] = tuple(Count(*one) for one in row["counts"])
        return found

    def _lines(self, place: dict[str, Any]) -> Iterator[bytes]:
        yield from self._body(place).iter_lines(chunk_size=CHUNK)

    def _body(self, place: dict[str, Any]) -> Any:
        return self.s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"]


def part_key(prefix: str, part: int) -> str:
    return f"{prefix}/{part:05}.jsonl"


def _gone(error: ClientError, place: dict[str, Any]) -> Exception:
    if error.response["Error"]["Code"] in GONE:
        return Unreadable(f"the evaluation summary {_uri(place)} cannot be read")
    return error


def _uri(place: dict[str, Any]) -> str:
    return f"s3://{place['Bucket']}/{place['Name']}"
