"""PrepareTrainDataset: decides what becomes of the training dataset, and writes its manifest.

Whatever the test dataset holds is left out, and so is a second copy of an image that is about to be split:
no image is ever in both.
"""

from itertools import chain
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import Rows, branch, decide
from customlabels.errors import DatasetRejected
from customlabels.reading import Reader
from customlabels.settings import Settings
from customlabels.sources import Location, Source

settings = Settings.read()
reader = Reader(boto3.client("s3", config=PATIENT), boto3.client("rekognition", config=PATIENT))
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "source", "refresh", "existing", "test"} → what the training branch does."""
    source, existing, test = Source(**event["source"]), event["existing"], event["test"]
    action = decide(source, event["refresh"], existing)
    images = reader.dataset(existing["arn"]) if action == "keep" else reader.source(source)
    if action == "keep" and test["former"]:
        images = chain(images, reader.dataset(test["former"]))
    known = reader.identities(test["identities"])
    place = Location(settings.data_bucket, f"manifests/{event['project']}/{event['version']}/train.manifest")
    excluded = labelled = 0
    with Rows(reader.s3, place) as manifest:
        for image in reader.with_etags(images):
            if known.hold(image):
                excluded += 1
                continue
            if test["split"]:
                known.add(image)
            manifest.write(image.line)
            labelled += image.labelled
    if not labelled:
        raise DatasetRejected(
            f"The training {source.kind} {source.value} holds no labelled PNG or JPEG image"
            + (f" besides {excluded} that the test dataset holds too." if excluded else ".")
        )
    if action == "keep" and (excluded or test["former"]):
        action = "replace"
    logger.info("prepared", extra={"action": action, "images": manifest.count, "excluded": excluded})
    return branch(
        action,
        existing,
        limit=settings.dataset_limit,
        images=manifest.count,
        excluded=excluded,
        manifest=manifest.object,
    )
