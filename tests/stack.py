"""The training stack on the test cloud: what the template deploys, made by hand where moto does not know SAM."""

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest.mock import patch

from boto3.dynamodb.conditions import Key
from customlabels.records import history
from customlabels.state_table import query

from local import moto
from local.rekognition.settings import Settings
from tests.images import LABELS, picture
from tests.proof import calls
from tests.templates import defaults, environment, source
from tests.workflow.engine import Machine, Result

TEMPLATE = "template.yaml"
BUCKET, TABLE = "data", "state"
PROJECT = defaults(TEMPLATE)["Project"]


@dataclass
class Stack:
    """What a test works with."""

    cloud: moto.Cloud
    train: Machine
    batch: Machine
    after: Machine
    teardown: Machine
    rekognition: Any
    s3: Any
    table: Any
    messages: Any
    published: Callable[[], list[dict[str, Any]]]  # the details of the events since the last call
    modules: dict[str, ModuleType]  # of the functions, by the module's name

    def put(self, folder: str, numbers: range, labels: tuple[str, ...] = LABELS) -> str:
        """Put pictures under images/<project>/<folder>/<label>/ and give the folder's address."""
        for label in labels:
            for number in numbers:
                key = f"images/{PROJECT}/{folder}/{label}/{number}.png"
                self.s3.put_object(Bucket=BUCKET, Key=key, Body=picture(label, number))
        return f"s3://{BUCKET}/images/{PROJECT}/{folder}/"

    def put_as(self, label: str, key: str, number: int) -> None:
        """Put a picture of a label where another label's may be expected, below images/<project>/."""
        self.s3.put_object(Bucket=BUCKET, Key=f"images/{PROJECT}/{key}", Body=picture(label, number))

    def run(self, given: Any = None, **options: Any) -> Result:
        """Run the training workflow to its end."""
        return self.train.run(given, **options)

    def ended(self, result: Result, given: Any, machine: Machine | None = None) -> Result:
        """Run what the template's rule starts when an execution, of `train` unless told, is ended from outside."""
        detail = {
            "executionArn": result.arn,
            "stateMachineArn": (machine or self.train).arn,
            "name": result.arn.rsplit(":", 1)[-1],
            "status": result.status,
            "input": json.dumps(given),
        }
        event = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
        return self.after.run(event)

    @property
    def live(self) -> dict[str, Any] | None:
        """The state table's item `live`."""
        return self.table.get_item(Key={"project": PROJECT, "item": "live"}).get("Item")

    @property
    def lock(self) -> dict[str, Any] | None:
        """The state table's item `lock`."""
        return self.table.get_item(Key={"project": PROJECT, "item": "lock"}).get("Item")

    def items(self) -> list[str]:
        """The names of the project's items in the state table; moto takes long over what they hold."""
        asked = {"KeyConditionExpression": Key("project").eq(PROJECT), "ProjectionExpression": "#item"}
        found = query(self.table, **asked, ExpressionAttributeNames={"#item": "item"})
        return [item["item"] for item in found]

    def records(self) -> list[dict[str, Any]]:
        """The records of the project's runs, newest first."""
        return history(self.table, PROJECT, 100)

    def versions(self) -> dict[str, str]:
        """Each version's status, by its name, newest first."""
        projects = self.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
        if not projects:
            return {}
        found = self.rekognition.describe_project_versions(ProjectArn=projects[0]["ProjectArn"])
        return {v["ProjectVersionArn"].split("/")[3]: v["Status"] for v in found["ProjectVersionDescriptions"]}

    def lines(self, output: str) -> list[dict[str, Any]]:
        """The lines of a batch's results below a prefix of the bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=output)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        bodies = [
            self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys if key.endswith(".jsonl")
        ]
        return [json.loads(line) for body in bodies for line in body.decode().splitlines()]

    def running(self) -> list[str]:
        return [name for name, status in self.versions().items() if status in ("RUNNING", "STARTING", "STOPPING")]

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The lines of the project's TRAIN or TEST dataset."""
        (project,) = self.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
        (arn,) = [dataset["DatasetArn"] for dataset in project["Datasets"] if dataset["DatasetType"] == kind]
        pages = self.rekognition.get_paginator("list_dataset_entries").paginate(DatasetArn=arn)
        return [json.loads(line) for page in pages for line in page["DatasetEntries"]]

    def told(self) -> list[dict[str, Any]]:
        """The messages that the topic has published."""
        return self.messages()


