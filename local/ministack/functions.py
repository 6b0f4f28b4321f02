"""Lambda: exceptions as AWS reports them, packages unpacked once, and the sizes of payloads and packages."""

import hashlib
import json
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.limits import Limits
from local.ministack.private import NAMED, RAISED, module


def name_lambda_errors() -> None:
    """Report an exception of a Python function as Lambda does: its class name, text and stack trace.

    The shape is {"errorMessage", "errorType", "requestId", "stackTrace"}, and the whole, as JSON, is the cause.
    """
    runtime, functions = module("core.lambda_runtime"), module("services.lambda_svc")
    runtime._PYTHON_WORKER_SCRIPT = runtime._PYTHON_WORKER_SCRIPT.replace(RAISED, NAMED)
    invoke, execute = runtime.Worker.invoke, functions._execute_function_warm
    last = threading.local()  # one invocation runs from `execute` to `invoke` in one thread

    def invoke_noting(worker: Any, event: Any, request_id: str, **context: Any) -> dict[str, Any]:
        answer: dict[str, Any] = invoke(worker, event, request_id, **context)
        last.answer = answer
        return answer

    def execute_naming(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        last.answer = {}
        result: dict[str, Any] = execute(function, event, request_id)
        if result.get("error") and "error_type" in last.answer:
            result["body"] = {
                "errorMessage": last.answer["error"],
                "errorType": last.answer["error_type"],
                "requestId": request_id,
                "stackTrace": last.answer["stack_trace"],
            }
        return result

    runtime.Worker.invoke = invoke_noting
    functions._execute_function_warm = execute_naming


def share_code() -> None:
    """Unpack a package once for all execution environments, as /var/task is read-only: ministack does for each.

    Python then also compiles it once.
    """
    runtime, lock = module("core.lambda_runtime"), threading.Lock()

    class Package(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
            to = Path(path)
            if to.name != "code":
                super().extractall(path, members, pwd)  # a layer
                return
            digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
            shared = Path(tempfile.gettempdir()) / "packages" / digest
            with lock:
                if not shared.exists():
                    part = shared.with_suffix(".part")
                    super().extractall(part, members, pwd)
                    part.rename(shared)
            to.rmdir()
            to.symlink_to(shared, target_is_directory=True)

    errors = {"BadZipFile": zipfile.BadZipFile, "LargeFileError": zipfile.LargeZipFile}
    runtime.zipfile = SimpleNamespace(ZipFile=Package, **errors)


def limit_invocations(limits: Limits) -> None:
    """Refuse a payload that is too large, and fail a function whose answer is.

    A request is refused with RequestEntityTooLargeException, 413; an answer is lost, and the function's error is
    Function.ResponseSizeTooLarge.
    """
    functions, responses = module("services.lambda_svc"), module("core.responses")
    handle, execute = functions.handle_request, functions._execute_function

    async def handle_request(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        if method == "POST" and path.rstrip("/").endswith("invocations"):
            asynchronous = headers.get("x-amz-invocation-type", "").lower() == "event"
            most = limits.event_bytes if asynchronous else limits.request_bytes
            if most and len(body or b"") > most:
                message = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
                if asynchronous:
                    kind = "payload is too large for the Event invocation type"
                    message = f"{len(body)} byte {kind} (limit {most} bytes)"
                return responses.error_response_json("RequestEntityTooLargeException", message, 413)
        return await handle(method, path, headers, body, query)

    def execute_function(function: dict[str, Any], event: Any) -> dict[str, Any]:
        result: dict[str, Any] = execute(function, event)
        if result.get("error") or result.get("throttle") or _written(result) <= limits.response_bytes:
            return result
        message = f"Response payload size exceeded maximum allowed payload size ({limits.response_bytes} bytes)."
        body = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
        return {"body": body, "error": True, "log": result.get("log", "")}

    functions.handle_request = handle_request
    if limits.response_bytes:
        functions._execute_function = execute_function


def _written(result: dict[str, Any]) -> int:
    body = result.get("body")
    if isinstance(body, bytes):
        return len(body)
    if not isinstance(body, str) or not result.get("raw_payload"):
        body = json.dumps(body, ensure_ascii=False, default=str)
    return len(body.encode("utf-8", "surrogatepass"))


def limit_packages(limits: Limits) -> None:
    """Refuse a function whose package is too large, from CloudFormation too, where ministack does not look."""
    functions, responses = module("services.lambda_svc"), module("core.responses")
    handlers = module("services.cloudformation.provisioners")._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update, provision = functions._create_function, functions._update_code, handlers["create"]
    functions._UNZIPPED_LIMIT_BYTES = limits.package_bytes or sys.maxsize

    def refused(code: dict[str, Any]) -> Any:
        text = code.get("ZipFile") or ""  # base64
        if not limits.upload_bytes or len(text) * 3 // 4 - text[-2:].count("=") <= limits.upload_bytes:
            return None
        message = f"Zipped size must be smaller than {limits.upload_bytes} bytes"
        return responses.error_response_json("InvalidParameterValueException", message, 400)

    def create_function(data: dict[str, Any]) -> Any:
        return refused(data.get("Code", {})) or create(data)

    def update_code(name: str, data: dict[str, Any]) -> Any:
        return refused(data) or update(name, data)

    def provision_function(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        code = properties.get("Code", {})
        if code.get("S3Bucket") and code.get("S3Key"):
            version = code.get("S3ObjectVersion")
            package = functions._fetch_code_from_s3(code["S3Bucket"], code["S3Key"], version_id=version)
            layers, _ = functions._normalize_layer_attachments(properties.get("Layers"))
            error = functions._validate_total_unzipped_size(package, layers)
            if error:
                said = f"{json.loads(error[2])['message']} (Service: Lambda, Status Code: {error[0]})"
                raise ValueError(f'Resource handler returned message: "{said}"')
        return provision(logical_id, properties, stack)

    functions._create_function, functions._update_code = create_function, update_code
    handlers["create"] = provision_function
