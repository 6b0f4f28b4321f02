"""POST /feedback: what an image shows when the model got it wrong, kept until a person has looked at it."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import boto3
import botocore.session
from aws_lambda_powertools.event_handler.api_gateway import Router
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from customlabels import feedback
from customlabels.clients import STORE, TABLE
from customlabels.daily import Daily
from customlabels.feedback import COMMENT_CHARACTERS, CONTENT_TYPES, Feedback, Said
from customlabels.preflight.headers import Header
from customlabels.preflight.rules import BOXES_PER_IMAGE, LABEL_CHARACTERS, LABELS_PER_IMAGE
from customlabels.refusals import Refusal
from customlabels.requests import decode, read_image, read_key
from customlabels.routes import KEYED, said
from customlabels.serving import Serving
from customlabels.uploads import look

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

GONE = ("NoSuchKey", "404", "412", "PreconditionFailed", "AccessDenied", "403")
router = Router()  # type: ignore[no-untyped-call]
settings = Serving.read()
per_day = int(float(os.environ["FEEDBACK_PER_DAY"]))
kept = timedelta(days=float(os.environ["FEEDBACK_DAYS"]))

Ratio = Annotated[float, Field(ge=0, le=1, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=LABEL_CHARACTERS, examples=["bolt"])]


class Box(BaseModel):
    """A box in ratios of the image's width and height, within the image."""

    model_config = ConfigDict(extra="forbid")
    Left: Ratio
    Top: Ratio
    Width: Annotated[float, Field(gt=0, le=1, strict=True)]
    Height: Annotated[float, Field(gt=0, le=1, strict=True)]


class Marked(BaseModel):
    """An object and where it is."""

    model_config = ConfigDict(extra="forbid")
    Name: Name
    BoundingBox: Box


class Wanted(BaseModel):
    """Either `image` or `s3`, and either `labels` or `boxes`; an empty list says that nothing of it is there."""

    model_config = ConfigDict(extra="forbid")
    image: str | None = Field(None, description="Base64; a data: prefix is accepted.")
    s3: dict[str, Any] | None = Field(None, description='{"key": "uploads/…"}, as POST /uploads gave it.')
    labels: list[Name] | None = Field(None, max_length=LABELS_PER_IMAGE, description="Of the whole image.")
    boxes: list[Marked] | None = Field(None, max_length=BOXES_PER_IMAGE)
    comment: str = Field("", max_length=COMMENT_CHARACTERS)


class Sent(BaseModel):
    """What was kept."""

    id: str = Field(examples=["20261122T101500123-5f0c1f3e9b7d"])


class Stored(NamedTuple):
    """An image that feedback is about: its own bytes, or the object it was uploaded as."""

    header: Header
    image: bytes | None = None
    key: str = ""
    etag: str = ""


@cache
def client() -> Any:
    """S3, made when it is first needed."""
    return botocore.session.get_session().create_client("s3", config=STORE.config)


@cache
def table() -> "Table":
    """The state table, made when it is first needed."""
    return boto3.resource("dynamodb", config=TABLE.config).Table(settings.state_table)


@router.post(
    "/feedback",
    summary="What an image shows, for a person to look at",
    operation_id="sendFeedback",
    status_code=201,
    openapi_extensions=said(
        *("InvalidBody", "InvalidBase64", "InvalidImage", "ImageNotFound", "ImageTooLarge"),
        *("UnsupportedMediaType", "InvalidField", *KEYED),
    ),
)
def send_feedback(wanted: Wanted) -> Sent:
    """The image is kept, and trained on only once somebody who may do so has accepted it."""
    told = _said(wanted)
    if feedback.is_odd(wanted.comment, besides="\n\r\t"):
        raise Refusal("InvalidField", "comment holds a character that cannot be printed.")
    stored = _image(wanted)
    now = datetime.now(UTC)
    counts = Daily(table(), feedback.waiting_partition(settings.project), feedback.COUNTS, per_day)
    if counts.claim(now) != "granted":
        raise Refusal("QuotaExceeded", "The feedback of today is used up; try again tomorrow.", 3600)
    try:
        return Sent(id=_keep(stored, told, wanted.comment, now))
    except Exception:
        counts.give_back(now)
        raise


def _said(wanted: Wanted) -> Said:
    given = wanted.model_dump(include={"labels", "boxes"}, exclude_none=True)
    try:
        return feedback.read_said(given)
    except ValueError as error:
        raise Refusal("InvalidField", str(error)) from None


def _image(wanted: Wanted) -> Stored:
    if (wanted.image is None) == (wanted.s3 is None):
        raise Refusal("InvalidField", "Either image (base64) or s3 (the key of an uploaded image) is needed.")
    if wanted.image is not None:
        image, header = read_image(decode(wanted.image))
        return Stored(header, image)
    key = read_key(wanted.s3)
    header = look(client(), settings.data_bucket, key)
    found = client().head_object(Bucket=settings.data_bucket, Key=key)
    return Stored(header, None, key, found["ETag"])


def _keep(stored: Stored, told: Said, comment: str, now: datetime) -> str:
    """Store the image, then the item that tells of it, and give its id."""
    identity = feedback.new_id(now)
    kind = stored.header.format
    key = feedback.image_key(settings.project, identity, kind)
    place = {"Bucket": settings.data_bucket, "Key": key, "ContentType": CONTENT_TYPES[kind]}
    if stored.image is not None:
        client().put_object(**place, Body=stored.image)
    else:
        source = {"Bucket": settings.data_bucket, "Key": stored.key}
        try:
            client().copy_object(
                **place, CopySource=source, CopySourceIfMatch=stored.etag, MetadataDirective="REPLACE"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            raise Refusal("ImageNotFound", "The image under s3.key has just been replaced or deleted.") from None
    one = Feedback(
        identity, now.isoformat(timespec="seconds"), key, stored.header.width, stored.header.height, told, comment
    )
    feedback.put(table(), settings.project, one, kept, now)
    return identity
