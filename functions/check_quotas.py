"""CheckQuotas: whether the account's quotas let the run come to its end, before anything is created or paid."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.quotas import check_quotas, count_versions
from customlabels.settings import Quotas, Settings

settings = Settings.read()
quotas = Quotas.read()
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "keepVersions", "live": {"arn", "previous"}, "reuse", "copyFrom", "strategy"} → {"versions"}.

    `versions` is how many the project has.
    """
    live = event["live"]
    protected = {arn for arn in (live["arn"], live["previous"], event["reuse"]) if arn}
    versions = count_versions(rekognition, settings.project)
    freed = live["arn"] if event.get("strategy") == "in-place" else None
    check_quotas(
        versions,
        event["project"],
        quotas,
        event["keepVersions"],
        protected,
        reuse=event["reuse"],
        copies=bool(event.get("copyFrom")),
        freed=freed,
    )
    return {"versions": len(versions.get(event["project"], ()))}
