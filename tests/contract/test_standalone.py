"""The service as a process of its own: its start, its connections, its state, its end."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local.standalone import BODY_BYTES
from tests.contract.sockets import KEYS, SIGNED, Socket

ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    """A process that serves, and what it said when it was up."""

    process: "subprocess.Popen[str]"
    said: str

    @property
    def endpoint(self) -> str:
        return self.said.partition(" at ")[2].partition(";")[0]

    @property
    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=10)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()
    server._server.server_close()


def command(*arguments: str, **environment: str) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CUSTOM_LABELS_"))}
    return {
        "args": [sys.executable, "-m", "local.rekognition", *arguments],
        "cwd": ROOT,
        "env": {**kept, **environment},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Process]:
    with subprocess.Popen(**command("--port", "0", *arguments, **environment)) as process:
        try:
            yield Process(process, process.stdout.readline())
        finally:
            process.kill()


def client(process: Process) -> Any:
    return boto3.client("rekognition", endpoint_url=process.endpoint, **KEYS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_what_clients_need_and_ends_on_a_signal(s3: str, number: int, tmp_path: Path) -> None:
    with serving("--state", str(tmp_path), AWS_ENDPOINT_URL=s3) as process:
        assert process.said.startswith("Custom Labels is up at http://127.0.0.1:")
        variables = dict(part.partition("=")[::2] for part in process.said.partition("need ")[2].split())
        assert variables == {
            "AWS_ENDPOINT_URL_REKOGNITION": process.endpoint,
            "AWS_ENDPOINT_URL_S3": s3,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        arn = client(process).create_project(ProjectName="parts")["ProjectArn"]
        assert arn.startswith("arn:aws:rekognition:us-east-1:123456789012:project/parts/")
        idle = process.connection  # an open connection does not hold up the end
        idle.connect()
        began = time.monotonic()
        assert process.end(number) == 0
        assert time.monotonic() - began < 5
        idle.close()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(process.endpoint.rpartition(":")[2]))) != 0
        assert process.process.stderr.read() == ""


def test_a_key_of_twelve_digits_is_an_account(s3: str, tmp_path: Path) -> None:
    with serving("--s3-endpoint", s3, "--state", str(tmp_path)) as process:
        keys = {**KEYS, "aws_access_key_id": "210987654321", "region_name": "eu-west-1"}
        other = boto3.client("rekognition", endpoint_url=process.endpoint, **keys)
        arn = other.create_project(ProjectName="parts")["ProjectArn"]
        assert arn.startswith("arn:aws:rekognition:eu-west-1:210987654321:project/parts/")
        assert client(process).describe_projects()["ProjectDescriptions"] == []


def test_connections_stay_open_and_bodies_are_bounded(s3: str, tmp_path: Path) -> None:
    target = {"X-Amz-Target": "RekognitionService.DescribeProjects", "Authorization": SIGNED}
    with serving("--s3-endpoint", s3, "--state", str(tmp_path)) as process:
        connection = process.connection
        for _ in range(3):
            connection.request("POST", "/", b"{}", target)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"ProjectDescriptions":[]}')
            assert answer.version == 11
            port = connection.sock.getsockname()[1]
        connection.request("POST", "/", b"{}", target)
        assert connection.getresponse().read()
        assert connection.sock.getsockname()[1] == port, "one connection served them all"
        for headers, status in (
            ({"Content-Length": str(BODY_BYTES + 1)}, 413),
            ({"Transfer-Encoding": "chunked"}, 411),
            ({"Content-Length": "-1"}, 411),
        ):
            refused = process.connection
            refused.putrequest("POST", "/", skip_accept_encoding=True)
            for name, value in {**target, **headers}.items():
                refused.putheader(name, value)
            refused.endheaders()
            answer = refused.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (status, "close")
            refused.close()
        for method, path in (("GET", "/"), ("POST", "/other")):
            connection.request(method, path)
            answer = connection.getresponse()
            assert (answer.status, b"is not served" in answer.read()) == (404, True)
        connection.close()


def test_resources_and_models_survive_a_restart(s3: str, tmp_path: Path) -> None:
    times = {f"CUSTOM_LABELS_{name}_SECONDS": "0" for name in ("DATASET", "TRAINING_MINIMUM", "START")}
    settings = {**times, "CUSTOM_LABELS_WORKERS": "0"}
    with serving("--s3-endpoint", s3, "--state", str(tmp_path), **settings) as process:
        opened = Socket("standalone", process.endpoint, s3)
        opened.fill()
        _, version = opened.trained()
        opened.client.start_project_version(ProjectVersionArn=version, MinInferenceUnits=1)
        before = opened.version(version)
        image = {"S3Object": {"Bucket": "pictures", "Name": "across/50.png"}}
        detected = opened.client.detect_custom_labels(ProjectVersionArn=version, Image=image)["CustomLabels"]
        opened.close()
        assert (before["Status"], process.end()) == ("RUNNING", 0)
    with serving("--s3-endpoint", s3, "--state", str(tmp_path), **settings) as process:
        opened = Socket("standalone", process.endpoint, s3)
        assert opened.version(version) == before
        again = opened.client.detect_custom_labels(ProjectVersionArn=version, Image=image)["CustomLabels"]
        assert again == detected
        assert process.end() == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        ((), {}, "give --s3-endpoint URL, or set AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL."),
        ((), {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "CUSTOM_LABELS_SEED": "x"}, "not a valid int"),
        (
            ("--port", "70000"),
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            "Port 70000 of 127.0.0.1 cannot be used",
        ),
    ],
)
def test_what_prevents_a_start_is_said_in_a_sentence(
    arguments: tuple[str, ...], environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    made = command(*arguments, "--state", str(tmp_path), **environment)
    ended = subprocess.run(**made, timeout=60, check=False)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_one_service_at_a_time_keeps_its_state_in_a_folder(s3: str, tmp_path: Path) -> None:
    with serving("--s3-endpoint", s3, "--state", str(tmp_path)):
        made = command("--port", "0", "--s3-endpoint", s3, "--state", str(tmp_path))
        ended = subprocess.run(**made, timeout=60, check=False)
        assert (ended.returncode, "Another service keeps its state in" in ended.stderr) == (1, True)
