"""What waits for a person: looking at it, accepting it for the next training, or discarding it.

An image is judged by its bytes, never by the key or the content type under which it is kept: the role of the API,
which the public reaches, may write those.
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from customlabels import feedback
from customlabels.datasets import READABLE
from customlabels.feedback import CONTENT_TYPES, ENDINGS, REVIEWED_PREFIX, Feedback, Reviewed, Said
from customlabels.locations import Location, parse_uri
from customlabels.preflight.headers import Header, More
from customlabels.preflight.line_checks import CLASSIFICATION, DETECTION
from customlabels.preflight.rules import IMAGE_BYTES
from customlabels.refusals import Refusal
from customlabels.requests import image_header

from cli.errors import CommandError, NotFound, code
from cli.facts import project_description
from cli.stack import Cloud, Stack

_ID = re.compile(r"\d{8}T\d{9}-[0-9a-f]{12}", re.ASCII)  # as feedback.new_id makes them
_KINDS = {DETECTION: "boxes", CLASSIFICATION: "labels"}
_MISSING = ("NoSuchKey", "404")
_SHORTEST_DIGEST = 8  # characters of one that is named by its beginning


class Broken(NamedTuple):
    """Feedback that cannot be read, and why."""

    id: str
    why: str


class Training(NamedTuple):
    """What a project is trained on: its images' bucket, `labels` or `boxes` (None: not known), its labels."""

    bucket: str
    kind: str | None = None
    labels: frozenset[str] = frozenset()
    is_complete: bool = False  # whether these are all the labels, which a dataset tells


class Picture(NamedTuple):
    """An image whose bytes were checked."""

    data: bytes
    header: Header

    @property
    def content_type(self) -> str:
        """The type that the bytes tell."""
        return CONTENT_TYPES[self.header.format]


