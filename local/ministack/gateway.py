"""API Gateway: what ministack reads past in an OpenAPI body, and the limits and errors of an integration."""

import asyncio
from collections.abc import Callable
from typing import Any

from local.limits import Limits
from local.ministack.payloads import size
from local.ministack.private import module

RESPONSES, INTEGRATION = "x-amazon-apigateway-gateway-responses", "x-amazon-apigateway-integration"
READ_PAST = ("credentials", "requestParameters", "requestTemplates", "timeoutInMillis", "contentHandling")


def import_gateway_responses() -> None:
    """Take over each response of the body's extension when a REST API is imported, as PutRestApi does."""
    gateway = module("services.apigateway_v1")
    import_rest_api = gateway._import_rest_api

    def import_whole(spec: dict[str, Any], base_data: Any = None) -> str:
        api: str = import_rest_api(spec, base_data)
        for kind, response in (spec.get(RESPONSES) or {}).items():
            gateway._put_gateway_response(api, kind, response)
        return api

    gateway._import_rest_api = import_whole


def import_integrations() -> None:
    """Take over the whole of an integration, as PutRestApi does: a preflight answer has its headers from there."""
    gateway = module("services.apigateway_v1")
    import_operation = gateway._import_operation

    def import_whole(api: str, resource: str, method: str, operation: Any, *rest: Any) -> None:
        import_operation(api, resource, method, operation, *rest)
        given = (operation or {}).get(INTEGRATION)
        if not given:
            return
        integration = gateway._resources[api][resource]["resourceMethods"][method]["methodIntegration"]
        integration.update({key: given[key] for key in READ_PAST if key in given})
        if "passthroughBehavior" in given:
            integration["passthroughBehavior"] = given["passthroughBehavior"].upper()
        for pattern, response in (given.get("responses") or {}).items():
            selected = {**response, "selectionPattern": "" if pattern == "default" else pattern}
            gateway._put_integration_response(api, resource, method, str(response["statusCode"]), selected)

    gateway._import_operation = import_whole


def read_encoded_settings() -> None:
    """Find the throttle of a method where CloudFormation has it written: each slash of its path as ~1."""
    gateway = module("services.apigateway_v1")
    find = gateway._method_throttle_settings

    def find_encoded(stage: dict[str, Any], path: str, method: str) -> Any:
        settings = stage.get("methodSettings") or {}
        encoded = path.lstrip("/").replace("/", "~1")
        return settings.get(f"/~1{encoded}/{method}") or find(stage, path, method)

    gateway._method_throttle_settings = find_encoded


class Failed(Exception):
    """Raised in an integration, with the gateway response that answers the caller."""

    def __init__(self, error: Any) -> None:
        self.error = error


def answer_as_aws(limits: Limits) -> None:
    """Refuse what is too large, wait for an integration no longer than AWS does, and show no function's trace.

    - a body above the limit: 413 in plain text, which no gateway response changes (API Gateway's important notes);
    - an event above Lambda's limit, base64 and headers counted: 413 {"message": "Request Too Long"};
    - more calls of a function at once than a laptop can run wait for each other;
    - no answer in time: 504 INTEGRATION_TIMEOUT, while the function runs on;
    - a function that fails, or answers more than Lambda lets through: INTEGRATION_FAILURE, whose status is 502
      here though the developer guide's table says 504, {"message": "Internal server error"}.
    """
    gateway = module("services.apigateway_v1")
    handle, call = gateway._handle_execute_in_scope, gateway._call_lambda_raw
    shape, render = gateway._lambda_proxy_response, gateway._gateway_error_response
    running: set[asyncio.Task[Any]] = set()  # the loop itself keeps no task alive
    rooms: dict[str, asyncio.Semaphore] = {}

    class FunctionError(gateway._GatewayError):  # type: ignore[misc, name-defined]
        """A function failed; what it said is in its log and nowhere else."""

        def __init__(self) -> None:
            super().__init__("INTEGRATION_FAILURE", "Internal server error", "InternalServerErrorException")

    async def handle_limited(
        api: str, stage: str, method: str, path: str, headers: Any, body: bytes, *rest: Any
    ) -> Any:
        if limits.api_request_bytes and len(body or b"") > limits.api_request_bytes:
            message = f"HTTP content length exceeded {limits.api_request_bytes} bytes."
            return 413, {"Content-Type": "text/plain; charset=utf-8"}, message.encode()
        return await handle(api, stage, method, path, headers, body, *rest)

    async def call_limited(reference: str, event: Any, **scope: Any) -> Any:
        if limits.request_bytes and size(event) > limits.request_bytes:
            raise Failed(gateway._GatewayError("REQUEST_TOO_LARGE", "Request Too Long", "BadRequestException"))
        if not limits.api_calls:
            return await call(reference, event, **scope)
        # Each call at once is a process: fifty that start together would take a laptop longer than a client waits.
        async with rooms.setdefault(str(reference), asyncio.Semaphore(limits.api_calls)):
            return await call(reference, event, **scope)

    def shape_without_trace(result: dict[str, Any]) -> Any:
        if result.get("error") and not result.get("throttle"):
            raise Failed(FunctionError())
        return shape(result)

    def render_error(error: Any, request: dict[str, Any]) -> Any:
        status, headers, body = render(error, request)
        if isinstance(error, FunctionError) and status == 504:
            status = 502
        return status, headers, body

    def ended(task: asyncio.Task[Any]) -> None:
        running.discard(task)
        if not task.cancelled():
            task.exception()  # else the loop complains that nobody asked

    def timed(invoke: Callable[..., Any]) -> Callable[..., Any]:
        async def invoke_timed(integration: dict[str, Any], *arguments: Any, **named: Any) -> Any:
            own = float(integration.get("timeoutInMillis") or 29_000) / 1000
            seconds = min(own, limits.api_seconds or own)
            task = asyncio.ensure_future(invoke(integration, *arguments, **named))
            running.add(task)
            task.add_done_callback(ended)
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if not done:
                message = "Endpoint request timed out"
                return gateway._GatewayError("INTEGRATION_TIMEOUT", message, "InternalServerErrorException")
            try:
                return task.result()
            except Failed as failed:
                return failed.error

        return invoke_timed

    for kind in ("lambda_proxy", "lambda_custom", "http_proxy"):
        setattr(gateway, f"_invoke_{kind}_v1", timed(getattr(gateway, f"_invoke_{kind}_v1")))
    gateway._handle_execute_in_scope, gateway._call_lambda_raw = handle_limited, call_limited
    gateway._lambda_proxy_response, gateway._gateway_error_response = shape_without_trace, render_error
