"""Plan: checks the execution's input, and fills in every default."""

import os
from typing import Any

from aws_lambda_powertools import Logger
from customlabels.inputs import resolve
from customlabels.models import tags_of
from customlabels.names import version_name
from customlabels.polling import begin
from customlabels.promotion import check_source
from customlabels.settings import Defaults, Settings, read_key

settings = Settings.read()
defaults = Defaults.read()
key = read_key()
source_family = os.environ["SOURCE_PROJECT"]  # what the names of projects begin with that are copied from
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"input", "execution", "since"} → the whole state of the run, as the definition's paths read it."""
    execution = event["execution"]
    run = resolve(event["input"], settings, defaults)
    if run["copyFrom"]:
        check_source(run["copyFrom"], run["project"], source_family, execution)
    version = version_name(execution)
    logger.info("planned", extra={"project": run["project"], "version": version})
    return {
        **run,
        "model": {**run["model"], "created": {"arn": None, "poll": begin(60, 225, settings.training_limit)}},
        "execution": execution,
        "version": version,
        "since": event["since"],
        "input": event["input"],
        "tags": tags_of(execution, event["since"]),
        "output": {
            "bucket": settings.data_bucket,
            "prefix": f"training-output/{run['project']}/{version}",
        },
        "kmsKey": key,
        "refused": None,
        "source": None,
        "compared": {"reuse": None},
        "preflight": {"findings": None, "page": None},
        "found": {"poll": begin(2, 60, settings.dataset_limit)},
        "orphans": {"poll": begin(10, 60, settings.model_start_limit), "stopped": []},
        "pruned": {"poll": begin(5, 60, settings.dataset_limit), "versions": []},
        "reading": {"done": False, "todo": None, "token": None, "part": 0},
        "checking": {"done": False, "todo": None, "token": None, "faulty": 0},
        "distribution": {"poll": begin(5, 60, settings.dataset_limit)},
        "evaluation": {"measure": None},
        "trained": {"poll": begin(30, 225, settings.training_limit)},
        "started": {"poll": begin(15, 60, settings.model_start_limit), "refused": None},
        "stopped": {"poll": begin(10, 60, settings.model_start_limit), "reason": None},
        "tested": {"poll": begin(10, 60, settings.model_start_limit)},
        "inPlace": {"poll": begin(10, 60, settings.model_start_limit), "stopped": None},
        "restarted": {"poll": begin(15, 60, settings.model_start_limit)},
        "cleanUp": {"poll": None},
    }
