"""Lambda functions that run in this process instead of in Docker, and fail as AWS says they do."""

import io
import json
import time
import traceback
import uuid
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from local.moto.private import module

if TYPE_CHECKING:
    from local.moto import Cloud


def add_functions(undo: ExitStack, opened: "Cloud", functions: Mapping[str, Callable[[Any, Any], Any]]) -> None:
    """Create a Lambda function for each handler and let moto call it in this process instead of in Docker."""

    def invoke(function: Any, event: Any = None) -> tuple[str, bool, str]:
        context = _context(function)
        try:
            # moto passes what it has parsed, and "{}" where there was nothing to parse.
            result = functions[function.function_name]({} if event in (None, "{}") else event, context)
            return json.dumps(result), False, ""
        except Exception as error:
            return json.dumps(failure(error, context.aws_request_id)), True, traceback.format_exc()

    undo.enter_context(patch.object(module("awslambda.models").LambdaFunction, "_invoke_lambda", invoke))
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    opened.role = opened.client("iam").create_role(RoleName="test", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "")
    lambdas = opened.client("lambda")
    for name in functions:
        created = lambdas.create_function(
            FunctionName=name,
            Role=opened.role,
            Runtime="python3.11",
            Handler="handler.handler",
            Code={"ZipFile": code.getvalue()},
            Timeout=900,  # the most, for here nothing ends a handler
        )
        opened.functions[name] = created["FunctionArn"]


def failure(error: Exception, request_id: str) -> dict[str, Any]:
    """What Lambda answers when a Python handler raises; as JSON, it is the cause of the failed task."""
    frames = error.__traceback__.tb_next if error.__traceback__ else None  # without the caller's own
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(frames),
    }


def _context(function: Any) -> SimpleNamespace:
    deadline = time.monotonic() + function.timeout
    return SimpleNamespace(
        aws_request_id=str(uuid.uuid4()),
        function_name=function.function_name,
        function_version="$LATEST",
        invoked_function_arn=function.function_arn,
        memory_limit_in_mb=function.memory_size,
        log_group_name=f"/aws/lambda/{function.function_name}",
        log_stream_name="test",
        identity=None,
        client_context=None,
        get_remaining_time_in_millis=lambda: max(0, int((deadline - time.monotonic()) * 1000)),
    )
