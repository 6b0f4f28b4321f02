"""PlanBatch: checks the input of a batch, and fills in every default."""

from typing import Any

from aws_lambda_powertools import Logger
from customlabels.batching.planning import begin as begin_plan
from customlabels.inputs import resolve_batch
from customlabels.names import version_name
from customlabels.polling import begin
from customlabels.settings import Settings

settings = Settings.read()
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"input", "execution", "since"} → the whole state of the batch, as the definition's paths read it."""
    run = version_name(event["execution"])
    batch = resolve_batch(event["input"], settings, run)
    logger.info("planned", extra={"project": batch["project"], "output": batch["output"]})
    return {
        **batch,
        "run": run,
        "execution": event["execution"],
        "since": event["since"],
        "input": event["input"],
        "plan": begin_plan(begin(5, 60, 3600)),
        "summary": {"done": False, "token": None},
        "ending": {"poll": None},
    }
