"""The ways to the service, alike for a test: an endpoint, clients whose answers are checked, time, faults."""

import http.client
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from customlabels.manifests import folder_line

from local import cloud, moto
from local.rekognition.clock import Clock
from local.rekognition.service import Service
from local.rekognition.settings import AT_ONCE, Settings
from local.standalone import Server
from tests.contract.model import check_answer, operation_model
from tests.images import picture

BUCKET, REGION = "pictures", "us-east-1"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
SIGNED = (
    f"AWS4-HMAC-SHA256 Credential=test/20261122/{REGION}/rekognition/aws4_request, SignedHeaders=host, Signature=0"
)
TIMES = replace(
    AT_ONCE,
    dataset_seconds=10,
    update_seconds=10,
    training_minimum_seconds=60,
    start_seconds=60,
    stop_seconds=30,
    copy_seconds=30,
    delete_seconds=10,
)
LONG = 100.0  # seconds after which everything has ended
LABELS = ("across", "down")


@dataclass
class Answer:
    """A raw answer of the wire, decoded."""

    status: int
    headers: Mapping[str, str]
    content: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.content.get("__type", ""))


@dataclass
class Socket:
    """One way to the service."""

    name: str
    endpoint: str
    s3_endpoint: str
    seen: set[str] = field(default_factory=set)  # operations that have answered without an error

    @cached_property
    def client(self) -> Any:
        """boto3's client; an answer with a member or an error that the model does not have fails the test."""
        made = boto3.client("rekognition", endpoint_url=self.endpoint, **KEYS)
        made.meta.events.register("before-parse.rekognition", self._check)
        return made

    @cached_property
    def s3(self) -> Any:
        return boto3.client("s3", endpoint_url=self.s3_endpoint, **KEYS)

    @cached_property
    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=30)

    def raw(self, operation: str, content: Any) -> Answer:
        """Send a request that no SDK has looked at; bytes are sent as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {
            "X-Amz-Target": f"RekognitionService.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": SIGNED,
        }
        return self._send("POST", "/", body, headers)

    def admin(self, method: str, name: str, content: Any = None) -> Answer:
        """Send a request to the admin endpoint."""
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        return self._send(method, f"/_custom-labels/{name}", body, {})

    def wait(self, seconds: float = LONG) -> None:
        """Let the service's clock pass."""
        assert self.admin("POST", "advance", {"seconds": seconds}).status == 200

    def close(self) -> None:
        for made in (self._connection, self.client, self.s3):
            made.close()

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.headers, json.loads(answer.read()))

    def _check(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        check_answer(operation_model.name, response_dict["status_code"], json.loads(response_dict["body"]))
        if response_dict["status_code"] == 200:
            self.seen.add(operation_model.name)

    # What tests need again and again

    def fill(self) -> None:
        """Make the bucket with pictures, and a manifest of each kind."""
        self.s3.create_bucket(Bucket=BUCKET)
        for kind, numbers in (("TRAIN", range(5)), ("TEST", range(50, 52))):
            lines = []
            for label in LABELS:
                for number in numbers:
                    key = f"{label}/{number}.png"
                    self.s3.put_object(Bucket=BUCKET, Key=key, Body=picture(label, number))
                    lines.append(folder_line(f"s3://{BUCKET}/{key}", label, datetime.now(UTC)))
            self.put_manifest(kind, lines)

    def put_manifest(self, name: str, lines: list[str]) -> dict[str, Any]:
        """Write a manifest; the value of a DatasetSource or of an asset."""
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}.manifest", Body="\n".join(lines).encode())
        return manifest(name)

    def project(self, name: str = "parts") -> str:
        arn: str = self.client.create_project(ProjectName=name)["ProjectArn"]
        return arn

    def dataset(self, project: str, kind: str, *, empty: bool = False) -> str:
        """Make a dataset from the manifest of its kind, or an empty one."""
        source = {} if empty else {"DatasetSource": manifest(kind)}
        arn: str = self.client.create_dataset(ProjectArn=project, DatasetType=kind, **source)["DatasetArn"]
        return arn

    def train(self, project: str, name: str = "v1", bucket: str = BUCKET) -> str:
        """Begin a training; the ARN of the version."""
        output = {"S3Bucket": bucket, "S3KeyPrefix": "output"}
        made = self.client.create_project_version(ProjectArn=project, VersionName=name, OutputConfig=output)
        arn: str = made["ProjectVersionArn"]
        return arn

    def trained(self) -> tuple[str, str]:
        """A project with datasets and a trained version."""
        project = self.project()
        for kind in ("TRAIN", "TEST"):
            self.dataset(project, kind)
        self.wait()
        version = self.train(project)
        self.wait()
        return project, version

    def version(self, arn: str) -> dict[str, Any]:
        """The description of a version by its ARN; empty if it is gone."""
        _, name, _, version, _ = arn.rsplit(":", 1)[1].split("/")
        for project in self.client.describe_projects(ProjectNames=[name])["ProjectDescriptions"]:
            found = self.client.describe_project_versions(
                ProjectArn=project["ProjectArn"], VersionNames=[version]
            )["ProjectVersionDescriptions"]
            if found:
                return dict(found[0])
        return {}

    def copy(self, project: str, version: str, destination: str, bucket: str = BUCKET) -> str:
        """Begin a copy of a version; the ARN of the new one."""
        made = self.client.copy_project_version(
            SourceProjectArn=project,
            SourceProjectVersionArn=version,
            DestinationProjectArn=destination,
            VersionName="copy",
            OutputConfig={"S3Bucket": bucket},
        )
        arn: str = made["ProjectVersionArn"]
        return arn


def manifest(name: str) -> dict[str, Any]:
    return {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": f"{name}.manifest"}}}


def declared(operation: str) -> set[str]:
    """The error codes that an operation declares."""
    return {shape.name for shape in operation_model(operation).error_shapes}


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Socket]:
    """The socket of that name, with pictures in its S3."""
    with {"standalone": standalone, "moto": in_moto, "ministack": in_ministack}[name](folder) as made:
        made.fill()
        yield made
        made.close()


@contextmanager
def standalone(folder: Path, settings: Settings = TIMES) -> Iterator[Socket]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    with ExitStack() as undo:
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        undo.callback(lambda: server._server.server_close())
        undo.callback(server.stop)
        s3 = boto3.client("s3", endpoint_url="http://{}:{}".format(*server.get_host_and_port()), **KEYS)
        service = Service(settings, s3=lambda: s3, state_dir=folder, clock=Clock())
        undo.callback(service.close)
        serving = Server(service, 0)
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        undo.callback(thread.join)
        undo.callback(serving.stop)
        yield Socket("standalone", serving.endpoint, s3.meta.endpoint_url)


@contextmanager
def in_moto(folder: Path) -> Iterator[Socket]:
    with moto.cloud(TIMES) as up:
        yield Socket("moto", up.endpoint, up.endpoint)


@contextmanager
def in_ministack(folder: Path) -> Iterator[Socket]:
    chosen = {
        f"CUSTOM_LABELS_{item.name.upper()}": str(getattr(TIMES, item.name))
        for item in fields(Settings)
        if getattr(TIMES, item.name) != item.default
    }
    port = cloud.free_port()
    with patch.dict("os.environ", chosen):
        endpoint = cloud.up(port, folder)
    try:
        yield Socket("ministack", endpoint, endpoint)
    finally:
        cloud.down(port, folder)
