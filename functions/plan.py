"""Plan: checks the execution's input and the account's quotas, and fills in every default."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.inputs import resolve
from customlabels.models import EXECUTION_TAG, read_live
from customlabels.names import tag_value, version_name
from customlabels.polling import begin
from customlabels.quotas import check_quotas, count_versions
from customlabels.settings import Defaults, Quotas, Settings

settings = Settings.read()
defaults = Defaults.read()
quotas = Quotas.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"input", "execution", "since"} → the whole state of the run, as the definition's paths read it."""
    execution = event["execution"]
    run = resolve(event["input"], settings, defaults)
    check_quotas(count_versions(rekognition, settings.project), run["project"], quotas)
    version = version_name(execution)
    logger.info("planned", extra={"project": run["project"], "version": version})
    return {
        **run,
        "model": {**run["model"], "created": {"arn": None, "poll": begin(60, 225, settings.training_limit)}},
        "execution": execution,
        "version": version,
        "since": event["since"],
        "tags": {EXECUTION_TAG: tag_value(execution)},
        "live": read_live(table, run["project"]).arn,
        "output": {
            "bucket": settings.data_bucket,
            "prefix": f"training-output/{run['project']}/{version}",
        },
        "refused": None,
        "found": {"poll": begin(2, 60, settings.dataset_limit)},
        "reading": {"done": False, "todo": None, "token": None, "part": 0},
        "checking": {"done": False, "todo": None, "token": None, "faulty": 0},
        "distribution": {"poll": begin(5, 60, settings.dataset_limit)},
        "trained": {"poll": begin(30, 225, settings.training_limit)},
        "started": {"poll": begin(15, 60, settings.model_start_limit), "refused": None},
        "stopped": {"poll": begin(10, 60, settings.model_start_limit)},
        "cleanUp": {"poll": None},
    }
