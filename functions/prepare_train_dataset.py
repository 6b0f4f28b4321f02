"""PrepareTrainDataset: decides what becomes of the training dataset, and writes its manifest.

Whatever the test dataset holds is left out, and so is a second copy of an image that is about to be split:
no image is ever in both.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import branch, decide, must_rebuild
from customlabels.errors import DatasetRejected
from customlabels.manifests import Image
from customlabels.preparing import Desk
from customlabels.settings import Settings
from customlabels.sources import Source

settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "source", "refresh", "existing", "test"} → what the training branch does."""
    source, existing, test = Source(**event["source"]), event["existing"], event["test"]
    desk = Desk(s3, settings.data_bucket, event["project"], event["version"], "training")
    action = decide(source, event["refresh"], existing)
    images = desk.dataset(existing["arn"]) if action == "keep" else desk.source(source)
    if action == "keep" and test["former"]:
        images = chain(images, desk.dataset(test["former"]))
    known = desk.identities(test["identities"])
    if known.references or test["split"]:
        images = desk.with_etags(images)
    excluded = 0

    def kept() -> Iterator[Image]:
        nonlocal excluded
        for image in images:
            if image.reference and known.hold(image):
                excluded += 1
                continue
            if test["split"]:
                known.add(image)
            yield image  # also a line that names no image, for the check to count

    written = desk.write(kept())
    if not written.labelled:
        raise DatasetRejected(
            f"The training {source.kind} {source.value} holds no labelled PNG or JPEG image"
            + (f" besides {excluded} that the test dataset holds too." if excluded else ".")
        )
    if action == "keep" and (excluded or test["former"] or must_rebuild(existing)):
        action = "replace"
    logger.info("prepared", extra={"action": action, "images": written.images, "excluded": excluded})
    return branch(action, existing, limit=settings.dataset_limit, excluded=excluded, **written._asdict())
