"""Report: writes the run's report, a page and the same as JSON, and gives the page's address."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from reporting.charts import charts
from reporting.document import document
from reporting.facts import Prices
from reporting.page import page
from reporting.reading import AT_ONCE, Reader
from reporting.settings import Settings

SETTINGS = Settings.read()
PRICES = Prices(SETTINGS.training_price, SETTINGS.inference_price)
PATIENT = Config(retries={"mode": "standard", "max_attempts": 8}, max_pool_connections=AT_ONCE)
s3 = boto3.client("s3", config=PATIENT)
rekognition = boto3.client("rekognition", config=PATIENT)
table = boto3.resource("dynamodb", config=PATIENT).Table(SETTINGS.state_table)
logger = Logger()


@logger.inject_lambda_context(correlation_id_path="execution")
def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """Write the report; {"report"} is the address of its page.

    The event is {"project", "version", "execution", "arn", "projectArn", "verdict", "live", "findings", "cost"}:
    `live` is the ARN of the champion, `findings` the S3Object of the check's JSON; either may be null.
    """
    reader = Reader(rekognition, s3, table)
    told = document(reader.facts(event, datetime.now(UTC).isoformat(timespec="seconds"), PRICES))
    pictures = reader.pictures(told["mistakes"]["worst"] if told["mistakes"] else [])
    place = f"reports/{event['project']}/{event['version']}"
    for name, text, kind in (
        ("report.json", json.dumps(told, ensure_ascii=False), "application/json"),
        ("index.html", page(told, charts(told), pictures), "text/html; charset=utf-8"),
    ):
        body = text.encode("utf-8", "replace")  # a label may hold half a surrogate pair
        s3.put_object(Bucket=SETTINGS.data_bucket, Key=f"{place}/{name}", Body=body, ContentType=kind)
    logger.info("reported", extra={"place": place, "missing": sorted(told["missing"])})
    return {"report": f"s3://{SETTINGS.data_bucket}/{place}/index.html"}
