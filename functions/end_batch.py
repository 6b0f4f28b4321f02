"""EndBatch: gives a batch's lease back, and stops the model if nobody else is to have it.

It is called in a loop, by the batch itself or, when that was ended from outside, by the clean-up machine.
"""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.batching.holding import (
    Use,
    held_by,
    is_marked,
    is_to_stop,
    keep,
    let_go,
    others,
    release,
    started_by,
)
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.executions import ended, is_running
from customlabels.failures import compose, read_failure
from customlabels.inputs import project_of
from customlabels.locks import holder_of
from customlabels.models import RUNNING, STARTABLE, find_project, find_version, read_live, stop
from customlabels.names import parse_version_arn
from customlabels.polling import TooLong, again, begin, done
from customlabels.settings import Settings

QUIET = 60  # seconds in which it is waited for a start that may still take effect
settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"execution", "ending", and the batch's state or "ended"} → {"poll", "arn", "error", "cause", "stopped",
    "told"}.

    `error` and `cause` are null where nothing failed; `told` says whether a batch that was ended from outside has
    come to its own end all the same.
    """
    if "ended" in event:
        event = {**event, **ended(steps, event["execution"])}
    execution, ending = event["execution"], event["ending"]
    project = project_of(event["input"], settings.project)
    poll = ending["poll"] or begin(10, 60, settings.model_start_limit + 3600)
    held = held_by(table, project, execution)
    # A lease may be gone already though nobody was told: a call that took effect, and got no answer.
    arn = held.arn if held else ending.get("arn") or started_by(table, project, execution)
    stopped = ending.get("stopped", [])
    if held:
        let_go(table, project, held, execution)
    status, asked = _leave(project, arn, execution) if arn else ("GONE", False)
    if held:
        release(table, project, held, execution)
    stopped = [*stopped, arn] if asked else stopped
    # A start that was under way when the batch was ended may still take effect.
    unsure = "ended" in event and arn and status in STARTABLE and not stopped and poll["waited"] < QUIET
    if status == "LEFT" or not (status in RUNNING or unsure):
        logger.info("ended", extra={"arn": arn, "status": status, "stopped": stopped})
        return {"poll": done(poll), "arn": arn, "stopped": stopped, **_said(event, status, arn)}
    try:
        poll = again(poll, f"The model that the batch had started was still {status}")
    except TooLong as error:
        raise Unexpected(str(error)) from None
    return {"poll": poll, "arn": arn, "stopped": stopped}


def _leave(project: str, arn: str, execution: str) -> tuple[str, bool]:
    """Stop the version if it has to be; its status, LEFT if it runs on, and whether a stop was accepted now."""
    described = find_project(rekognition, project)
    version = (
        find_version(rekognition, described["ProjectArn"], parse_version_arn(arn).version) if described else None
    )
    status = str(version["Status"]) if version else "GONE"
    runs = partial(is_running, steps)
    held = bool(others(table, project, arn, execution, runs))
    if status not in RUNNING:
        if not held:
            keep(table, project, arn)
        return status, False
    holder = holder_of(table, project)
    at_work = holder is not None and runs(holder)
    use = Use(read_live(table, project).arn == arn, is_marked(table, project, arn), held, at_work)
    if not is_to_stop(use):
        return "LEFT", False
    return status, status != "STOPPING" and stop(rekognition, arn, status)


def _said(event: dict[str, Any], status: str, arn: str | None) -> dict[str, Any]:
    """What is told of a batch that failed, or was ended from outside."""
    if "failed" not in event:
        return {"error": None, "cause": None, "told": False}
    failure, facts = read_failure(event["failed"]), []
    if "output" in event:
        facts.append(f"What was answered is kept below {event['output']}: the same input goes on from there.")
    if arn:
        runs = "runs on, for others" if status == "LEFT" else f"is {status}"
        facts.append(f"Version {parse_version_arn(arn).version} {runs}.")
    cause = compose(failure, event["execution"], facts)
    return {"error": failure.error, "cause": cause, "told": event.get("told", False)}
