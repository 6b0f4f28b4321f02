"""PrepareTestDataset: decides what becomes of the test dataset, and writes its manifest."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import Rows, branch, decide
from customlabels.errors import DatasetRejected
from customlabels.reading import Reader, identity_row
from customlabels.settings import Settings
from customlabels.sources import Location, Source

settings = Settings.read()
reader = Reader(boto3.client("s3", config=PATIENT), boto3.client("rekognition", config=PATIENT))
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "source", "refresh", "existing"} → what the branch of the test dataset does.

    `split` asks for a distribution; `former` is a test dataset whose images a new split takes back.
    """
    source, existing = Source(**event["source"]), event["existing"]
    action = decide(source, event["refresh"], existing)
    if action == "keep" and source.kind != "split" and next(reader.dataset(existing["arn"]), None) is None:
        action = "replace"  # an empty test dataset holds nothing worth keeping
    if action == "keep":
        images = reader.dataset(existing["arn"])
    else:
        images = iter(()) if source.kind == "split" else reader.source(source)
    place = f"manifests/{event['project']}/{event['version']}"
    labelled = 0
    with (
        Rows(reader.s3, Location(settings.data_bucket, f"{place}/test.manifest")) as manifest,
        Rows(reader.s3, Location(settings.data_bucket, f"{place}/test.identities")) as identities,
    ):
        for image in reader.with_etags(images):
            manifest.write(image.line)
            identities.write(identity_row(image))
            labelled += image.labelled
    split = source.kind == "split" and manifest.count == 0
    if not (labelled or split):
        raise DatasetRejected(f"The testing {source.kind} {source.value} holds no labelled PNG or JPEG image.")
    logger.info("prepared", extra={"action": action, "split": split, "images": manifest.count})
    return branch(
        action,
        existing,
        limit=settings.dataset_limit,
        empty=split,
        split=split,
        images=manifest.count,
        manifest=manifest.object,
        identities=identities.object,
        former=existing["arn"] if split and action == "replace" else None,
    )
