"""CheckDataset: waits until a dataset is ready, or until it is gone."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.clients import PATIENT
from customlabels.datasets import READY
from customlabels.errors import DatasetRejected
from customlabels.polling import TooLong, again, done

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"arn", "want": "ready" or "gone", "poll"} → {"poll", "status", "statistics"}."""
    arn, want, poll = event["arn"], event["want"], event["poll"]
    try:
        dataset = rekognition.describe_dataset(DatasetArn=arn)["DatasetDescription"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException" or want == "ready":
            raise
        return {"poll": done(poll), "status": "GONE", "statistics": {}}
    status = dataset["Status"]
    statistics = dataset.get("DatasetStats", {})
    if want == "ready" and status in READY:
        return {"poll": done(poll), "status": status, "statistics": statistics}
    # A deletion that was accepted may be described late: only the limit ends that wait.
    if want == "ready" and not status.endswith("_IN_PROGRESS"):
        said = dataset.get("StatusMessage", "the service gave no message")
        raise DatasetRejected(f"The dataset {arn} is {status}, awaited was {want}: {said}")
    try:
        poll = again(poll, f"The dataset {arn} was still {status}")
    except TooLong as error:
        raise DatasetRejected(str(error)) from None
    return {"poll": poll, "status": status, "statistics": statistics}