class Accepted(NamedTuple):
    """What was accepted, and sentences that the reviewer should read."""

    reviewed: Reviewed
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """The feedback of one project; everything is done with the rights of whoever calls."""

    cloud: Cloud
    project: str
    bucket: str  # the data bucket
    table: Any

    @classmethod
    def of(cls, cloud: Cloud, stack: Stack, project: str) -> "Review":
        """The feedback of a project of a deployed stack."""
        return cls(cloud, project, stack.output("DataBucketName"), cloud.table(stack.output("StateTableName")))

    @cached_property
    def reviewer(self) -> str:
        """The ARN of whoever calls."""
        return str(self.cloud.client("sts").get_caller_identity()["Arn"])

    def waiting(self) -> list[Feedback | Broken]:
        """What waits, oldest first."""
        return [_read(item) for item in feedback.waiting_items(self.table, self.project)]

    def find(self, identity: str) -> Feedback:
        """The feedback of that id; CommandError where there is none, or none that can be read."""
        try:
            found = feedback.find(self.table, self.project, identity)
        except ValueError as error:
            raise CommandError(
                f"Feedback {plain(identity)} cannot be read: {plain(str(error))} Discard it: "
                f"`python -m cli review discard {plain(identity)}{self._flags}`."
            ) from None
        if found is None:
            raise NotFound(
                f"No feedback {plain(identity)} of {self.project} waits: "
                f"`python -m cli review{self._flags}` lists what does."
            )
        return found

    def picture(self, one: Feedback) -> Picture:
        """The image of feedback; CommandError for anything but a PNG or JPEG that can be trained on."""
        if one.key not in self._keys(one.id):
            raise CommandError(
                f"Feedback {plain(one.id)} names {plain(one.key)!r}, which is not its own image: discard it."
            )
        return self._picture(Location(self.bucket, one.key), f"of feedback {one.id}")

    def accepted_picture(self, one: Reviewed) -> Picture:
        """The image of what was accepted; CommandError as `picture`."""
        return self._picture(parse_uri(one.reference), f"at {one.reference}")

    def _picture(self, place: Location, which: str) -> Picture:
        try:
            answer = self.cloud.client("s3").get_object(Bucket=place.bucket, Key=place.key)
        except ClientError as error:
            if code(error) not in _MISSING:
                raise
            raise NotFound(f"The image {which} is gone: {place.uri} does not exist.") from None
        data = answer["Body"].read(IMAGE_BYTES + 1)
        if len(data) > IMAGE_BYTES:
            raise CommandError(f"The image {which} has more than {IMAGE_BYTES} bytes (15 MB).")
        try:
            header = image_header(data)
        except Refusal as refusal:
            raise CommandError(f"The image {which} is not what it should be. {refusal.message}") from None
        if isinstance(header, More):
            raise CommandError(f"The image {which} ends before its size is told.")
        return Picture(data, header)

    def training(self) -> Training:
        """What the project is trained on, by an entry of its training dataset, or by what was accepted before.

        CommandError while the dataset is being changed, when nobody can read it.
        """
        reviewed = self.reviewed()
        datasets = (project_description(self.cloud, self.project) or {}).get("Datasets", [])
        dataset = next((one for one in datasets if one["DatasetType"] == "TRAIN"), None)
        labels = {label for one in reviewed for label in labels_of(one.line)}
        lines = [one.line for one in reviewed]
        if dataset and dataset["Status"].endswith("IN_PROGRESS"):
            raise CommandError(
                f"The training dataset of {self.project} is {dataset['Status']}: "
                "accept when that has ended; what waits goes on waiting."
            )
        is_complete = False
        if dataset and dataset["Status"] in READABLE:
            is_complete = True
            client, arn = self.cloud.client("rekognition"), dataset["DatasetArn"]
            lines = (
                client.list_dataset_entries(DatasetArn=arn, Labeled=True, MaxResults=1)["DatasetEntries"] + lines
            )
            for page in client.get_paginator("list_dataset_labels").paginate(DatasetArn=arn):
                labels |= {one["LabelName"] for one in page["DatasetLabelDescriptions"]}
        if not lines:
            return Training(self.bucket)
        entry = json.loads(lines[0])
        return Training(parse_uri(entry["source-ref"]).bucket, _kind_of(entry), frozenset(labels), is_complete)

    def accept(self, identity: str, said: Said | None = None, training: Training | None = None) -> Accepted:
        """Let the image of feedback be trained on, as `said` or, when that is None, as whoever sent it said.

        Whatever interrupts it, nothing is lost, and to accept the same id again finishes it. CommandError says
        what cannot be accepted.
        """
        finished = self._finished(identity)
        if finished:
            return Accepted(finished, ("It was accepted before; what was left of its feedback is gone now.",))
        one = self.find(identity)
        training = training or self.training()
        says = said or one.said
        _check_kind(one, says, training)
        picture = self.picture(one)
        digest = hashlib.sha256(picture.data).hexdigest()
        kind = picture.header.format
        place = Location(training.bucket, f"{REVIEWED_PREFIX}{self.project}/{digest}{ENDINGS[kind]}")
        now = datetime.now(UTC)
        try:
            line = feedback.line_of(place.uri, says, picture.header.width, picture.header.height, now)
        except ValueError as error:
            raise CommandError(f"Feedback {one.id} cannot be accepted as it is. {error} {CORRECT}") from None
        reviewed = Reviewed(digest, place.uri, line, now.isoformat(timespec="seconds"), self.reviewer, one.id)
        notes = (*_unknown(says, training), *self._replaced(digest))
        # The bytes that were checked: what lies under the key may have been replaced since.
        self.cloud.client("s3").put_object(
            Bucket=place.bucket, Key=place.key, Body=picture.data, ContentType=picture.content_type
        )
        feedback.accept(self.table, self.project, reviewed)
        feedback.remove(self.table, self.project, one.id)
        self._delete(one.key)
        return Accepted(reviewed, notes)

    def discard(self, identity: str) -> None:
        """Forget feedback and its image, also such as cannot be read; CommandError where there is none."""
        key = {"project": feedback.waiting_partition(self.project), "item": identity}
        known = not identity.startswith(feedback.COUNTS) and "Item" in self.table.get_item(
            Key=key, ConsistentRead=True
        )
        if known:
            feedback.remove(self.table, self.project, identity)
        # Also without an item: a discard that was interrupted has left the image.
        for own in self._keys(identity):
            self._delete(own)
        if not known:
            raise NotFound(
                f"No feedback {plain(identity)} of {self.project} waits: "
                f"`python -m cli review{self._flags}` lists what does."
            )

    def reviewed(self) -> list[Reviewed]:
        """What was accepted, oldest first."""
        return sorted(feedback.reviewed(self.table, self.project), key=lambda one: (one.at, one.digest))

    def withdraw(self, digest: str) -> Reviewed:
        """Train on an image no longer, which is named by its digest or the beginning of it; CommandError."""
        found = [one for one in self.reviewed() if one.digest.startswith(digest)]
        if len(found) != 1 or len(digest) < _SHORTEST_DIGEST:
            raise CommandError(
                f"{plain(digest)!r} is {'no' if not found else 'not enough of the'} digest of an accepted image: "
                f"`python -m cli review accepted{self._flags}` lists them."
            )
        feedback.withdraw(self.table, self.project, found[0].digest)
        return found[0]

    @property
    def _flags(self) -> str:
        return f" --project {self.project}{self.cloud.flag}"

    def _keys(self, identity: str) -> list[str]:
        """Where the image of an id may be; nothing else is ever read or deleted for it."""
        if not _ID.fullmatch(identity):
            return []
        return [feedback.image_key(self.project, identity, kind) for kind in ENDINGS]

    def _delete(self, key: str) -> None:
        self.cloud.client("s3").delete_object(Bucket=self.bucket, Key=key)

    def _finished(self, identity: str) -> Reviewed | None:
        """What was accepted by an accept that was interrupted once it no longer waited."""
        key = {"project": feedback.waiting_partition(self.project), "item": identity}
        if "Item" in self.table.get_item(Key=key, ConsistentRead=True):
            return None
        one = next((one for one in self.reviewed() if one.feedback == identity), None)
        if one:
            for own in self._keys(identity):
                self._delete(own)
        return one

    def _replaced(self, digest: str) -> tuple[str, ...]:
        key = {"project": feedback.reviewed_partition(self.project), "item": digest}
        if "Item" in self.table.get_item(Key=key, ConsistentRead=True):
            return ("The same image was accepted before: what is said now replaces what was said then.",)
        return ()


