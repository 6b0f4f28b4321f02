"""Plan: checks the execution's input and fills in every default."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.inputs import resolve
from customlabels.models import EXECUTION_TAG, read_live
from customlabels.names import version_name
from customlabels.polling import begin
from customlabels.settings import Defaults, Settings

settings = Settings.read()
defaults = Defaults.read()
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"input", "execution"} → the whole state of the run, as the definition's paths read it."""
    execution = event["execution"]
    run = resolve(event["input"], settings, defaults)
    version = version_name(execution)
    logger.info("planned", extra={"project": run["project"], "version": version})
    return {
        **run,
        "execution": execution,
        "version": version,
        "tags": {EXECUTION_TAG: execution},
        "live": read_live(table, run["project"]).arn,
        "output": {
            "bucket": settings.data_bucket,
            "prefix": f"training-output/{run['project']}/{version}",
        },
        "refused": None,
        "found": {"poll": begin(2, 15, 600)},
        "distribution": {"poll": begin(5, 60, settings.dataset_limit)},
        "trained": {"poll": begin(30, 225, settings.training_limit)},
        "started": {"poll": begin(15, 60, settings.model_start_limit), "refused": None},
        "stopped": {"poll": begin(10, 60, settings.model_start_limit)},
        "cleanUp": {"poll": None},
    }
