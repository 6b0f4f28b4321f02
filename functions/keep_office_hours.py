"""KeepOfficeHours: stops the live models when the office closes, and starts them when it opens."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from customlabels.batching.holding import keep
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.executions import is_running
from customlabels.locks import owed
from customlabels.models import find_project, find_version, read_live
from customlabels.names import parse_version_arn
from customlabels.quotas import count_versions
from customlabels.settings import Settings, Topic, Units
from customlabels.stops import Stop, tell, try_to_stop
from customlabels.watching import Rest, begin_rest, end_rest, read_holders, read_notes, read_rest

settings, units, topic = Settings.read(), Units.read(), Topic.read()
rekognition = boto3.client("rekognition", config=PATIENT)
messages, events = boto3.client("sns", config=PATIENT), boto3.client("events", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, str], context: object) -> dict[str, list[str]]:
    """{"do": "start" or "stop"} → {"done"}: the ARNs of the live versions that were started or stopped.

    A second call changes nothing. Unexpected, once all projects had their turn, where one could not be started:
    Lambda then tries again.
    """
    done, failed = [], []
    for project, versions in count_versions(rekognition, settings.project).items():
        try:
            live = read_live(table, project).arn
            if live is None or live not in versions:
                continue
            act = {"start": _start, "stop": _stop}[event["do"]]
            done += [live] if act(project, live, versions[live]) else []
        except (ClientError, BotoCoreError) as error:
            logger.exception("failed", extra={"project": project, "do": event["do"]})
            failed.append(f"project {project} ({error})")
    if failed:
        raise Unexpected(f"The {event['do']} at the office hours' limit failed for {', '.join(failed)}.")
    return {"done": done}


def now() -> datetime:
    """The time from which a project rests, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _stop(project: str, live: str, status: str) -> bool:
    """Let the project rest, and stop its live version if it is free; WatchModels stops it once it is."""
    at, before = now(), read_rest(table, project)
    runs = status in ("STARTING", "RUNNING")
    last = _described_units(live) if runs else before.units if before else {}
    rest = Rest(at, [] if runs else [live], [live] if runs else [], last)
    begin_rest(table, project, rest)
    free = status == "RUNNING" and not read_holders(table, project, at, partial(is_running, steps)).hold(live)
    seen = read_notes(table, project).seen.get(live)
    since = seen.running.isoformat() if seen else None
    ended = try_to_stop(rekognition, Stop(live, "officeHours", since)) if free else None
    if ended is None:
        return False
    if ended.error is None:
        begin_rest(table, project, rest._replace(stopped=[live]))
    logger.info("stopped" if ended.error is None else "not stopped", extra={"arn": live})
    tell(ended, topic.arn, messages, events, settings)
    return ended.error is None


def _start(project: str, live: str, status: str) -> bool:
    """End the rest, and start the live version unless it runs, or a run starts it itself."""
    starts = status not in ("STARTING", "RUNNING") and owed(table, project) != live
    if starts:
        rest = read_rest(table, project)
        given = (rest.units if rest else {}) or _described_units(live) or units.given
        rekognition.start_project_version(ProjectVersionArn=live, **given)
        logger.info("started", extra={"arn": live, **given})
    keep(table, project, live)
    end_rest(table, project)  # last, since a second try needs its units
    return starts


def _described_units(live: str) -> dict[str, int]:
    """The units of a version as StartProjectVersion takes them; empty where Rekognition does not say."""
    name = parse_version_arn(live)
    project = find_project(rekognition, name.project)
    found: Any = (find_version(rekognition, project["ProjectArn"], name.version) if project else None) or {}
    return {key: found[key] for key in ("MinInferenceUnits", "MaxInferenceUnits") if key in found}
