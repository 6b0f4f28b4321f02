"""The local cloud's server: ministack with the Custom Labels service in it, kept on loopback.

`python -m local.ministack` serves in the foreground; `local.cloud` starts and stops it in the background.
ministack has no plug-in mechanism, so what is added and mended here goes through private names: the version
is pinned, `check` says which name is missing, and docs of Step Functions and Lambda are the rule followed.
"""

import contextvars
import importlib
import importlib.metadata
import json
import os
import shutil
import sys
import threading
import uuid
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.rekognition.service import Service

VERSION = "1.5.33"
NAMES = {
    "app": ("SERVICE_REGISTRY", "SERVICE_HANDLERS", "_loaded_modules", "main"),
    "core.concurrency": ("run_reentrant",),
    "core.lambda_runtime": ("_PYTHON_WORKER_SCRIPT", "Worker"),
    "core.responses": ("get_account_id", "get_region", "now_iso"),
    "core.router": ("SERVICE_PATTERNS",),
    "services.lambda_svc": ("_execute_function_warm",),
    "services.stepfunctions": (
        "_AWS_SDK_SERVICE_MAP",
        "_AWS_SDK_ERROR_PREFIX",
        "_ExecutionError",
        "_add_event",
        "_apply_input_path",
        "_apply_output_path",
        "_dispatch_aws_sdk_json",
        "_emit_execution_status_event",
        "_error_matches",
        "_evaluate_rule",
        "_execute_choice",
        "_execute_map",
        "_execute_parallel",
        "_execute_pass",
        "_execute_task",
        "_execute_wait",
        "_executions",
        "_fail_execution",
        "_fail_state_error",
        "_parse_jsonpath_tokens",
        "_run_execution",
        "_run_parallel_branches",
        "_run_sub_machine",
        "_state_machines",
    ),
}

LOOPBACK = "127.0.0.1"
# What the worker of a Python function says of an exception, and what it has to say besides.
RAISED = '"error": str(e), "trace": traceback.format_exc()}'
NAMED = (
    '"error": str(e), "trace": traceback.format_exc(), "error_type": type(e).__name__,'
    ' "stack_trace": traceback.format_tb(e.__traceback__)[1:]}'
)


def module(name: str) -> Any:
    """A module of ministack; imported late, since ministack reads the environment when it is imported."""
    return importlib.import_module(f"ministack.{name}")


def check() -> None:
    """RuntimeError, in a sentence, unless the pinned version is installed and has every name used here."""
    found = importlib.metadata.version("ministack")
    if found != VERSION:
        raise RuntimeError(f"The local cloud needs ministack {VERSION}, and {found} is installed.")
    missing = [
        f"ministack.{name}.{attribute}"
        for name, attributes in NAMES.items()
        for attribute in attributes
        if not hasattr(module(name), attribute)
    ]
    if RAISED not in module("core.lambda_runtime")._PYTHON_WORKER_SCRIPT:
        missing.append("the line that reports an exception in ministack.core.lambda_runtime")
    if missing:
        raise RuntimeError(f"ministack {found} lacks what the local cloud builds on: {', '.join(missing)}.")


class Rekognition(ModuleType):
    """What ministack takes for the module of a service: requests go to a Wire, each in a thread of its own."""

    def __init__(self, create: "Callable[[], Service]") -> None:
        super().__init__("local.rekognition")
        self._create = create
        self._open()

    def _open(self) -> None:
        from local.wire import Wire

        self.service = self._create()
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
        self.service.close()
        self._open()


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


