"""The API as a browser meets it: the functions behind an HTTP server with the template's routes, and a key."""

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from tests.stack import BUCKET, TABLE, start
from tests.templates import environment, transformed

KEY = "a-key-of-these-tests"  # API Gateway takes 20 characters and more
ROUTES = ("about", "feedback", "model", "page", "uploads")


@dataclass
class Gateway:
    """Where the API answers, its modules, and the requests that reached it since it was opened."""

    url: str
    modules: dict[str, ModuleType]
    asked: list[tuple[str, str]] = field(default_factory=list)  # method and path
    # Status, headers and body of what the next requests with a key are answered in place of the function, in turn.
    refusals: list[tuple[int, dict[str, str], dict[str, str]]] = field(default_factory=list)
    open_now: int = 0  # requests that are not answered yet, and the most that there were
    most_open: int = 0

    def count(self, method: str, path: str) -> int:
        return self.asked.count((method, path))


def _routes() -> dict[tuple[str, str], tuple[str, bool]]:
    """Method and path → the function's logical id, and whether a key is needed; as the template has them."""
    body = transformed("inference.yaml")["Resources"]["Api"]["Properties"]["Body"]
    found = {}
    for path, methods in body["paths"].items():
        for method, of in methods.items():
            if method != "options":
                target = json.dumps(of["x-amazon-apigateway-integration"])
                function = "Predict" if "Predict.Arn" in target else "ApiRoutes"
                found[method.upper(), path] = (function, bool(of.get("security")))
    return found


def _started(project: str, parameters: dict[str, str]) -> dict[str, ModuleType]:
    given = {"StateTableName": TABLE, "DataBucketName": BUCKET, "Wake": "wake", "Project": project, **parameters}
    known = environment("inference.yaml", "ApiRoutes", given)
    for name in ROUTES:
        start(f"customlabels.routes.{name}", known)
    return {
        "ApiRoutes": start("api", known),
        "Predict": start("predict", environment("inference.yaml", "Predict", given)),
    }


@contextmanager
def opened(project: str, **parameters: str) -> Iterator[Gateway]:
    """The API of a project on a port of its own, below the stage /v1."""
    routes, modules = _routes(), _started(project, parameters)
    one_at_a_time, counting = threading.Lock(), threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            whole = urlsplit(self.path).path
            path = whole.removeprefix("/v1") or "/"
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            gateway.asked.append((self.command, path))
            resource = "/page/{name}" if path.startswith("/page/") else path
            function, keyed = routes.get((self.command, resource), ("", False))
            if not function or not whole.startswith("/v1"):
                return self._answer(404, {"Content-Type": "application/json"}, b'{"code": "NotFound"}')
            if keyed and self.headers.get("x-api-key") != KEY:
                message = {
                    "code": "Forbidden",
                    "message": "The header x-api-key is missing or holds no valid key.",
                }
                return self._answer(403, {"Content-Type": "application/json"}, json.dumps(message).encode())
            event = {
                "resource": resource,
                "path": path,
                "httpMethod": self.command,
                "headers": dict(self.headers),
                "multiValueHeaders": {name: [value] for name, value in self.headers.items()},
                "requestContext": {"requestId": "gateway", "stage": "v1", "path": whole},
                "body": body.decode() or None,
                "isBase64Encoded": False,
            }
            with counting:
                gateway.open_now += 1
                gateway.most_open = max(gateway.most_open, gateway.open_now)
                refused = gateway.refusals.pop(0) if gateway.refusals and keyed else None
            try:
                if refused:
                    return self._answer(refused[0], refused[1], json.dumps(refused[2]).encode())
                with one_at_a_time:
                    answer: dict[str, Any] = modules[function].handler(event, None)
            finally:
                with counting:
                    gateway.open_now -= 1
            text = answer.get("body") or ""
            data = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
            return self._answer(answer["statusCode"], answer["headers"], data)

        def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Says nothing: the tests read `asked`."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway = Gateway(f"http://127.0.0.1:{server.server_port}/v1", modules)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        metrics = modules["ApiRoutes"].metrics  # one for the whole process, and it has this project's dimension
        metrics.clear_default_dimensions()
        metrics.provider.dimension_set.clear()
