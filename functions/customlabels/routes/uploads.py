"""POST /uploads: a place for an image that is too large for a request."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal, cast

import botocore.session
from aws_lambda_powertools.event_handler.api_gateway import Router
from botocore.config import Config
from pydantic import BaseModel, ConfigDict, Field

from customlabels.preflight.rules import IMAGE_BYTES
from customlabels.routes import KEYED, said
from customlabels.serving import Serving
from customlabels.uploads import SECONDS, presign

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

router = Router()  # type: ignore[no-untyped-call]
settings = Serving.read()


class Wanted(BaseModel):
    """What is to be uploaded."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"contentType": "image/jpeg"}]})
    contentType: Literal["image/png", "image/jpeg"] = Field(description="The only type that S3 will take.")  # noqa: N815


class Upload(BaseModel):
    """A form that S3 takes one image with: POST `fields`, then `file`, to `url` as multipart/form-data."""

    key: str = Field(description="What POST /predictions takes as s3.key.", examples=["uploads/5f0c….jpg"])
    url: str = Field(
        description="Where to POST the form.", examples=["https://bucket.s3.eu-west-1.amazonaws.com/"]
    )
    fields: dict[str, str] = Field(description="Fields of the form, each as it stands and before `file`.")
    largest: int = Field(description="Bytes that S3 will take at the most.", examples=[IMAGE_BYTES])
    expires: datetime = Field(description="Until when S3 takes the form.")


@cache
def client() -> "S3Client":
    """S3 at the Region's own address: the global one redirects, and a form is not sent again to another place."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    return cast("S3Client", botocore.session.get_session().create_client("s3", config=config))


@router.post(
    "/uploads",
    summary="A place for an image of up to 15 MB",
    operation_id="createUpload",
    status_code=201,
    openapi_extensions=said("InvalidBody", "ImageTooLarge", "UnsupportedMediaType", "InvalidField", *KEYED),
)
def create_upload(wanted: Wanted) -> Upload:
    """The form is good for one key, one content type, at most 15 MB and five minutes."""
    expires = datetime.now(UTC) + timedelta(seconds=SECONDS)
    made = presign(client(), settings.data_bucket, wanted.contentType)
    return Upload(**made, largest=IMAGE_BYTES, expires=expires)
