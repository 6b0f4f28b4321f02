"""FindProject: waits until the project and its datasets are settled, and tells their ARNs."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.errors import Unexpected
from customlabels.models import find_project
from customlabels.polling import TooLong, again, done

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"project", "dryRun", "poll"} → {"poll", "absent", "arn", "datasets": {"TRAIN", "TEST"}}.

    A dataset is {"arn", "status"}, or null where there is none.
    """
    project = find_project(rekognition, event["project"])
    datasets: dict[str, dict[str, str] | None] = {"TRAIN": None, "TEST": None}
    for dataset in project.get("Datasets", []) if project else []:
        datasets[dataset["DatasetType"]] = {"arn": dataset["DatasetArn"], "status": dataset["Status"]}
    moving = [f"{kind} is {d['status']}" for kind, d in datasets.items() if d and "IN_PROGRESS" in d["status"]]
    status = project["Status"] if project else "not there"
    try:
        poll = event["poll"]
        # A dry run creates nothing, and may find nothing.
        settled = (status == "CREATED" and not moving) or (event["dryRun"] and not project)
        poll = done(poll) if settled else again(poll, f"Project {event['project']} is {status} {moving or ''}")
    except TooLong as error:
        raise Unexpected(str(error)) from None
    return {
        "poll": poll,
        "absent": project is None,
        "arn": project["ProjectArn"] if project else None,
        "datasets": datasets,
    }
