"""The page on which people review, served by this machine to whoever has its address, with their rights.

What another page or program could try is refused: without the token of the address nothing is told or done, a
request under another name of this machine (DNS rebinding) or from another page's origin is refused, and images go
out under the type that their bytes tell, as a document without rights.
"""

import hmac
import http.server
import json
import secrets
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from customlabels.feedback import Feedback, Reviewed, Said, read_said

from cli.errors import CommandError, explain
from cli.review import Broken, Picture, Review, Training, labels_of
from cli.stack import ROOT

HOST = "127.0.0.1"
TOKEN_HEADER = "X-Review-Token"  # noqa: S105 - its name
LARGEST_BODY = 1024 * 1024  # bytes; the most boxes with the longest labels have some 200,000
SECONDS = 30  # that a client may take to send a request
REMEMBERED = 30  # seconds
PAGE = Path(__file__).parent / "review_page"
SHARED = ROOT / "functions" / "page"  # of the API's own page
FILES = {
    "/": (PAGE / "index.html", "text/html; charset=utf-8"),
    "/page/review.css": (PAGE / "review.css", "text/css; charset=utf-8"),
    "/page/review.js": (PAGE / "review.js", "text/javascript; charset=utf-8"),
    "/page/correct.js": (PAGE / "correct.js", "text/javascript; charset=utf-8"),
    "/page/style.css": (SHARED / "style.css", "text/css; charset=utf-8"),
    "/page/boxes.js": (SHARED / "boxes.js", "text/javascript; charset=utf-8"),
    "/page/icon.svg": (SHARED / "icon.svg", "image/svg+xml"),
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # blob: is a picture that the page has asked for with the token
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",  # no script of the page makes HTML of a text
    )
)
PICTURE_POLICY = "default-src 'none'; sandbox"
GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """An answer that is none: a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Server(http.server.ThreadingHTTPServer):
    """Serves one project's review on a port of this machine."""

    daemon_threads = True

    def __init__(self, review: Review, port: int) -> None:
        super().__init__((HOST, port), Handler)
        self.review = review
        self.token = secrets.token_urlsafe(32)
        self.lock = threading.RLock()  # boto3's resources are not made for several threads
        self._training: tuple[float, Training] | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port of the page."""
        return f"http://{HOST}:{self.server_port}"

    @property
    def address(self) -> str:
        """The page's address; the token stands behind the #, which browsers send nowhere."""
        return f"{self.origin}/#{self.token}"

    def training(self) -> Training:
        """What the project is trained on; it may be 30 seconds old, as Rekognition takes few calls a second."""
        if self._training is None or time.monotonic() - self._training[0] > REMEMBERED:
            self._training = (time.monotonic(), self.review.training())
        return self._training[1]

    def show(self) -> None:
        """Open the page in the browser; a thread of its own, as a browser in a terminal holds up its caller."""
        threading.Thread(target=webbrowser.open, args=(self.address,), daemon=True).start()

    def run(self) -> None:
        """Serve until Ctrl-C."""
        with suppress(KeyboardInterrupt):
            self.serve_forever()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone; faults of the handler are answered by it."""


@contextmanager
def listening(review: Review, port: int = 0) -> Iterator[Server]:
    """A server that listens, closed at the end; CommandError where the port is taken."""
    try:
        server = Server(review, port)
    except OSError as error:
        raise CommandError(
            f"The page cannot be served on port {port} of {HOST}: {error.strerror}; "
            "leave --port out for a free one."
        ) from None
    with server:
        yield server


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "review"
    sys_version = ""
    timeout = SECONDS

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *_: Any) -> None:
        """Says nothing: the terminal belongs to the command."""

    def _answer(self, act: Callable[[str], None]) -> None:
        try:
            self._check_place()
            act(urlsplit(self.path).path)
        except Refused as refused:
            self._refuse(refused.status, str(refused))
        except CommandError as problem:
            self._refuse(409, str(problem))
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            self._refuse(502, explain(error, self.server.review.cloud.endpoint))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            # The page must be told something, and the other requests go on.
            self._refuse(500, f"The page's server has a fault: {type(error).__name__}.")

    def _check_place(self) -> None:
        """That the request was sent to this server by its own name, and by its own page."""
        host = urlsplit(self.server.origin).netloc
        if self.headers.get_all("Host") != [host]:
            raise Refused(403, f"This server answers as {host} only.")
        origin = self.headers.get("Origin")
        if origin not in (None, self.server.origin) or (origin is None and self.command == "POST"):
            raise Refused(403, f"Only the page at {self.server.origin} may ask.")

    def _check_page(self) -> None:
        """That what is asked for is asked for by the page itself, which alone has the token."""
        if self.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Refused(403, f"Only the page at {self.server.origin} may ask.")
        given = self.headers.get(TOKEN_HEADER) or ""
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            raise Refused(403, "The token is missing or wrong: open the address that the command printed last.")

    def _get(self, path: str) -> None:
        if path in FILES:
            file, kind = FILES[path]
            return self._send(200, kind, file.read_bytes(), POLICY)
        self._check_page()
        review, (folder, _, name) = self.server.review, path.rpartition("/")
        if path == "/api/state":
            with self.server.lock:
                return self._tell(state(self.server))
        if folder == "/api/waiting":
            with self.server.lock:
                one = review.find(unquote(name))
            return self._send_picture(review.picture(one))
        if folder == "/api/accepted":
            with self.server.lock:
                found = next((one for one in review.reviewed() if one.digest == name), None)
            if found:
                return self._send_picture(review.accepted_picture(found))
        raise Refused(404, "There is nothing under this address.")

    def _post(self, path: str) -> None:
        self._check_page()
        acts = {"/api/accept": self._accept, "/api/discard": self._discard, "/api/withdraw": self._withdraw}
        if path not in acts:
            raise Refused(404, "There is nothing under this address.")
        body = self._body()
        with self.server.lock:
            self._tell(acts[path](body))

    def _accept(self, body: Mapping[str, Any]) -> Any:
        made = self.server.review.accept(_text(body, "id"), _said(body), self.server.training())
        return {"accepted": _accepted(made.reviewed), "notes": list(made.notes)}

    def _discard(self, body: Mapping[str, Any]) -> Any:
        self.server.review.discard(_text(body, "id"))
        return {}

    def _withdraw(self, body: Mapping[str, Any]) -> Any:
        return {"digest": self.server.review.withdraw(_text(body, "digest")).digest}

    def _body(self) -> Mapping[str, Any]:
        length = self.headers.get("Content-Length") or ""
        if self.headers.get("Content-Type") != "application/json" or not length.isdecimal():
            raise Refused(415, "The body is not application/json of a known length.")
        if int(length) > LARGEST_BODY:
            raise Refused(413, f"The body has more than {LARGEST_BODY} bytes.")
        try:
            value = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(400, "The body is not JSON.") from None
        if not isinstance(value, dict):
            raise Refused(400, "The body is not a JSON object.")
        return value

    def _tell(self, value: Any) -> None:
        self._send(200, "application/json", json.dumps(value).encode(), PICTURE_POLICY)

    def _send_picture(self, picture: Picture) -> None:
        self._send(200, picture.content_type, picture.data, PICTURE_POLICY)

    def _refuse(self, status: int, sentence: str) -> None:
        self.close_connection = True  # the body may be unread
        self._send(status, "application/json", json.dumps({"error": sentence}).encode(), PICTURE_POLICY)

    def _send(self, status: int, kind: str, data: bytes, policy: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Content-Security-Policy": policy}
        for name, value in {**headers, **GUARDS}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)


def state(server: Server) -> dict[str, Any]:
    """What the page shows: what waits, what was accepted, and what the project is trained on."""
    review = server.review
    training, problem = Training(review.bucket), None
    try:
        training = server.training()
    except CommandError as error:
        problem = str(error)
    except ClientError as error:
        problem = explain(error, review.cloud.endpoint)
    return {
        "project": review.project,
        "reviewer": review.reviewer,
        "kind": training.kind,
        "labels": sorted(training.labels),
        "isComplete": training.is_complete,
        "problem": problem,
        "waiting": [_waiting(one) for one in review.waiting()],
        "accepted": [_accepted(one) for one in reversed(review.reviewed())],
    }


def _accepted(one: Reviewed) -> dict[str, Any]:
    return {"digest": one.digest, "at": one.at, "by": one.by, "labels": labels_of(one.line)}


def _waiting(one: Feedback | Broken) -> dict[str, Any]:
    if isinstance(one, Broken):
        return {"id": one.id, "broken": one.why}
    said = one.said.to_json()
    return {"id": one.id, "at": one.at, "width": one.width, "height": one.height, "comment": one.comment, **said}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"{name} is not a text.")
    return value


def _said(body: Mapping[str, Any]) -> Said | None:
    if body.get("said") is None:
        return None
    try:
        return read_said(body["said"])
    except ValueError as error:
        raise Refused(400, str(error)) from None
