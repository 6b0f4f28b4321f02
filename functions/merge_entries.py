"""MergeEntries: sends a dataset the next chunk of the lines that it lacks."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from customlabels.clients import PATIENT
from customlabels.errors import DatasetRejected
from customlabels.merging import chunk_key
from customlabels.polling import TooLong, again
from customlabels.settings import Settings

settings = Settings.read()
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=PATIENT)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"arn", "merge"} → the same "merge", a chunk further on.

    A dataset that is still taking a chunk, which may be a first try's, is sent this one again: a line replaces
    the one of the same image.
    """
    arn, merge = event["arn"], event["merge"]
    key = chunk_key(merge["prefix"], merge["sent"])
    lines = s3.get_object(Bucket=settings.data_bucket, Key=key)["Body"].read()
    try:
        rekognition.update_dataset_entries(DatasetArn=arn, Changes={"GroundTruth": lines})
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        try:
            return {**merge, "poll": again(merge["poll"], f"The dataset {arn} took no update")}
        except TooLong as late:
            raise DatasetRejected(str(late)) from None
    sent = merge["sent"] + 1
    logger.info("sent", extra={"dataset": arn, "chunk": sent, "of": merge["chunks"]})
    return {**merge, "sent": sent, "done": sent == merge["chunks"]}
