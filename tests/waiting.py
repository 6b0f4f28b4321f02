"""Feedback that waits on the test cloud, and a training dataset that it may become part of."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from customlabels import feedback
from customlabels.manifests import folder_line
from customlabels.preflight.headers import read_header

from cli import stack as cli_stack
from cli.review import Review
from tests.images import LABELS, picture
from tests.stack import BUCKET, PROJECT, TABLE, Stack

NOW = datetime(2026, 11, 22, 10, 15, 0, tzinfo=UTC)
BOX = {"Name": "bolt", "BoundingBox": {"Left": 0.25, "Top": 0.5, "Width": 0.5, "Height": 0.25}}
OTHER = "other-images"  # a bucket besides the data bucket


def describe(stack: Stack) -> None:
    """Let CloudFormation tell of the test cloud's stack what commands ask it."""
    outputs = {"DataBucketName": BUCKET, "StateTableName": TABLE}
    template = {
        "Parameters": {"Project": {"Type": "String", "Default": PROJECT}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    stack.cloud.client("cloudformation").create_stack(
        StackName=cli_stack.configured_name("default"), TemplateBody=json.dumps(template)
    )
    stack.s3.create_bucket(Bucket=OTHER)


def review(project: str = PROJECT) -> Review:
    """What the commands work with."""
    cloud = cli_stack.connect(False)
    return Review.of(cloud, cli_stack.find(cloud, cli_stack.configured_name("default")), project)


def send(stack: Stack, said: Any, image: bytes, comment: str = "", project: str = PROJECT) -> str:
    """Let an image wait as POST /feedback does; its id."""
    try:
        kind, width, height = read_header(image)
    except ValueError:  # what POST /feedback would refuse, and whoever holds its role could store
        kind, width, height = "png", 64, 64
    now = NOW + timedelta(seconds=len(list(feedback.waiting_items(stack.table, project))))
    identity = feedback.new_id(now)
    key = feedback.image_key(project, identity, kind)
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=image, ContentType=feedback.CONTENT_TYPES[kind])
    one = feedback.Feedback(identity, now.isoformat(), key, width, height, feedback.read_said(said), comment)
    feedback.put(stack.table, project, one, timedelta(days=90), now)
    return identity


def put_item(stack: Stack, identity: str, project: str = PROJECT, **fields: Any) -> None:
    """Put an item where feedback waits, as whoever holds the API's role could."""
    item = {"project": feedback.waiting_partition(project), "item": identity, **fields}
    stack.table.put_item(Item=item)


def dataset(stack: Stack, lines: Iterable[str], project: str = PROJECT) -> str:
    """A project with a training dataset of these lines; its ARN."""
    stack.s3.put_object(Bucket=BUCKET, Key=f"{project}.manifest", Body="\n".join(lines).encode())
    arn = stack.rekognition.create_project(ProjectName=project)["ProjectArn"]
    stack.cloud.clock.advance(60)
    manifest = {"S3Object": {"Bucket": BUCKET, "Name": f"{project}.manifest"}}
    made = stack.rekognition.create_dataset(
        ProjectArn=arn, DatasetType="TRAIN", DatasetSource={"GroundTruthManifest": manifest}
    )
    stack.cloud.clock.advance(60)
    return str(made["DatasetArn"])


def labelled(stack: Stack, bucket: str = BUCKET) -> list[str]:
    """Lines of an image of each label."""
    lines = []
    for label in LABELS:
        stack.s3.put_object(Bucket=bucket, Key=f"train/{label}.png", Body=picture(label, 1))
        lines.append(folder_line(f"s3://{bucket}/train/{label}.png", label, NOW))
    return lines


def boxed(stack: Stack) -> list[str]:
    """The line of an image with a box."""
    stack.s3.put_object(Bucket=BUCKET, Key="train/boxes.png", Body=picture("down", 1))
    return [feedback.line_of(f"s3://{BUCKET}/train/boxes.png", feedback.read_said({"boxes": [BOX]}), 64, 64, NOW)]


def empty(stack: Stack) -> None:
    """Take away what waits, what was accepted, and every project."""
    for item in stack.table.scan()["Items"]:
        stack.table.delete_item(Key={"project": item["project"], "item": item["item"]})
    for bucket in (BUCKET, OTHER):
        for one in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            stack.s3.delete_object(Bucket=bucket, Key=one["Key"])
    for project in stack.rekognition.describe_projects()["ProjectDescriptions"]:
        for one in project["Datasets"]:
            stack.rekognition.delete_dataset(DatasetArn=one["DatasetArn"])
        stack.cloud.clock.advance(60)
        stack.rekognition.delete_project(ProjectArn=project["ProjectArn"])
        stack.cloud.clock.advance(60)


def keys(stack: Stack, prefix: str, bucket: str = BUCKET) -> list[str]:
    """The keys below a prefix."""
    return [one["Key"] for one in stack.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
