"""DeleteDatasets: deletes the datasets of a project, and waits until they are gone."""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import TeardownFailed
from customlabels.models import find_project, refused_deletion
from customlabels.polling import TooLong, again, done

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "datasets": {"poll", "deleted"}} → {"poll", "deleted": ARNs}; one being made is awaited."""
    project, before = find_project(rekognition, event["project"]), event["datasets"]
    there = project.get("Datasets", []) if project else []
    settled = [of["DatasetArn"] for of in there if not of["Status"].endswith("_IN_PROGRESS")]
    deleted = [*before["deleted"], *(arn for arn in settled if _delete(arn))]
    if not there:
        return {"poll": done(before["poll"]), "deleted": deleted}
    said = ", ".join(f"{of['DatasetType']} was {of['Status']}" for of in there)
    try:
        poll = again(before["poll"], f"Datasets were still not deleted ({said})")
    except TooLong as error:
        raise TeardownFailed(str(error)) from None
    return {"poll": poll, "deleted": deleted}


def _delete(arn: str) -> bool:
    if refused_deletion(partial(rekognition.delete_dataset, DatasetArn=arn)) is not None:
        return False
    logger.info("deleted", extra={"arn": arn})
    return True
