"""PrepareTrainDataset: decides what becomes of the training dataset, and writes its manifest.

What people have accepted of feedback comes first, and counts more than what the source says of the same image.
Whatever the test dataset holds is left out, and so is a second copy of an image that is about to be split:
no image is ever in both.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import READABLE, branch, decide, is_own, must_rebuild
from customlabels.errors import DatasetRejected
from customlabels.feedback import reviewed_images
from customlabels.manifests import Image, first
from customlabels.preparing import Desk
from customlabels.settings import Settings
from customlabels.sources import Source

settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "version", "source", "refresh", "existing", "test"} → what the training branch does."""
    source, existing, test = Source(**event["source"]), event["existing"], event["test"]
    desk = Desk(s3, settings.data_bucket, event["project"], event["version"], "training")
    action = decide(source, event["refresh"], existing)
    accepted = list(reviewed_images(table, event["project"])) if event["refresh"] != "keep" else []
    if accepted and action == "keep" and is_own(source, existing) and existing["status"] in READABLE:
        action = "merge"  # into the dataset that people look after by other means
    known = desk.identities(test["identities"])
    excluded, changes = 0, None

    def kept(images: Iterable[Image]) -> Iterator[Image]:
        nonlocal excluded
        for image in desk.with_etags(images) if known.references or test["split"] else images:
            if image.reference and known.hold(image):
                excluded += 1
                continue
            if test["split"]:
                known.add(image)
            yield image  # also a line that names no image, for the check to count

    former = desk.dataset(test["former"]) if action != "replace" and test["former"] else ()
    if action == "merge":
        written, changes = desk.merge(chain(first(accepted, desk.source(source)), former), existing["arn"], kept)
    else:
        images = desk.dataset(existing["arn"]) if action == "keep" else first(accepted, desk.source(source))
        written = desk.write(kept(chain(images, former)))
    if not written.labelled:
        raise DatasetRejected(
            f"The training {source.kind} {source.value} holds no labelled PNG or JPEG image"
            + (f" besides {excluded} that the test dataset holds too." if excluded else ".")
        )
    # No call deletes one entry: what must leave the dataset makes it anew.
    must_leave = changes["mustLeave"] if changes else excluded
    if (action == "keep" and (must_leave or test["former"])) or (action == "merge" and must_leave):
        action = "replace"
    if action in ("keep", "merge") and must_rebuild(existing):
        action = "replace"
    saved = desk.saved(existing["arn"]) if action == "replace" and existing["status"] in READABLE else None
    logger.info(
        "prepared",
        extra={
            "action": action,
            "images": written.images,
            "excluded": excluded,
            "reviewed": len(accepted),
        },
    )
    return branch(
        action,
        existing,
        limit=settings.dataset_limit,
        saved=saved,
        changes=changes,
        excluded=excluded,
        **written._asdict(),
    )
