"""The lines of results: one JSON object an image, with what the model found or why it could not answer."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from customlabels.locations import Location, parse_uri

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ImageTypeDef
    from mypy_boto3_s3 import S3Client

SUFFIX = ".jsonl"


def answer(image: str, version: str, found: list[Any]) -> str:
    """The line of an image that the model answered; `found` are DetectCustomLabels' CustomLabels."""
    return _dump({"image": image, "Model": version, "Predictions": found})


def failure(image: str, code: str, message: str) -> str:
    """The line of an image that the model cannot answer."""
    return _dump({"image": image, "error": f"{code}: {message}"})


def read(s3: "S3Client", bucket: str, key: str) -> Iterator[dict[str, Any]]:
    """The lines of one object of results."""
    for row in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines():
        if row:
            yield json.loads(row)


def objects(s3: "S3Client", bucket: str, prefix: str, after: str | None = None) -> Iterator[dict[str, Any]]:
    """Objects of results below a prefix, in order of their keys and from `after` on, with Key and Size."""
    started: dict[str, Any] = {"StartAfter": after} if after else {}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **started)
    for page in pages:
        for found in page.get("Contents", []):
            if found["Key"].endswith(SUFFIX):
                yield {"Key": found["Key"], "Size": found["Size"]}


def place(image: str) -> "ImageTypeDef":
    """An image as DetectCustomLabels takes it."""
    location: Location = parse_uri(image)
    return {"S3Object": {"Bucket": location.bucket, "Name": location.key}}


def _dump(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
