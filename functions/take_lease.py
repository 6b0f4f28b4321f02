"""TakeLease: leases the live version for a batch, so that nobody stops it while the batch asks it."""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.batching.holding import hold
from customlabels.batching.pacing import share
from customlabels.batching.places import Places
from customlabels.batching.rounds import first
from customlabels.clients import PATIENT
from customlabels.errors import InvalidInput
from customlabels.executions import is_running
from customlabels.models import find_project, find_version, read_live, units_of
from customlabels.names import parse_version_arn
from customlabels.polling import begin
from customlabels.settings import Batching, Settings

settings, batching = Settings.read(), Batching.read()
rekognition = boto3.client("rekognition", config=PATIENT)
steps = boto3.client("stepfunctions", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "output", "execution", "run"} → {"arn", "version", "projectArn", "units", "pace", "places",
    "first": the first round}.

    InvalidInput where no version is live, RunInProgress where another execution writes to the output.
    """
    project, live = event["project"], _leased(event)
    name = parse_version_arn(live.arn).version if live.arn else ""
    described = find_project(rekognition, project) if live.arn else None
    version = find_version(rekognition, described["ProjectArn"], name) if described else None
    if not described or not version:
        raise InvalidInput(
            f"project is {project!r}, of which no version is live; accepted is one that has a model."
        )
    units = units_of(version, live.units)
    places = Places.of(event["output"], name, event["run"])
    at_most = units.get("MaxInferenceUnits", units["MinInferenceUnits"])
    logger.info("leased", extra={"arn": live.arn, "output": event["output"]})
    return {
        "arn": live.arn,
        "version": name,
        "projectArn": described["ProjectArn"],
        "units": units,
        "pace": share(batching.per_unit, at_most)._asdict(),
        "places": places.given,
        "first": first(places.round(1), 0, begin(15, 60, settings.model_start_limit)),
    }


def _leased(event: dict[str, Any]) -> Any:
    """The live version, leased; read again, since a switch may have come between."""
    live = read_live(table, event["project"])
    while live.arn:
        hold(table, event["project"], event["output"], live.arn, event["execution"], partial(is_running, steps))
        now = read_live(table, event["project"])
        if now.arn == live.arn:
            break
        live = now
    return live
