"""DeleteProject: deletes a project that holds nothing any more, and waits until it is no longer listed."""

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
    """{"project", "poll"} → {"poll"}; a project in use is asked for again until the limit."""
    project = find_project(rekognition, event["project"])
    if project is None:
        return {"poll": done(event["poll"])}
    refused = None if project["Status"] == "DELETING" else _delete(project["ProjectArn"])
    said = f" ({refused.rstrip('. ')})" if refused else ""
    try:
        poll = again(event["poll"], f"Project {event['project']} was still {project['Status']}{said}")
    except TooLong as error:
        raise TeardownFailed(str(error)) from None
    return {"poll": poll}


def _delete(arn: str) -> str | None:
    """Ask for the deletion; what the service said where it refuses for now."""
    refused = refused_deletion(partial(rekognition.delete_project, ProjectArn=arn))
    if refused is None:
        logger.info("deleted", extra={"arn": arn})
    return refused
