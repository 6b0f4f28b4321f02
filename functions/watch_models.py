"""WatchModels: looks at every running model of the stack, and stops those that nobody needs."""

from datetime import UTC, datetime
from functools import partial

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from customlabels import figures
from customlabels.alarms import STOP_FAILED, sound
from customlabels.clients import PATIENT
from customlabels.executions import is_running
from customlabels.guarding import Look, Requests, may_be_idle, note, reason, window
from customlabels.models import family, read_live
from customlabels.quotas import statuses
from customlabels.settings import Limits, Settings, Topic
from customlabels.stops import Ended, Stop, remembered, tell, try_to_stop
from customlabels.watching import (
    Notes,
    end_run,
    is_known,
    read_holders,
    read_notes,
    read_requests,
    read_rest,
    write_notes,
)

settings, limits, topic = Settings.read(), Limits.read(), Topic.read()
rekognition = boto3.client("rekognition", config=PATIENT)
cloudwatch = boto3.client("cloudwatch", config=PATIENT)
messages, events = boto3.client("sns", config=PATIENT), boto3.client("events", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context
def handler(event: object, context: object) -> dict[str, list[str]]:
    """Any event → {"stopped", "failed"}: the ARNs of the versions that were stopped, and that could not be.

    A project that cannot be looked at is counted as a failed stop, and hinders none of the others.
    """
    stopped: list[str] = []
    failed: list[str] = []
    for project, project_arn in family(rekognition, settings.project).items():
        try:
            if not is_known(table, project):  # of another stack, or of a person
                continue
            running = [arn for arn, status in statuses(rekognition, project_arn).items() if status == "RUNNING"]
            found = _watch(project, running, now())
            for ended in found:
                (failed if ended.error else stopped).append(ended.stop.arn)
            if running:  # a metric that is not sent costs nothing
                orphans = sum(ended.stop.why == "orphan" for ended in found)
                figures.tell(settings, project, {figures.RUNNING: len(running), figures.ORPHANS: orphans})
        except (ClientError, BotoCoreError):
            logger.exception("not looked at", extra={"project": project})
            sound(STOP_FAILED, settings)
    return {"stopped": stopped, "failed": failed}


def now() -> datetime:
    """The time of a look, in whole seconds, as it is noted."""
    return datetime.now(UTC).replace(microsecond=0)


def _watch(project: str, running: list[str], at: datetime) -> list[Ended]:
    """One look at a project's running versions (ARNs): what has become of those that had to be stopped."""
    before = read_notes(table, project)
    looks = _look(project, running, before, at) if running else {}
    ended = []
    for arn, look in looks.items():
        why = reason(look, limits, at)
        since = look.seen.orphan or look.seen.running
        one = try_to_stop(rekognition, Stop(arn, why, since.isoformat())) if why else None
        if one:
            logger.warning("stopped" if one.error is None else "not stopped", extra={"arn": arn, "why": why})
            ended.append(one)
    for one in ended:
        if one.stop.why == "officeHours" and one.error is None:
            end_run(table, project, one.stop.arn)
    gone = {one.stop.arn for one in ended if one.error is None}
    seen = {arn: look.seen for arn, look in looks.items() if arn not in gone}
    after = Notes(seen, [*remembered(ended, at), *before.stops])
    if after != before:
        write_notes(table, project, after)
    for one in ended:
        tell(one, topic.arn, messages, events, settings)
    return ended


def _look(project: str, running: list[str], before: Notes, at: datetime) -> dict[str, Look]:
    # Who holds the project is read before what is live: a run makes its model live before it lets go.
    holders = read_holders(table, project, at, partial(is_running, steps))
    live, rest = read_live(table, project).arn, read_rest(table, project)
    unheld = {arn for arn in running if arn != live and not holders.hold(arn)}
    looks = {}
    for arn, seen in note(before.seen, running, unheld, at).items():
        look = Look(seen, arn == live, holders.hold(arn), rest.of(arn) if rest else None)
        asks = may_be_idle(look, limits, at)
        looks[arn] = look._replace(requests=_requests(project, at)) if asks else look
    return looks


def _requests(project: str, at: datetime) -> Requests:
    try:
        return read_requests(cloudwatch, settings.namespace, project, *window(limits.idle, at))
    except (ClientError, BotoCoreError):
        logger.exception("no figure of requests", extra={"project": project})
        return None
