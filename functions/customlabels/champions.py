"""Finds the live model's measurements, and decides how a trained model is compared with it."""

from typing import TYPE_CHECKING, Any

from customlabels.comparing import Measured, compare, compare_again, not_comparable, same_images
from customlabels.gate import Champion
from customlabels.measurements import Measurements, Unreadable, parts_prefix, snapshot_of, summary_of
from customlabels.measuring import begin
from customlabels.models import find_version
from customlabels.names import parse_version_arn

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

UNMEASURED: dict[str, Any] = {"needed": False, "done": True}


class Champions:
    """The live model beside a trained one; whatever is missing of it makes it not comparable, never an error."""

    def __init__(self, rekognition: "RekognitionClient", measurements: Measurements, bucket: str) -> None:
        self.rekognition, self.measurements, self.bucket = rekognition, measurements, bucket

    def beside(
        self, challenger: Measured, event: dict[str, Any], snapshot: dict[str, Any] | None
    ) -> tuple[Champion | None, dict[str, Any]]:
        """The comparison, None without a live model or with itself; and what MeasureChampion must do first, if so.

        `event` is Evaluate's: {"live", "project", "projectArn", "gate", "measure"}; `snapshot` is the S3Object of
        the trained model's evaluation manifest.
        """
        live, metric, measure = event["live"], event["gate"]["metric"], event["measure"]
        if live is None or live == challenger.arn:
            return None, UNMEASURED
        try:
            name = parse_version_arn(live).version
        except ValueError:
            return not_comparable(live, "the live version has no ARN of a version"), UNMEASURED
        version = find_version(self.rekognition, event["projectArn"], name)
        if version is None or version["ProjectVersionArn"] != live:
            return not_comparable(name, "the live version does not exist"), UNMEASURED
        summary = summary_of(version)
        if summary is None:
            return not_comparable(name, "the live version has no evaluation"), UNMEASURED
        try:
            champion = self.measurements.read(live, summary, snapshot_of(version))
        except Unreadable as error:
            return not_comparable(name, str(error)), UNMEASURED
        if same_images(challenger, champion):
            return compare(challenger, champion, metric), UNMEASURED
        if measure and measure["done"]:
            if measure["note"]:
                return not_comparable(name, measure["note"]), {**measure, "needed": False}
            prefix = parts_prefix(event["project"], challenger.version)
            again = self.measurements.again(self.bucket, prefix, measure["part"])
            return compare_again(challenger, champion, again, metric), {**measure, "needed": False}
        if not challenger.images or not challenger.agrees or snapshot is None:
            return not_comparable(name, "the trained version has no evaluation manifest to measure by"), UNMEASURED
        if version["Status"] != "RUNNING":
            why = f"the live version was evaluated on other test images and is {version['Status']}, not RUNNING"
            return not_comparable(name, why), UNMEASURED
        why = "the live version was evaluated on other test images and is being measured on these"
        return not_comparable(name, why), begin(snapshot, len(challenger.images))
