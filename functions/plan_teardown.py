"""PlanTeardown: checks the input of a teardown, and lays out what its loops wait by."""

from typing import Any

from aws_lambda_powertools import Logger
from customlabels.inputs import resolve_teardown
from customlabels.polling import begin
from customlabels.settings import Settings

settings = Settings.read()
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"input", "execution", "since"} → the whole state of the teardown, as the definition's paths read it."""
    asked = resolve_teardown(event["input"], settings)
    logger.info("planned", extra=asked)
    return {
        **asked,
        **{key: event[key] for key in ("input", "execution", "since")},
        "stopped": {
            "running": begin(10, 60, settings.model_start_limit),
            "training": begin(30, 225, settings.training_limit),
        },
        "versions": {"poll": begin(5, 60, settings.dataset_limit), "deleted": []},
        "datasets": {"poll": begin(5, 60, settings.dataset_limit), "deleted": []},
        "deletion": {"poll": begin(5, 60, settings.dataset_limit)},
    }
