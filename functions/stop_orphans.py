"""StopOrphans: stops what an earlier run, which was ended before it came to that, has left running."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.leases import lease_on
from customlabels.models import RUNNING, list_versions
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, done
from customlabels.settings import Settings, Topic
from customlabels.stops import Stop, tell, try_to_stop

settings, topic = Settings.read(), Topic.read()
rekognition = boto3.client("rekognition", config=PATIENT)
messages, events = boto3.client("sns", config=PATIENT), boto3.client("events", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "projectArn", "live": {"arn"}, "reuse", "orphans"} → {"poll", "stopped": names}.

    The run holds the project, so that no other one needs what is neither live nor leased. One that cannot be
    stopped is left to WatchModels, and to CheckQuotas to tell whether there is room beside it.
    """
    poll, names = event["orphans"]["poll"], event["orphans"]["stopped"]
    kept = (event["live"]["arn"], event["reuse"])
    found = {
        version["ProjectVersionArn"]: version["Status"]
        for version in list_versions(rekognition, event["projectArn"])
        if version["Status"] in RUNNING and version["ProjectVersionArn"] not in kept
    }
    orphans = [arn for arn in found if not lease_on(table, event["project"], arn, steps)]
    tried = [try_to_stop(rekognition, Stop(arn, "orphan", None)) for arn in orphans if found[arn] == "RUNNING"]
    for ended in filter(None, tried):
        logger.warning("not stopped" if ended.error else "stopped", extra={"arn": ended.stop.arn})
        tell(ended, topic.arn, messages, events, settings)
        if not ended.error:
            names = [*names, parse_version_arn(ended.stop.arn).version]
    if orphans and not any(ended.error for ended in filter(None, tried)):
        try:
            return {"poll": again(poll, "An orphan still ran"), "stopped": names}
        except TooLong:
            logger.warning("still running", extra={"arns": orphans})
    return {"poll": done(poll), "stopped": names}
