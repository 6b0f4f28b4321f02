"""Requests of this process's clients reach moto's server without a socket, which costs half as much."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit


class _Body(io.BytesIO):
    """The body of an answer, with what botocore asks of urllib3's."""

    def stream(self, size: int = 65536, **_: Any) -> Iterator[bytes]:
        while part := self.read(size):
            yield part


def answer_directly(undo: ExitStack, app: Any, *addresses: str) -> None:
    """Answer every boto3 client of this process that asks one of `addresses` (host:port) by the WSGI application.

    It happens below botocore's events and retries, so that hooks and errors are what they are over a socket.
    """
    from botocore.awsrequest import AWSResponse
    from botocore.httpsession import URLLib3Session
    from werkzeug.datastructures import Headers
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    ask = URLLib3Session.send

    def send(session: Any, request: Any) -> Any:
        place = urlsplit(request.url)
        if place.netloc not in addresses:
            return ask(session, request)
        body = request.body.read() if hasattr(request.body, "read") else request.body
        headers = Headers(
            [(name, of.decode() if isinstance(of, bytes) else of) for name, of in request.headers.items()]
        )
        environ = EnvironBuilder(
            path=place.path,
            query_string=place.query,
            method=request.method,
            headers=headers,
            data=body or b"",
            base_url=f"http://{place.netloc}/",
        ).get_environ()
        # As werkzeug's server gives it: moto reads keys from it, which the path holds decoded.
        environ["RAW_URI"] = environ["REQUEST_URI"] = place._replace(scheme="", netloc="").geturl()
        parts, status, answered = run_wsgi_app(app, environ, buffered=True)
        response = AWSResponse(
            request.url,
            int(status.split()[0]),
            answered,  # type: ignore[arg-type]
            _Body(b"".join(parts)),
        )
        if not request.stream_output:
            _ = response.content  # read at once, as botocore does
        return response

    undo.enter_context(patch.object(URLLib3Session, "send", send))
