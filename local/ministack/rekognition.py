"""The Custom Labels service among ministack's: over HTTP, as `aws-sdk:rekognition:` tasks, and for the admin."""

import asyncio
import uuid
from collections.abc import Callable
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from local.admin import PREFIX, Admin
from local.ministack.private import module

if TYPE_CHECKING:
    from local.rekognition.service import Service


class Rekognition(ModuleType):
    """What ministack takes for the module of a service: requests go to a Wire, each in a thread of its own."""

    def __init__(self, create: "Callable[[], Service]") -> None:
        from local.wire import Wire

        super().__init__("local.rekognition")
        self.service = create()
        self._wire = Wire(self.service)

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | str, query: dict[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]:
        """The status, headers and body of the answer to one request."""
        responses = module("core.responses")
        account, region = responses.get_account_id(), responses.get_region()
        content = body.encode() if isinstance(body, str) else body
        target = headers.get("x-amz-target", "")

        call = partial(self._wire.handle, target, content, account=account, region=region)
        # Not the shared pool: the service reads images from this same server.
        answer: tuple[int, dict[str, str], bytes] = await module("core.concurrency").run_reentrant(call)
        return answer

    def reset(self) -> None:
        """Forget everything (ministack's /_ministack/reset)."""
        self.service.reset()


def add_service(rekognition: Rekognition) -> None:
    """Let HTTP requests and `aws-sdk:rekognition:` tasks reach the service."""
    app, states = module("app"), module("services.stepfunctions")
    app.SERVICE_REGISTRY["rekognition"] = {"module": "rekognition"}
    app._loaded_modules["rekognition"] = rekognition
    app.SERVICE_HANDLERS["rekognition"] = rekognition.handle_request
    module("core.router").SERVICE_PATTERNS["rekognition"] = {
        "target_prefixes": ["RekognitionService."],
        "host_patterns": [r"rekognition\."],
    }
    states._AWS_SDK_SERVICE_MAP["rekognition"] = {"target_prefix": "RekognitionService", "protocol": "json"}
    states._AWS_SDK_ERROR_PREFIX["rekognition"] = "Rekognition"

    dispatch = states._dispatch_aws_sdk_json

    def dispatch_named(info: dict[str, str], service: str, action: str, data: Any) -> Any:
        try:
            return dispatch(info, service, action, data)
        except states._ExecutionError as error:
            if service != "rekognition" or not error.error.startswith("Rekognition."):
                raise
            raise states._ExecutionError(*sdk_error(error.error, error.cause)) from None

    states._dispatch_aws_sdk_json = dispatch_named


def add_admin(rekognition: Rekognition) -> None:
    """Answer the admin endpoint before ministack guesses which service a request is for."""
    app, admin = module("app"), Admin(rekognition.service)
    serve = app.app

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await serve(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, headers, content = await asyncio.to_thread(admin.handle, scope["method"], scope["path"], body)
        listed = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": content})

    app.app = answer


def sdk_error(name: str, message: str) -> tuple[str, str]:
    """The error name and the cause as Step Functions gives them for `Rekognition.<code>` and its message.

    The name is that of the exception class of the AWS SDK for Java: it always ends in Exception, and a code that
    the API's model does not have is the service's own.
    """
    code = name.removeprefix("Rekognition.")
    status = 500 if code == "InternalServerError" else 400
    known = code if code in _error_codes() else "Rekognition"
    suffix = "" if known.endswith("Exception") else "Exception"
    details = f"Service: Rekognition, Status Code: {status}, Request ID: {uuid.uuid4()}"
    return f"Rekognition.{known}{suffix}", f"{message} ({details})"


@cache
def _error_codes() -> frozenset[str]:
    import botocore.session

    model = botocore.session.get_session().get_service_model("rekognition")
    return frozenset(shape.name for shape in model.error_shapes)
