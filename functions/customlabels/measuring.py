"""Measures the live model on the trained one's test images, a slice a call.

It travels in the state as {"needed", "done", "snapshot": S3Object of the trained model's evaluation manifest,
"images" in it, "asked" so far, "failed" of these, "part": files written, "note": why it was given up, or null}.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from customlabels.locations import parse_uri
from customlabels.outcomes import Guess, OtherKind, Outcome, count
from customlabels.snapshots import JudgedImage

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import CustomLabelTypeDef

SECONDS = 240  # of one slice
AT_ONCE = 8  # calls under way; more than a few inference units can answer
BATCH = 32  # images whose answers are awaited together
SLICES = 30  # two hours, after which a comparison is not worth more waiting
TOLERATED = 0.05  # share of the images that may fail, and one image always
# The SDK slows all calls of the client down to what the model's inference units answer.
ADAPTIVE = Config(
    retries={"mode": "adaptive", "max_attempts": 6},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=AT_ONCE,
)
_BUSY = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "LimitExceededException",
        "TooManyRequestsException",
    }
)
_ENDED = {
    "ResourceNotReadyException": "the live version stopped while it was measured",
    "ResourceNotFoundException": "the live version was deleted while it was measured",
    "AccessDeniedException": "this stack may not ask the live version",
}


class GivenUp(Exception):
    """The live model cannot be measured; the text says why."""


class Busy(Exception):
    """The model answers no more for now."""


class Row(NamedTuple):
    """An image that was asked about, as a line of JSON, and whether it failed."""

    text: str
    failed: bool


def begin(snapshot: dict[str, Any], images: int) -> dict[str, Any]:
    """The state of a measurement that has asked nothing yet."""
    return {
        "needed": True,
        "done": False,
        "snapshot": snapshot,
        "images": images,
        "asked": 0,
        "failed": 0,
        "part": 0,
        "note": None,
    }


def ask(rekognition: "RekognitionClient", arn: str, image: JudgedImage) -> Row:
    """What the model makes of one image, each label judged by its own threshold.

    A fault of the image is told in its row; Busy when the model has no capacity, GivenUp when it cannot answer.
    """
    row: dict[str, Any] = {"source-ref": image.reference, "key": image.key.hex()}
    try:
        counts = answer(rekognition, arn, image)
    except OtherKind as error:
        raise GivenUp(f"the live version is of another kind: {error}") from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _BUSY:
            raise Busy(code) from error
        if code in _ENDED:
            raise GivenUp(_ENDED[code]) from error
        return Row(json.dumps({**row, "error": code}), failed=True)
    except (BotoCoreError, ValueError) as error:
        return Row(json.dumps({**row, "error": type(error).__name__}), failed=True)
    return Row(json.dumps({**row, "counts": counts}), failed=False)


def answer(rekognition: "RekognitionClient", arn: str, image: JudgedImage) -> Outcome:
    """What the model makes of one image, each label judged by its own threshold; errors as boto3 raises them.

    OtherKind for a model of the other kind, ValueError for an image of which the evaluation does not tell enough.
    """
    place = parse_uri(image.reference)
    found = rekognition.detect_custom_labels(
        ProjectVersionArn=arn, Image={"S3Object": {"Bucket": place.bucket, "Name": place.key}}
    )
    return count(image.truth, [_guess(one, image.sides) for one in found["CustomLabels"]])


def ask_slice(
    images: Iterator[JudgedImage],
    measure: dict[str, Any],
    one: Callable[[JudgedImage], Row],
    write: Callable[[str], None],
) -> dict[str, Any]:
    """Ask about the images that follow, for SECONDS or to their end, and give the measurement's next state.

    `one` asks about an image, `write` keeps a row; the state's part is the one that is written here.
    """
    end = time.monotonic() + SECONDS
    asked, failed, ended, note = measure["asked"], measure["failed"], False, None
    left = islice(images, asked, None)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            while not ended and time.monotonic() < end:
                batch = list(islice(left, BATCH))
                ended = not batch
                for row in pool.map(one, batch):
                    write(row.text)
                    asked += 1
                    failed += row.failed
                if failed > max(1, measure["images"] * TOLERATED):
                    raise GivenUp(f"{failed:,} of {asked:,} test images could not be measured on the live version")
        except GivenUp as error:
            note = str(error)
        except Busy as error:
            if asked == measure["asked"]:
                note = f"the live version has no capacity left to be measured ({error})"
    part = measure["part"] + 1
    if not (ended or note) and part == SLICES:
        note = f"only {asked:,} of {measure['images']:,} test images were measured in the time allowed"
    return {
        **measure,
        "done": ended or note is not None,
        "asked": asked,
        "failed": failed,
        "part": part,
        "note": note,
    }


def _guess(found: "CustomLabelTypeDef", sides: tuple[int, int] | None) -> Guess:
    box = found.get("Geometry", {}).get("BoundingBox")
    if box is None:
        return Guess(found["Name"], found["Confidence"], None)
    if sides is None:
        raise ValueError("the evaluation manifest does not tell the image's size")
    width, height = sides
    pixels = (box["Left"] * width, box["Top"] * height, box["Width"] * width, box["Height"] * height)
    return Guess(found["Name"], found["Confidence"], pixels)
