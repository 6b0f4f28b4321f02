"""Lambda: exceptions reach Step Functions as AWS reports them."""

import threading
from typing import Any

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
