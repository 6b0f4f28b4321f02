"""CheckFreshness: counts, once a day, for how long no run of a project has ended well."""

from datetime import UTC, datetime

import boto3
from aws_lambda_powertools import Logger
from customlabels import figures
from customlabels.clients import PATIENT
from customlabels.models import family
from customlabels.records import history
from customlabels.settings import Settings

RUNS = 400  # the newest ones that are looked at: more than a year of daily runs
settings = Settings.read()
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(settings.state_table)
logger = Logger()


@logger.inject_lambda_context
def handler(event: object, context: object) -> dict[str, float]:
    """Any event → days since the last success, by project; projects that have never run are left out."""
    found = {}
    for project in family(rekognition, settings.project):
        days = figures.days_since_success(history(table, project, RUNS), datetime.now(UTC))
        if days is not None:
            figures.tell(settings, project, {figures.AGE: days})
            found[project] = days
    logger.info("looked", extra={"days": found})
    return found
