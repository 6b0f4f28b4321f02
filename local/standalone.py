"""The Custom Labels service on a port of its own: `python -m local.rekognition --port N`.

It serves Amazon's JSON protocol and the admin endpoint on 127.0.0.1, and reads manifests and images from any S3:
a moto server, a local cloud, or whatever the client variables name.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.admin import PREFIX, Admin
from local.cloud import LOOPBACK, REGION, ROOT
from local.rekognition.clock import Clock
from local.rekognition.service import Service
from local.rekognition.settings import Settings
from local.wire import Wire, scope

ACCOUNT = "123456789012"  # of keys that are no account's
BODY_BYTES = 16 * 1024**2  # above the largest blob of the API, 5 MiB, in base64
IDLE_SECONDS = 75.0  # a connection that is silent for so long is closed
DRAIN_SECONDS = 10.0  # for requests under way when the server stops
STATE = ROOT / ".local" / "custom-labels"


class Handler(BaseHTTPRequestHandler):
    """Requests of one connection, which stays open between them."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    wbufsize = -1  # one packet for headers and body: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._serve()

    do_GET = do_DELETE = do_PUT = do_PATCH = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: a line for each request is of no use to anybody."""

    def _serve(self) -> None:
        with self.server.request():
            body = self._body()
            if body is not None:
                self._answer(*self.server.answer(self.command, self.path, self.headers, body))

    def _body(self) -> bytes | None:
        """The body, or None after the refusal of one that is too large or of unknown length."""
        given = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not given.isdecimal():
            self._refuse(411, "The request needs a Content-Length.")
            return None
        if int(given) > BODY_BYTES:
            self._refuse(413, f"The body is larger than {BODY_BYTES} bytes.")
            return None
        return self.rfile.read(int(given))

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True  # what follows is the unread body
        self._answer(status, {"Content-Type": "text/plain", "Connection": "close"}, message.encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if self.server.stopping:
            self.close_connection = True
            headers = {**headers, "Connection": "close"}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves one service on a port of 127.0.0.1 (0: a free one), each connection in a thread of its own."""

    daemon_threads = True
    block_on_close = False  # an idle connection would hold the end up
    request_queue_size = 128

    def __init__(self, service: Service, port: int) -> None:
        self._wire, self._admin = Wire(service), Admin(service)
        self._busy = 0
        self._idle = threading.Condition()
        self.stopping = False
        super().__init__((LOOPBACK, port), Handler)

    @property
    def endpoint(self) -> str:
        """What clients take as AWS_ENDPOINT_URL_REKOGNITION."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        path = path.partition("?")[0]
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            return self._admin.handle(method, path, body)
        if method != "POST" or path != "/":
            message = f"{method} {path} is not served: requests of the API are POST /, others are below {PREFIX}."
            return 404, {"Content-Type": "text/plain"}, message.encode()
        account, region = scope(headers.get("Authorization", ""))
        target = headers.get("X-Amz-Target", "")
        return self._wire.handle(target, body, account=account or ACCOUNT, region=region or REGION)

    def request(self) -> "_Request":
        """Counts a request for as long as it is entered."""
        return _Request(self)

    def count(self, change: int) -> None:
        with self._idle:
            self._busy += change
            self._idle.notify_all()

    def stop(self) -> None:
        """Take no more connections, let requests under way end within DRAIN_SECONDS, and close the port."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, DRAIN_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no fault of the server's."""
        if not isinstance(sys.exc_info()[1], OSError):
            logging.getLogger(__name__).exception("a request failed")


@dataclass(frozen=True)
class _Request:
    server: Server

    def __enter__(self) -> None:
        self.server.count(1)

    def __exit__(self, *_: object) -> None:
        self.server.count(-1)


def s3_endpoint(given: str | None, environment: Mapping[str, str]) -> str:
    """The S3 to read from: as given, or as the client variables say; SystemExit, in a sentence, without any."""
    found = given or environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if not found:
        raise SystemExit(
            "Custom Labels reads manifests and images from S3, and does not know where that is: "
            "give --s3-endpoint URL, or set AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL."
        )
    return found


def main(arguments: list[str] | None = None) -> None:
    """Serve in the foreground until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m local.rekognition", description="Custom Labels on this machine."
    )
    parser.add_argument("--port", type=int, default=4580, help="port on 127.0.0.1; 0: a free one (default: 4580)")
    parser.add_argument("--s3-endpoint", metavar="URL", help="default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL")
    parser.add_argument("--state", type=Path, metavar="FOLDER", help="keep resources and models there")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    endpoint = s3_endpoint(chosen.s3_endpoint, os.environ)

    @cache
    def s3() -> Any:
        import boto3

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
        given = {} if os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_PROFILE") else keys
        return boto3.client("s3", endpoint_url=endpoint, **given)  # type: ignore[call-overload]

    try:
        settings = Settings.from_environment()
        folder = chosen.state.resolve() if chosen.state else STATE
        keep = folder / "kept" if chosen.state else None
        service = Service(settings, s3=s3, state_dir=folder, clock=Clock(), keep=keep)
    except (ValueError, RuntimeError, OSError) as error:
        raise SystemExit(str(error)) from error
    try:
        server = Server(service, chosen.port)
    except (OSError, OverflowError) as error:
        service.close()
        raise SystemExit(f"Port {chosen.port} of {LOOPBACK} cannot be used: {error}.") from error
    _run(server, endpoint)
    service.close()


def _run(server: Server, s3: str) -> None:
    """Serve until a signal comes."""
    # The system may deliver a signal to any thread, which does not wake this one: a socket does.
    told, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="server")
    serving.start()
    variables = {
        "AWS_ENDPOINT_URL_REKOGNITION": server.endpoint,
        "AWS_ENDPOINT_URL_S3": s3,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    listed = " ".join(f"{name}={value}" for name, value in variables.items())
    sys.stdout.write(f"Custom Labels is up at {server.endpoint}; clients need {listed}\n")
    sys.stdout.flush()
    told.recv(1)
    server.stop()
    serving.join()
    signal.set_wakeup_fd(-1)
    told.close()
    tell.close()