def _functions() -> dict[str, str]:
    """Each function's logical id and its module."""
    return {
        name: of["Properties"]["Handler"].removesuffix(".handler")
        for name, of in source(TEMPLATE)["Resources"].items()
        if of["Type"] == "AWS::Serverless::Function"
    }


def start(module: str, variables: dict[str, str]) -> ModuleType:
    """A function's module as a cold start imports it: anew, with its own variables."""
    sys.modules.pop(module, None)  # its clients belong to an earlier test's cloud
    with patch.dict(os.environ, variables), calls.made_by(module):
        return importlib.import_module(module)


_warm: dict[tuple[str, frozenset[tuple[str, str]]], ModuleType] = {}
_port = 0  # of this process's clouds, once the first has found one


def _started(module: str, variables: dict[str, str]) -> ModuleType:
    """A function's module as a warm start finds it: its clients, which take long to make, serve the next cloud."""
    said = {name: of for name, of in os.environ.items() if name != "PYTEST_CURRENT_TEST"}  # which changes
    key = module, frozenset({**said, **variables}.items())
    if key not in _warm:
        _warm[key] = start(module, variables)
    sys.modules[module] = _warm[key]
    return _warm[key]


@contextlib.contextmanager
def deployed(settings: Settings, **variables: str) -> Iterator[Stack]:
    """The stack on a test cloud of its own, with the environment that the template gives its functions.

    `variables` stand in for those that a parameter of the template sets.
    """
    modules: dict[str, ModuleType] = {}
    handlers = {
        name: lambda event, context, name=name: modules[name].handler(event, context) for name in _functions()
    }
    global _port
    with moto.cloud(settings, handlers, port=_port) as cloud:
        _port = int(cloud.endpoint.rpartition(":")[2])
        s3, dynamodb, sns, sqs = (cloud.client(name) for name in ("s3", "dynamodb", "sns", "sqs"))
        s3.create_bucket(Bucket=BUCKET)
        schema = source(TEMPLATE)["Resources"]["StateTable"]["Properties"]
        keys = {key: schema[key] for key in ("BillingMode", "AttributeDefinitions", "KeySchema")}
        dynamodb.create_table(TableName=TABLE, **keys)
        topic = sns.create_topic(Name="outcomes")["TopicArn"]
        queue = sqs.create_queue(QueueName="outcomes")["QueueUrl"]
        queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)

        def received(url: str) -> list[dict[str, Any]]:
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            for message in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return [json.loads(message["Body"]) for message in found]

        def messages() -> list[dict[str, Any]]:
            return received(queue)

        events, events_queue = cloud.client("events"), sqs.create_queue(QueueName="events")["QueueUrl"]
        events_arn = sqs.get_queue_attributes(QueueUrl=events_queue, AttributeNames=["QueueArn"])["Attributes"]
        events.put_rule(Name="ended", EventPattern=json.dumps({"source": ["custom-labels"]}))
        events.put_targets(Rule="ended", Targets=[{"Id": "queue", "Arn": events_arn["QueueArn"]}])

        for name, module in _functions().items():
            resources = {"DataBucket": BUCKET, "StateTable": TABLE, "OutcomeTopic": topic}
            given = environment(TEMPLATE, name, resources)
            modules[name] = _started(module, {**given, **variables})
        arns = {f"{name}Arn": arn for name, arn in cloud.functions.items()}
        values = {**arns, "TopicArn": topic, "Partition": "aws"}
        batch = Machine(cloud, "batch", values)
        teardown = Machine(cloud, "teardown", values)
        import boto3

        table = boto3.resource("dynamodb").Table(TABLE)
        yield Stack(
            cloud,
            Machine(cloud, "train", values),
            batch,
            Machine(cloud, "after_train", {**values, "BatchArn": batch.arn, "TeardownMachineArn": teardown.arn}),
            teardown,
            cloud.client("rekognition"),
            s3,
            table,
            messages,
            lambda: [message["detail"] for message in received(events_queue)],
            {module: modules[name] for name, module in _functions().items()},
        )
