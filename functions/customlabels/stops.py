"""A model that is stopped though no run asked for it: the call, and what is told of it."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from customlabels.alarms import STOP_FAILED, sound
from customlabels.names import parse_version_arn
from customlabels.settings import Settings
from customlabels.telling import subject

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

EVENT = 1  # the version of the event's form, which docs/outcomes.md describes
NOT_RUNNING = ("ResourceInUseException", "ResourceNotFoundException")  # somebody else was quicker
WHY = {
    "idle": "no request was counted for as long as IdleMinutes says",
    "maximumTime": "it has run for longer than MaxRunningHours says",
    "officeHours": "the office hours are over",
    "orphan": "it is not the live model, and neither a run nor a lease holds it",
}


class Stop(NamedTuple):
    """A version that must be stopped: its ARN, one of WHY, and since when (ISO 8601) it has been seen so."""

    arn: str
    why: str
    since: str | None


class Ended(NamedTuple):
    """What became of a stop: `error` says why the version still runs, None if it does not."""

    stop: Stop
    error: str | None


def try_to_stop(rekognition: "RekognitionClient", stop: Stop) -> Ended | None:
    """Stop the version; None if it does not run any more, so that there is nothing to tell."""
    try:
        rekognition.stop_project_version(ProjectVersionArn=stop.arn)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return None if code in NOT_RUNNING else Ended(stop, f"{code}: {error.response['Error']['Message']}")
    except BotoCoreError as error:
        return Ended(stop, str(error))
    return Ended(stop, None)


def event_of(ended: Ended) -> dict[str, Any]:
    """The event's entry for PutEvents, without a bus."""
    project, version = parse_version_arn(ended.stop.arn)
    detail = {
        "version": EVENT,
        "project": project,
        "projectVersion": version,
        "projectVersionArn": ended.stop.arn,
        "why": ended.stop.why,
        "since": ended.stop.since,
        "stopped": ended.error is None,
    }
    kind = "Custom Labels Stop Failed" if ended.error else "Custom Labels Model Stopped"
    return {"Source": "custom-labels", "DetailType": kind, "Detail": json.dumps(detail)}


def subject_of(ended: Ended) -> str:
    """The subject of the message."""
    project, version = parse_version_arn(ended.stop.arn)
    said = "could not be stopped" if ended.error else "was stopped"
    return subject(f"{project}: {version} {said}")


def message_of(ended: Ended) -> str:
    """The message: which model, why, and what can be done."""
    project, version = parse_version_arn(ended.stop.arn)
    why, named = WHY[ended.stop.why], f"{version} --project {project}"
    since = f"Seen so since {ended.stop.since}." if ended.stop.since else ""
    if ended.error:
        lines = [
            f"Project {project}: version {version} runs and bills, though {why}.",
            f"It could not be stopped: {ended.error.rstrip('. ')}.",
            since,
            f"The next look tries again; `python -m cli stop {named}` stops it by hand.",
        ]
    else:
        lines = [
            f"Project {project}: version {version} was stopped: {why}.",
            since,
            f"`python -m cli start {named}` starts it again.",
        ]
    return "\n".join(line for line in lines if line)


def tell(ended: Ended, topic: str, messages: Any, events: Any, settings: Settings) -> None:
    """Send the message and the event, with clients of SNS and EventBridge, and count a failure."""
    if ended.error:
        sound(STOP_FAILED, settings)
    messages.publish(TopicArn=topic, Subject=subject_of(ended), Message=message_of(ended))
    events.put_events(Entries=[event_of(ended)])


def remembered(ended: Iterable[Ended], at: datetime) -> list[dict[str, str]]:
    """What the item `guard` keeps of the versions that were stopped: {"version", "why", "when"}."""
    return [
        {"version": parse_version_arn(one.stop.arn).version, "why": one.stop.why, "when": at.isoformat()}
        for one in ended
        if one.error is None
    ]
