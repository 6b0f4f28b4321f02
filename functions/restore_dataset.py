"""RestoreDataset: rebuilds a dataset from its saved entries where its replacement failed, one look a call."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import READY
from customlabels.errors import DatasetRejected
from customlabels.models import find_project
from customlabels.polling import TooLong, again, done

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "type": "TRAIN" or "TEST", "saved": S3Object, "tags", "restored"} → {"poll", "created"}."""
    kind, saved, restored = event["type"], event["saved"], event["restored"]
    where = f"s3://{saved['Bucket']}/{saved['Name']}"
    project = find_project(rekognition, event["project"])
    if project is None:
        raise DatasetRejected(f"The project {event['project']} is gone; the {kind} dataset's entries are {where}.")
    found = [dataset for dataset in project.get("Datasets", []) if dataset["DatasetType"] == kind]
    status = found[0]["Status"] if found else "gone"
    created = restored["created"]
    if status in READY:
        return {"poll": done(restored["poll"]), "created": created}
    if status == "CREATE_FAILED" and created:
        raise DatasetRejected(f"The {kind} dataset could not be rebuilt from its entries, which are {where}.")
    if not found:
        rekognition.create_dataset(
            ProjectArn=project["ProjectArn"],
            DatasetType=kind,
            DatasetSource={"GroundTruthManifest": {"S3Object": saved}},
            Tags=event["tags"],
        )
        created = True
        logger.warning("restoring", extra={"type": kind, "manifest": where})
    elif not status.endswith("_IN_PROGRESS"):
        rekognition.delete_dataset(DatasetArn=found[0]["DatasetArn"])
    try:
        poll = again(restored["poll"], f"The {kind} dataset was still {status}; its entries are {where}")
    except TooLong as error:
        raise DatasetRejected(str(error)) from None
    return {"poll": poll, "created": created}
