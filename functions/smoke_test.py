"""SmokeTest: asks the model that runs now about a few of its test images, before clients depend on it."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.clients import PATIENT
from customlabels.errors import SmokeTestFailed
from customlabels.measurements import GONE, Measurements, snapshot_of
from customlabels.measuring import ADAPTIVE, answer
from customlabels.models import find_version
from customlabels.outcomes import OtherKind, Outcome
from customlabels.smoke import choose, judge
from customlabels.snapshots import JudgedImage

UNREADABLE = frozenset({"InvalidS3ObjectException", "InvalidImageFormatException", "ImageTooLargeException"})
s3 = boto3.client("s3", config=PATIENT)
describing = boto3.client("rekognition", config=PATIENT)
asking = boto3.client("rekognition", config=ADAPTIVE)
measurements = Measurements(s3)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "version", "arn", "summary", "gate", "smokeImages", "source"} → {"asked", "value"}.

    SmokeTestFailed where the gate's metric over the answers is below what `judge` asks for. A model that does not
    answer is asked again by the state's Retry. Without an evaluation that can be read nothing is asked.
    """
    most, gate = event["smokeImages"], event["gate"]
    images, thresholds = _images(event, most) if most else ([], {})
    answers = [(image, found) for image in images if (found := _answer(event["arn"], image)) is not None]
    if images and not answers:
        raise SmokeTestFailed(
            f"None of the {len(images)} test images for the smoke test of {event['version']} can be read now, "
            f"{images[0].reference} for one; model.smokeImages 0 leaves the smoke test out."
        )
    evaluated = [image.outcome(thresholds) for image, _ in answers]
    verdict = judge([found for _, found in answers], evaluated, gate["metric"], gate["minimum"])
    logger.info("asked", extra={"asked": verdict.asked, "value": verdict.value})
    if not verdict.accepted:
        raise SmokeTestFailed(
            f"Version {event['version']} runs, but over {verdict.asked} of its test images its {gate['metric']} "
            f"is {verdict.value:.4f} now, below {verdict.minimum:.4g}, which it had reached on them before."
        )
    return {"asked": verdict.asked, "value": verdict.value}


def _images(event: dict[str, Any], most: int) -> tuple[list[JudgedImage], dict[str, float]]:
    version = find_version(describing, event["projectArn"], event["version"])
    snapshot = snapshot_of(version, event.get("source")) if version else None
    if not snapshot:
        return [], {}
    try:
        thresholds = measurements.thresholds(event["summary"])
        return choose(measurements.images(snapshot), thresholds, most), thresholds
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("the evaluation was not read", extra={"error": repr(error)})
    return [], {}


def _answer(arn: str, image: JudgedImage) -> Outcome | None:
    """What the model makes of the image; None where the image is no longer what it was."""
    try:
        return answer(asking, arn, image)
    except OtherKind as error:
        raise SmokeTestFailed(f"The model answers of another kind than it was trained for: {error}.") from error
    except ClientError as error:
        if error.response["Error"]["Code"] not in UNREADABLE:
            raise
    except ValueError:
        pass
    return None
