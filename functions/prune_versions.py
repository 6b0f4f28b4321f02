"""PruneVersions: deletes the oldest versions beyond `keepVersions`, and waits until they are gone."""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.models import list_versions, refused_deletion
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, done
from customlabels.pruning import to_prune

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"projectArn", "keepVersions", "live": {"arn", "previous"}, "reuse", "pruned"} → {"poll", "versions"}.

    `versions` are those deleted; there is room left for the one that the run is about to make.
    """
    live, pruned = event["live"], event["pruned"]
    protected = {arn for arn in (live["arn"], live["previous"], event["reuse"]) if arn}
    found = list_versions(rekognition, event["projectArn"])
    there = [(of["ProjectVersionArn"], of["Status"]) for of in found if of["Status"] != "DELETING"]
    deleted = [arn for arn in to_prune(there, event["keepVersions"] - 1, protected) if _delete(arn)]
    names = [*pruned["versions"], *(parse_version_arn(arn).version for arn in deleted)]
    if not deleted and len(there) == len(found):
        return {"poll": done(pruned["poll"]), "versions": names}
    try:
        poll = again(pruned["poll"], f"Versions that are no longer kept were still DELETING ({', '.join(names)})")
    except TooLong as error:
        raise Unexpected(str(error)) from None
    return {"poll": poll, "versions": names}


def _delete(arn: str) -> bool:
    if refused_deletion(partial(rekognition.delete_project_version, ProjectVersionArn=arn)) is not None:
        return False
    logger.info("deleted", extra={"arn": arn})
    return True
