"""DeleteVersions: deletes the versions of a project, a slice a call, and waits until none is left."""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import TeardownFailed
from customlabels.models import refused_deletion
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, done
from customlabels.quotas import statuses
from customlabels.teardown import running, to_delete, under_way

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "versions": {"poll", "deleted"}} → {"poll", "deleted": names, "moving"}.

    `moving` where a version has been started or trained meanwhile, which StopVersions sees to.
    """
    versions, before = statuses(rekognition, event["projectArn"]), event["versions"]
    deleted = [parse_version_arn(arn).version for arn in to_delete(versions) if _delete(arn)]
    names = [*before["deleted"], *deleted]
    moving = bool(running(versions) or under_way(versions))
    if not versions:
        return {"poll": done(before["poll"]), "deleted": names, "moving": False}
    try:
        poll = again(before["poll"], f"{len(versions)} versions were still not deleted")
    except TooLong as error:
        raise TeardownFailed(str(error)) from None
    return {"poll": poll, "deleted": names, "moving": moving}


def _delete(arn: str) -> bool:
    if refused_deletion(partial(rekognition.delete_project_version, ProjectVersionArn=arn)) is not None:
        return False
    logger.info("deleted", extra={"arn": arn})
    return True
