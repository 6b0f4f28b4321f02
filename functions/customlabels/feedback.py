"""What clients say that images show, until a person has looked at it, and what was accepted for the next training.

Both lie in partitions of the state table of their own, so that the role of the API, which the public reaches, can
write neither what is live nor what is trained on.
"""

import json
import math
import unicodedata
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from customlabels.exports.lines import Record, box_of, image_of
from customlabels.manifests import Image, read_line
from customlabels.preflight.rules import BOX_MINIMUM, BOXES_PER_IMAGE, LABEL_CHARACTERS, LABELS_PER_IMAGE
from customlabels.state_table import query

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PREFIX = "feedback/"  # of the images in the data bucket
REVIEWED_PREFIX = "images/reviewed/"  # of accepted ones, in the bucket of the training images
ENDINGS = {"png": ".png", "jpeg": ".jpg"}
CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg"}
COMMENT_CHARACTERS = 1000
COUNTS = "day#"  # items that count a day's feedback; an id begins with a digit
JOB = "review"  # in the manifest lines of what was accepted
SIDES = ("Left", "Top", "Width", "Height")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LEEWAY = 1e-6  # by which ratios that were reckoned may reach beyond the image


class Marked(NamedTuple):
    """An object and its box, in ratios of the image's width and height."""

    label: str
    left: float
    top: float
    width: float
    height: float


class Said(NamedTuple):
    """What an image shows: labels of the whole image, or boxes; the other is None."""

    labels: tuple[str, ...] | None
    boxes: tuple[Marked, ...] | None

    @property
    def is_empty(self) -> bool:
        """Whether it says that nothing of the labels is there, which no manifest line can say."""
        return not (self.labels or self.boxes)

    def to_json(self) -> dict[str, Any]:
        """As `read_said` takes it."""
        if self.boxes is None:
            return {"labels": list(self.labels or ())}
        boxes = [{"Name": one.label, "BoundingBox": dict(zip(SIDES, one[1:], strict=True))} for one in self.boxes]
        return {"boxes": boxes}


class Feedback(NamedTuple):
    """One image that waits for a person."""

    id: str  # begins with the time
    at: str  # ISO 8601, in UTC
    key: str  # in the data bucket
    width: int
    height: int
    said: Said
    comment: str = ""


class Reviewed(NamedTuple):
    """One image that was accepted, and is trained on from the next run on."""

    digest: str  # SHA-256 of the image, hexadecimal
    reference: str  # s3://bucket/key
    line: str  # of a manifest
    at: str  # ISO 8601, in UTC
    by: str  # ARN of whoever accepted it
    feedback: str  # its id


def waiting_partition(project: str) -> str:
    """Partition key of the feedback of a project."""
    return f"feedback#{project}"


def reviewed_partition(project: str) -> str:
    """Partition key of what was accepted for a project."""
    return f"reviewed#{project}"


def new_id(now: datetime) -> str:
    """An id that sorts by its time (UTC, to the millisecond), and that nobody guesses."""
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{uuid.uuid4().hex[:12]}"


def image_key(project: str, identity: str, kind: str) -> str:
    """The key in the data bucket of feedback's image of a kind of ENDINGS."""
    return f"{PREFIX}{project}/{identity}{ENDINGS[kind]}"


def read_said(value: Any) -> Said:
    """{"labels": [name, …]} or {"boxes": [{"Name", "BoundingBox": ratios}, …]}; ValueError with a sentence.

    Limits are those of Custom Labels for one image; a label holds no control character.
    """
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"labels", "boxes"}:
        raise ValueError("Either labels (of the whole image) or boxes are needed, and nothing else.")
    ((kind, given),) = value.items()
    most = LABELS_PER_IMAGE if kind == "labels" else BOXES_PER_IMAGE
    if not isinstance(given, list) or len(given) > most:
        raise ValueError(f"{kind} is not a list of at most {most}.")
    if kind == "labels":
        return Said(tuple(dict.fromkeys(_label(f"labels.{i}", one) for i, one in enumerate(given))), None)
    return Said(None, tuple(_marked(f"boxes.{i}", one) for i, one in enumerate(given)))


def _label(where: str, given: Any) -> str:
    if not isinstance(given, str) or not 1 <= len(given.strip()) <= len(given) <= LABEL_CHARACTERS:
        raise ValueError(f"{where} is not a label of 1 to {LABEL_CHARACTERS} characters.")
    if is_odd(given):
        raise ValueError(f"{where} holds a character that cannot be printed.")
    return given


def is_odd(text: str, besides: str = "") -> bool:
    """Whether a text holds control characters other than `besides`, or those that turn the direction of text."""
    return any(
        unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") or one in _TURNING
        for one in text
        if one not in besides
    )