CORRECT = "Say what it shows with --labels or --boxes (on the page: Correct), or discard it."


def plain(text: str) -> str:
    """A text for a terminal, in one line: what could move the cursor, change colours or turn text is replaced."""
    return "".join("\N{REPLACEMENT CHARACTER}" if feedback.is_odd(one) else one for one in " ".join(text.split()))


def labels_of(line: str) -> list[str]:
    """The labels of a manifest line, sorted."""
    found = set()
    for key, value in json.loads(line).items():
        if key.endswith("-metadata") and isinstance(value, dict):
            found |= {str(value["class-name"])} if "class-name" in value else set()
            found |= {str(name) for name in value.get("class-map", {}).values()}
    return sorted(found)


def said_text(said: Said) -> str:
    """What is said of an image, in a line."""
    if said.is_empty:
        return "nothing is there"
    if said.boxes is None:
        return ", ".join(plain(label) for label in said.labels or ())
    counted = Counter(plain(one.label) for one in said.boxes)
    many = "1 box" if len(said.boxes) == 1 else f"{len(said.boxes)} boxes"
    return f"{many}: " + ", ".join(f"{count} x {label}" for label, count in counted.items())


def _read(item: Any) -> Feedback | Broken:
    try:
        return feedback.read_item(item)
    except ValueError as error:
        return Broken(str(item["item"]), str(error))


def _kind_of(entry: dict[str, Any]) -> str | None:
    metadata = [value for key, value in entry.items() if key.endswith("-metadata") and isinstance(value, dict)]
    kinds = [_KINDS[value["type"]] for value in metadata if value.get("type") in _KINDS]
    return "boxes" if "boxes" in kinds else kinds[0] if kinds else None


def _check_kind(one: Feedback, says: Said, training: Training) -> None:
    kind = "labels" if says.boxes is None else "boxes"
    if training.kind in (None, kind) or says.is_empty:
        return
    has, way = ("labels of whole images", "--labels") if training.kind == "labels" else ("boxes", "--boxes")
    raise CommandError(
        f"Feedback {one.id} says {kind}, but the training images have {has}: "
        f"say what it shows with {way} (on the page: Correct), or discard it."
    )


def _unknown(says: Said, training: Training) -> tuple[str, ...]:
    if not training.is_complete:
        return ()
    names = dict.fromkeys([*(says.labels or ()), *(one.label for one in says.boxes or ())])
    return tuple(
        f"{plain(name)!r} is a label that no training image has yet: withdraw the image if that is a slip."
        for name in names
        if name not in training.labels
    )
