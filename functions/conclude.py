"""Conclude: writes the record of a run, lets go of the project, and composes what is told of it."""

from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels import figures
from customlabels.alarms import STOP_FAILED, sound
from customlabels.clients import PATIENT
from customlabels.locks import release
from customlabels.records import record_of, write
from customlabels.settings import Settings, read_prices
from customlabels.telling import event_of, message_of, subject_of

settings, prices = Settings.read(), read_prices()
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The whole state of a run at its end → {"subject", "message", "event"}; a second call changes nothing.

    What a run that failed at once does not know, CleanUp has found out: its `run` is laid over the state.
    """
    run = {**event, **event.get("cleanUp", {}).get("run", {})}
    record = record_of(run, datetime.now(UTC).isoformat(timespec="seconds"), prices)
    write(table, run["project"], record)
    figures.tell(settings, run["project"], figures.of_run(record))
    if "cleanUpFailed" in event:  # a model may still run: the alarm on this metric says so too
        sound(STOP_FAILED, settings)
    # A clean-up that failed keeps the lock, and with it what it owes: whoever cleans up after it reads it there.
    released = "cleanUpFailed" not in event and release(table, run["project"], run["execution"])
    logger.info("concluded", extra={"outcome": record["outcome"], "error": record["error"], "released": released})
    return {
        "subject": subject_of(run["project"], record),
        "message": message_of(run["project"], record, prices),
        "event": event_of(run["project"], record),
    }