def _marked(where: str, given: Any) -> Marked:
    box = given.get("BoundingBox") if isinstance(given, dict) and given.keys() == {"Name", "BoundingBox"} else None
    if not isinstance(box, dict) or box.keys() != set(SIDES):
        raise ValueError(f'{where} is not {{"Name", "BoundingBox": {{"Left", "Top", "Width", "Height"}}}}.')
    sides = [box[side] for side in SIDES]
    if any(isinstance(one, bool) or not isinstance(one, int | float) or not math.isfinite(one) for one in sides):
        raise ValueError(f"{where}.BoundingBox holds something other than numbers.")
    left, top, width, height = (float(one) for one in sides)
    inside = min(left, top) >= -_LEEWAY and max(left + width, top + height) <= 1 + _LEEWAY
    if not inside or min(width, height) <= 0:
        raise ValueError(f"{where}.BoundingBox is not a box within the image, in ratios from 0 to 1.")
    return Marked(_label(f"{where}.Name", given["Name"]), left, top, width, height)


def line_of(reference: str, said: Said, width: int, height: int, at: datetime) -> str:
    """The manifest line of an image of so many pixels; ValueError for what no line can say.

    `at` is in UTC. Boxes go to whole pixels, and must be larger than the service's smallest one.
    """
    if said.is_empty:
        raise ValueError("It says that nothing is on the image, which nothing can be learnt from.")
    boxes = [
        box_of(one.label, one.left * width, one.top * height, one.width * width, one.height * height)
        for one in said.boxes or ()
    ]
    for index, box in enumerate(boxes):
        if min(box.width, box.height) <= BOX_MINIMUM:
            raise ValueError(f"boxes.{index} is {box.width} x {box.height} pixels, which is too small.")
    record = Record(reference, said.labels or (), boxes, (width, height))
    return image_of(record, (width, height), at, JOB).line


def put(table: "Table", project: str, feedback: Feedback, expires: timedelta, now: datetime) -> None:
    """Let feedback wait for a person, until it `expires`."""
    item = feedback._asdict() | {
        "project": waiting_partition(project),
        "item": feedback.id,
        "said": json.dumps(feedback.said.to_json(), ensure_ascii=False),
        "expires": int((now + expires).timestamp()),
    }
    del item["id"]
    table.put_item(Item=item)


def waiting(table: "Table", project: str) -> Iterator[Feedback]:
    """What waits for a person, oldest first."""
    return (read_item(item) for item in waiting_items(table, project))


def waiting_items(table: "Table", project: str) -> Iterator[Any]:
    """The same as the table holds it, for `read_item`, so that one that is broken does not hide the others."""
    return (one for one in _items(table, waiting_partition(project)) if not str(one["item"]).startswith(COUNTS))


def find(table: "Table", project: str, identity: str) -> Feedback | None:
    """The feedback of that id, or None; ValueError if it is broken."""
    key = {"project": waiting_partition(project), "item": identity}
    item = table.get_item(Key=key, ConsistentRead=True).get("Item")
    return read_item(item) if item and not identity.startswith(COUNTS) else None


def remove(table: "Table", project: str, identity: str) -> None:
    """Let feedback wait no longer; what does not exist is gone already."""
    table.delete_item(Key={"project": waiting_partition(project), "item": identity})


def accept(table: "Table", project: str, one: Reviewed) -> None:
    """Let an image be trained on from the next run on; a later word on the same image replaces the earlier one."""
    item = one._asdict() | {"project": reviewed_partition(project), "item": one.digest}
    del item["digest"]
    table.put_item(Item=item)


def withdraw(table: "Table", project: str, digest: str) -> bool:
    """Train on an accepted image no longer; whether there was such a one."""
    key = {"project": reviewed_partition(project), "item": digest}
    return "Attributes" in table.delete_item(Key=key, ReturnValues="ALL_OLD")


def reviewed(table: "Table", project: str) -> Iterator[Reviewed]:
    """What was accepted, by digest."""
    for item in _items(table, reviewed_partition(project)):
        named = {name: str(item[name]) for name in Reviewed._fields if name != "digest"}
        yield Reviewed(digest=str(item["item"]), **named)


def reviewed_images(table: "Table", project: str) -> Iterator[Image]:
    """What was accepted, as images of a training dataset."""
    for one in reviewed(table, project):
        image = read_line(one.line)
        if image:
            yield image


def read_item(item: Any) -> Feedback:
    """Feedback as the table holds it; ValueError with a sentence for what was not written by `put`."""
    try:
        said = json.loads(str(item["said"]))
        one = Feedback(
            id=str(item["item"]),
            at=datetime.fromisoformat(item["at"]).isoformat(),
            key=str(item["key"]),
            width=int(item["width"]),
            height=int(item["height"]),
            said=Said(None, None),
            comment=str(item.get("comment", "")),
        )
    except KeyError as error:
        raise ValueError(f"It has no {error.args[0]}.") from None
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        raise ValueError("It holds something of another form than feedback has.") from None
    return one._replace(said=read_said(said))


def _items(table: "Table", partition: str) -> Iterator[Any]:
    from boto3.dynamodb.conditions import Key

    return query(table, KeyConditionExpression=Key("project").eq(partition), ConsistentRead=True)
