"""CheckDistribution: waits until a part of the training dataset has moved to the test dataset."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from customlabels.clients import PATIENT
from customlabels.datasets import READY
from customlabels.errors import DatasetRejected, refusal
from customlabels.polling import TooLong, again, done

rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"train", "test": ARNs, "refused", "poll"} → {"poll", "entries": {"train", "test"}}."""
    found = {
        kind: rekognition.describe_dataset(DatasetArn=event[kind])["DatasetDescription"]
        for kind in ("train", "test")
    }
    entries = {kind: dataset.get("DatasetStats", {}).get("TotalEntries", 0) for kind, dataset in found.items()}
    for kind, dataset in found.items():
        if not dataset["Status"].endswith(("_COMPLETE", "_IN_PROGRESS")):
            said = dataset.get("StatusMessage", "the service gave no message")
            raise DatasetRejected(f"Splitting left the {kind} dataset {dataset['Status']}: {said}")
    settled = all(dataset["Status"] in READY for dataset in found.values())
    if settled and all(entries.values()):
        return {"poll": done(event["poll"]), "entries": entries}
    if settled and event["refused"]:
        raise refusal(event["refused"], DatasetRejected, "The training dataset could not be split")
    try:
        poll = again(event["poll"], f"The training dataset was still not split ({entries})")
    except TooLong as error:
        raise DatasetRejected(str(error)) from None
    return {"poll": poll, "entries": entries}
