"""The Custom Labels service as moto's Rekognition, whose own answers are canned."""

import uuid
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from local.admin import PREFIX, Admin
from local.cloud import REGION
from local.moto.private import ACCOUNT, module
from local.rekognition.service import Service
from local.wire import Wire, scope


def add_service(undo: ExitStack, service: Service) -> None:
    """Answer every Rekognition request, of moto's server and within mock_aws, from the service."""
    wire = Wire(service)

    def respond(request: Any, _url: str, _headers: Any) -> tuple[int, dict[str, str], bytes]:
        _, region = scope(request.headers.get("Authorization", ""))
        target = request.headers.get("X-Amz-Target", "")
        status, headers, body = wire.handle(target, request.get_data(), account=ACCOUNT, region=region or REGION)
        # The cause of a failed task holds the id.
        return status, {"x-amzn-RequestId": str(uuid.uuid4()), **headers}, body

    undo.enter_context(patch.dict(module("rekognition.urls").url_paths, {"{0}/$": respond}))


def add_admin(server: Any, service: Service) -> None:
    """Answer the admin endpoint at moto's server, before moto guesses which service a request is for."""
    from werkzeug.wrappers import Request, Response

    admin, app = Admin(service), server.app

    def answer(environ: Any, start_response: Any) -> Any:
        if not environ.get("PATH_INFO", "").startswith(PREFIX):
            return app(environ, start_response)
        request = Request(environ)
        status, headers, body = admin.handle(request.method, request.path, request.get_data())
        return Response(body, status, headers)(environ, start_response)

    server.app = answer
