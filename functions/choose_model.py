"""ChooseModel: finds the version that a run switches to, instead of training one."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import InvalidInput
from customlabels.models import list_versions, name_of
from customlabels.preflight.findings import quoted

PREVIOUS = "previous"
READY = ("TRAINING_COMPLETED", "COPYING_COMPLETED", "STOPPED", "STARTING", "RUNNING", "FAILED")
SHOWN = 10  # names of versions in a message
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "projectArn", "switchTo", "live": {"arn", "previous"}} → {"reuse": the version's ARN}.

    InvalidInput where there is no such version, or none that can run; nothing has been changed then.
    """
    project, wanted, live = event["project"], event["switchTo"], event["live"]
    versions = list_versions(rekognition, event["projectArn"]) if event["projectArn"] else []
    if wanted == PREVIOUS and not live["previous"]:
        raise InvalidInput(f"switchTo is 'previous', but project {project} has no model that was live before.")
    for version in versions:
        if version["ProjectVersionArn"] == live["previous"] if wanted == PREVIOUS else name_of(version) == wanted:
            if version["Status"] not in READY:
                raise InvalidInput(
                    f"switchTo names version {name_of(version)}, which is {version['Status']}; accepted is a "
                    f"trained one that is not just being stopped."
                )
            logger.info("chosen", extra={"arn": version["ProjectVersionArn"], "status": version["Status"]})
            return {"reuse": version["ProjectVersionArn"]}
    names = ", ".join(name_of(version) for version in versions[:SHOWN]) or "none"
    if wanted == PREVIOUS:
        raise InvalidInput(
            f"switchTo is 'previous', but {live['previous']} was deleted; the newest versions: {names}."
        )
    raise InvalidInput(f"switchTo is {quoted(wanted)}; project {project} has the versions {names}.")