def end_executions() -> None:
    """Let a stopped execution enter no further state, and a machine's TimeoutSeconds end an execution."""
    states, responses = module("services.stepfunctions"), module("core.responses")
    add, fail, run = states._add_event, states._fail_execution, states._run_execution
    lock = threading.Lock()

    class Ended(states._ExecutionError):  # type: ignore[misc, name-defined]
        """Raised in the thread of an execution that was ended from outside."""

    def add_event(execution: dict[str, Any], kind: str, details: Any = None) -> Any:
        if execution["status"] != "RUNNING" and not kind.startswith("Execution"):
            raise Ended("States.Runtime", f"The execution is {execution['status']}.")
        with lock:  # an event's id is its place in the list
            return add(execution, kind, details)

    def fail_execution(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":  # else its end would be written over
            fail(execution, error, cause)

    def time_out(execution: dict[str, Any]) -> None:
        if execution["status"] != "RUNNING":
            return
        execution["status"] = "TIMED_OUT"
        execution["stopDate"] = responses.now_iso()
        add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
        states._emit_execution_status_event(execution)

    def run_execution(arn: str) -> None:
        execution = states._executions.get(arn)
        seconds = _timeout(states._state_machines.get(execution["stateMachineArn"])) if execution else None
        if seconds is None:
            run(arn)
            return
        # Not scaled as Wait states are: the work of a task takes as long here as it takes.
        timer = threading.Timer(seconds, contextvars.copy_context().run, (time_out, execution))
        timer.daemon = True
        timer.start()
        try:
            run(arn)
        finally:
            timer.cancel()

    states._add_event, states._fail_execution, states._run_execution = add_event, fail_execution, run_execution


def _timeout(machine: dict[str, Any] | None) -> float | None:
    try:
        return json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
    except ValueError:
        return None


def run_branches() -> None:
    """Write the states of branches and iterations to the history, and end a Parallel at its first failure."""
    states, responses = module("services.stepfunctions"), module("core.responses")
    parallel = states._run_parallel_branches

    def run_parallel(state: dict[str, Any], data: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        return parallel(state, data, execution, {**context, "Failed": []})

    def run_sub_machine(
        steps: dict[str, Any], start: str, data: Any, execution: dict[str, Any], context: dict[str, Any]
    ) -> Any:
        failed = context.get("Failed", [])  # shared by the branches of one Parallel
        context = {**context, "Failed": []}  # branches run at once: each has a State of its own
        whole = states._executions.get(context["Execution"]["Id"], execution)
        name: str | None = start
        output = data
        try:
            while name:
                if failed:
                    raise failed[0]
                if whole["status"] != "RUNNING":
                    raise states._ExecutionError("States.Runtime", f"The execution is {whole['status']}.")
                context["State"] = {"Name": name, "EnteredTime": responses.now_iso(), "RetryCount": 0}
                name, output = step(steps, name, output, execution, context)
        except states._ExecutionError as error:
            failed.append(error)
            raise
        return output

    def step(
        steps: dict[str, Any], name: str, data: Any, execution: dict[str, Any], context: dict[str, Any]
    ) -> tuple[str | None, Any]:
        state = steps.get(name)
        if state is None:
            raise states._ExecutionError("States.Runtime", f"State '{name}' not found")
        kind = state["Type"]
        details = {"name": name, "input": json.dumps(data)}
        states._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})
        following: str | None
        if kind == "Fail":
            raise states._ExecutionError(*states._fail_state_error(state, data, context))
        if kind == "Succeed":
            chosen = states._apply_input_path(state, data, context)
            output, following = states._apply_output_path(state, chosen, context), None
        elif kind in ("Task", "Parallel", "Map"):
            output, following = getattr(states, f"_execute_{kind.lower()}")(state, data, execution, context)
        else:
            output, following = getattr(states, f"_execute_{kind.lower()}")(state, data, context)
        details = {"name": name, "output": json.dumps(output)}
        states._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})
        return following, output

    states._run_parallel_branches, states._run_sub_machine = run_parallel, run_sub_machine


def judge_as_aws() -> None:
    """Let Choice tell null from absent, and States.ALL leave the two errors that AWS says it cannot catch."""
    states = module("services.stepfunctions")
    evaluate, matches = states._evaluate_rule, states._error_matches

    def evaluate_rule(rule: dict[str, Any], data: Any, context: Any = None) -> bool:
        variable = rule.get("Variable")
        if variable is None:
            return bool(evaluate(rule, data, context))
        whole = (context or {}) if variable.startswith("$$") else data
        found = present(states._parse_jsonpath_tokens(variable.replace("$$", "$", 1)), whole)
        if "IsPresent" in rule:
            return found is bool(rule["IsPresent"])
        if not found:
            cause = f"Invalid path '{variable}': The choice state's condition path references an invalid value."
            raise states._ExecutionError("States.Runtime", cause)
        return bool(evaluate(rule, data, context))

    def error_matches(names: list[str], error: str) -> bool:
        if error in ("States.Runtime", "States.DataLimitExceeded"):
            return error in names
        return bool(matches(names, error))

    states._evaluate_rule, states._error_matches = evaluate_rule, error_matches


def present(tokens: list[tuple[str, Any]] | None, data: Any) -> bool:
    """Whether a reference path, cut into ministack's (kind, name or index) pairs, leads to a value or to null."""
    for kind, key in tokens or []:
        if kind == "wildcard":
            continue
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return False
    return tokens is not None


def plug(create: "Callable[[], Service]") -> Rekognition:
    """Add the service to ministack and mend what its Step Functions and Lambda do otherwise than AWS."""
    check()
    rekognition = Rekognition(create)
    add_service(rekognition)
    name_lambda_errors()
    end_executions()
    run_branches()
    judge_as_aws()
    return rekognition


def serve(port: int, state: Path) -> None:
    """Serve on loopback until a signal ends the process; all that is written is below `state`."""
    from local.rekognition.service import Service
    from local.rekognition.settings import Settings

    try:
        settings = Settings.from_environment()
    except ValueError as error:
        raise RuntimeError(str(error)) from error

    @cache
    def client() -> Any:
        import boto3

        return boto3.client("s3", endpoint_url=f"http://{LOOPBACK}:{port}")

    def create() -> "Service":
        shutil.rmtree(state / "rekognition", ignore_errors=True)  # ministack starts empty too
        return Service(settings, s3=client, state_dir=state / "rekognition")

    rekognition = plug(create)
    sys.argv = sys.argv[:1]  # ministack reads arguments of its own
    try:
        module("app").main()
    finally:
        rekognition.service.close()


def main() -> None:
    """Take the environment that `local.cloud` gives a server, and serve in the foreground."""
    from local import cloud

    place = cloud.Place.from_environment()
    (place.folder / "tmp").mkdir(parents=True, exist_ok=True)
    serving = cloud.server_environment(place)
    os.environ.clear()
    os.environ.update(serving)
    try:
        serve(place.port, place.folder)
    except RuntimeError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
