"""The strict cloud for tests: moto's servers and its Step Functions interpreter, with the Custom Labels service.

    with local.moto.cloud(functions={"Plan": plan.handler}, wait_scale=0) as cloud:
        cloud.client("stepfunctions").create_state_machine(…, cloud.functions["Plan"], …)

Everything runs in this process on a free port of 127.0.0.1; at the end the patches are undone, moto is empty,
and nothing is listening. What moto does otherwise than Step Functions and Lambda is mended here.
"""

import copy
import importlib
import importlib.metadata
import io
import json
import logging
import os
import re
import tempfile
import threading
import time
import traceback
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from local.cloud import LOOPBACK, REGION, environment

if TYPE_CHECKING:
    from local.rekognition.service import Service
    from local.rekognition.settings import Settings

VERSION = "5.2.5"
ACCOUNT = "123456789012"  # moto's, for keys it does not know
STOP_SECONDS = 10.0  # for the threads of executions that a test left running
INDEFINITE = re.compile(r"[*?:]|\.\.|,")  # a path with one of these can lead to several values
TASK = "stepfunctions.parser.asl.component.state.exec.state_task.service"

_in_use = threading.Lock()


class Clock:
    """time.time(), ahead by every second that a Wait state or a retry did not really sleep."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        with self._lock:
            self._ahead += seconds


@dataclass
class Cloud:
    """A cloud that is up: its endpoint, its Custom Labels service (with its fault plan), its functions' ARNs."""

    endpoint: str
    service: "Service"
    clock: Clock
    functions: dict[str, str] = field(default_factory=dict)
    role: str = ""
    # Called with an execution's ARN and a state's name when it is entered, before the state does anything.
    entered: list[Callable[[str, str], None]] = field(default_factory=list)

    def client(self, name: str) -> Any:
        """A boto3 client of this cloud."""
        import boto3

        # Spelled out, since a client keeps what it was made with after the environment is restored.
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(name, endpoint_url=self.endpoint, region_name=REGION, **keys)  # type: ignore[call-overload]


@contextmanager
def cloud(
    settings: "Settings | None" = None,
    functions: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    wait_scale: float = 0.0,
) -> Iterator[Cloud]:
    """A cloud for a test: `functions` maps names to handlers, `wait_scale` is the share of waits really slept.

    An exception of a handler fails the task with its class name; RuntimeError if another cloud of this process
    is up, since the patches are of moto's classes.
    """
    found = importlib.metadata.version("moto")
    if found != VERSION:
        raise RuntimeError(f"The test cloud needs moto {VERSION}, and {found} is installed.")
    if not _in_use.acquire(blocking=False):
        raise RuntimeError("Another test cloud of this process is up; moto can hold one at a time.")
    try:
        with ExitStack() as undo:
            yield _open(undo, settings, functions or {}, wait_scale)
    finally:
        _in_use.release()


def _open(
    undo: ExitStack,
    settings: "Settings | None",
    functions: Mapping[str, Callable[[Any, Any], Any]],
    wait_scale: float,
) -> Cloud:
    from local.rekognition.service import Service
    from local.rekognition.settings import Settings
    from local.wire import Wire

    undo.enter_context(patch.dict(os.environ))
    config = _moto("core.config").default_user_config
    undo.enter_context(patch.dict(config, stepfunctions={"execute_state_machine": True}))
    for name in ("werkzeug", "moto.stepfunctions"):  # a line for each request, a page for each caught error
        logger = logging.getLogger(name)
        undo.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL)

    server = _moto("server").ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    undo.callback(lambda: server._server.server_close())
    undo.callback(server.stop)
    port = server.get_host_and_port()[1]
    clean = environment(port)
    os.environ.clear()
    os.environ.update(clean, MOTO_PORT=str(port))

    @cache
    def s3() -> Any:
        return opened.client("s3")

    clock = Clock()
    state = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="custom-labels-")))
    service = Service(settings or Settings(), s3=s3, state_dir=state, clock=clock)
    undo.callback(service.close)
    opened = Cloud(f"http://{LOOPBACK}:{port}", service, clock)
    _reset()
    undo.callback(_reset)
    undo.callback(_stop_executions)
    _add_service(undo, Wire(service))
    _mend_tasks(undo)
    _judge_as_aws(undo)
    _scale_waits(undo, clock, wait_scale)
    _name_executions(undo)
    _announce_states(undo, opened)
    _add_functions(undo, opened, functions)
    return opened


def _moto(name: str) -> Any:
    return importlib.import_module(f"moto.{name}")


def _reset() -> None:
    _moto("core.base_backend").BackendDict.reset()
    _moto("core.model_instances").reset_model_data()


def _stop_executions() -> None:
    backends = _moto("stepfunctions.parser.models").stepfunctions_parser_backends
    for account in backends.values():
        for backend in account.values():
            for execution in backend._get_executions("RUNNING"):
                if execution.exec_worker and execution.exec_worker.env:
                    execution.stop(stop_date=datetime.now(UTC), error=None, cause=None)
    threads = _moto("stepfunctions.parser.utils").TMP_THREADS
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    threads.clear()


def _add_service(undo: ExitStack, wire: Any) -> None:
    """Answer every Rekognition request from the service: moto's own answers are canned."""

    def respond(request: Any, _url: str, _headers: Any) -> tuple[int, dict[str, str], bytes]:
        # "AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/rekognition/aws4_request, …"
        scope = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
        region = scope[2] if len(scope) > 2 else REGION
        target = request.headers.get("X-Amz-Target", "")
        status, headers, body = wire.handle(target, request.get_data(), account=ACCOUNT, region=region)
        # The cause of a failed task holds the id.
        return status, {"x-amzn-RequestId": str(uuid.uuid4()), **headers}, body

    undo.enter_context(patch.dict(_moto("rekognition.urls").url_paths, {"{0}/$": respond}))


def _mend_tasks(undo: ExitStack) -> None:
    """Name Rekognition's errors as AWS does, give results as JSON, and know the SDK's names of parameters."""
    sdk, tasks = _moto(f"{TASK}.state_task_service_aws_sdk"), _moto(f"{TASK}.state_task_service")
    undo.enter_context(patch.dict(sdk._SERVICE_ERROR_NAMES, rekognition="Rekognition"))

    service_task = tasks.StateTaskService
    evaluate = service_task._eval_parameters

    def operation(task: Any, service: str | None, action: str | None) -> Any:
        model = _service_model(task._get_boto_service_name(service))
        called = task._get_boto_service_action(action).replace("_", "").lower()
        names = (name for name in model.operation_names if name.lower() == called)
        return next((model.operation_model(name) for name in names), None)

    def parameters(task: Any, env: Any) -> Any:
        # moto sends nothing where Parameters is absent; Step Functions sends the state's input.
        given = copy.deepcopy(env.stack[-1]) if task.parargs is None else None
        return evaluate(task, env) if given is None else given

    def normalise_parameters(
        task: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        model = operation(task, boto_service_name, service_action_name)
        if model is None or model.input_shape is None:
            return
        task._to_boto_request(parameters, model.input_shape)
        if task.resource.service_name == "aws-sdk":
            refuse_unknown(parameters, model.input_shape.members)

    def normalise_response(
        task: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        model = operation(task, boto_service_name, service_action_name)
        if model is not None and model.output_shape is not None:
            task._from_boto_response(response, model.output_shape)
        _write_dates(response)

    undo.enter_context(patch.object(service_task, "_eval_parameters", parameters))
    undo.enter_context(patch.object(service_task, "_normalise_parameters", normalise_parameters))
    undo.enter_context(patch.object(service_task, "_normalise_response", normalise_response))


@cache
def _service_model(name: str) -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model(name)


def refuse_unknown(parameters: Any, members: Iterable[str]) -> None:
    """ValueError, as Step Functions puts it, for a field that an API action does not have."""
    unknown = [name for name in parameters if name not in members] if isinstance(parameters, dict) else []
    if unknown:
        fields = ", ".join(f"The field '{name}' is not supported by Step Functions" for name in unknown)
        raise ValueError(f"The Parameters could not be used to start the Task: [{fields}]")


def _write_dates(value: Any) -> None:
    """Replace, in place, each datetime of a result by what Step Functions gives: 2026-11-22T10:00:00.000Z."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(item, datetime):
                stamp = item.astimezone(UTC).isoformat(timespec="milliseconds")
                value[key] = stamp.replace("+00:00", "Z")
            else:
                _write_dates(item)


def _judge_as_aws(undo: ExitStack) -> None:
    """Let a Choice fail on an absent variable, States.ALL leave the two errors that AWS says it cannot catch,

    a branch fail with any error, and a path that can lead to one value only give that value.
    """
    asl = "stepfunctions.parser.asl"
    compared = _moto(f"{asl}.component.state.choice.comparison.comparison_variable")
    absent = _moto(f"{asl}.component.state.choice.comparison.variable").NoSuchVariable
    paths = _moto(f"{asl}.utils.json_path")
    equals = _moto(f"{asl}.component.common.error_name.error_equals_decl").ErrorEqualsDecl
    own = _moto(f"{asl}.component.common.error_name.states_error_name").StatesErrorName
    custom = _moto(f"{asl}.component.common.error_name.custom_error_name").CustomErrorName
    matches = equals._eval_body

    def compare(comparison: Any, env: Any) -> None:
        data = env.stack[-1]
        comparison.variable.eval(env)
        function = comparison.comparison_function
        if isinstance(env.stack[-1], absent) and function.operator_type.name != "IsPresent":
            raise paths.NoSuchJsonPathError(comparison.variable.string_sampler.literal_value, data)
        function.eval(env)

    def match(declared: Any, env: Any) -> None:
        error = env.stack[-1].error_name
        if error in ("States.Runtime", "States.DataLimitExceeded"):
            env.stack[-1] = error in [each.error_name for each in declared.error_names]
        else:
            matches(declared, env)

    def named(error_name: str | None) -> Any:
        return (own.from_name if (error_name or "").startswith("States.") else custom)(error_name)

    def definite(path: str) -> bool:
        return not INDEFINITE.search(path)

    # moto ends the execution when a branch fails with an error of Step Functions itself, such as States.Timeout.
    for place in ("state_parallel.branches_decl", "state_map.iteration.iteration_worker"):
        branches = _moto(f"{asl}.component.state.exec.{place}")
        undo.enter_context(patch.object(branches, "CustomErrorName", named))
    # moto gives [value] for $[0].name, which can only be one value.
    undo.enter_context(patch.object(paths, "_is_singleton_array_access", definite))
    undo.enter_context(patch.object(compared.ComparisonVariable, "_eval_body", compare))
    undo.enter_context(patch.object(equals, "_eval_body", match))


def _scale_waits(undo: ExitStack, clock: Clock, scale: float) -> None:
    """Let Wait states and retries sleep `scale` of their seconds, and the clock of the service see them all."""
    waits = _moto("stepfunctions.parser.asl.component.state.wait.wait_function.wait_function")
    retries = _moto("stepfunctions.parser.asl.component.common.retry.retrier_decl")
    callbacks = _moto(f"{TASK}.state_task_service_callback")

    def wait_interval(_wait: Any, env: Any, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds * scale
        while env.is_running() and (left := deadline - time.monotonic()) > 0:
            env.program_state_event.wait(min(left, 0.1))
        clock.advance(wait_seconds * (1 - scale))

    def sleep(seconds: float) -> None:
        time.sleep(seconds * scale)
        clock.advance(seconds * (1 - scale))

    undo.enter_context(patch.object(waits.WaitFunction, "_wait_interval", wait_interval))
    undo.enter_context(patch.object(retries, "time", SimpleNamespace(sleep=sleep)))
    undo.enter_context(patch.object(callbacks, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", 0.05))


def _name_executions(undo: ExitStack) -> None:
    """Give an execution that was started without a name one: moto calls it None, and there can be one None."""
    backend = _moto("stepfunctions.parser.models").StepFunctionsParserBackend
    start = backend.start_execution

    def start_execution(self: Any, machine: str, name: str | None = None, *rest: Any, **more: Any) -> Any:
        return start(self, machine, name or str(uuid.uuid4()), *rest, **more)

    undo.enter_context(patch.object(backend, "start_execution", start_execution))


def _announce_states(undo: ExitStack, opened: Cloud) -> None:
    states = _moto("stepfunctions.parser.asl.component.state.state")
    take_input = states.CommonStateField._eval_state_input

    def announce(state: Any, env: Any) -> None:
        execution = env.states.context_object.context_object_data["Execution"]["Id"]
        for call in list(opened.entered):
            call(execution, state.name)
        take_input(state, env)

    undo.enter_context(patch.object(states.CommonStateField, "_eval_state_input", announce))


def _add_functions(undo: ExitStack, opened: Cloud, functions: Mapping[str, Callable[[Any, Any], Any]]) -> None:
    """Create a Lambda function for each handler and let moto call it in this process instead of in Docker."""

    def invoke(function: Any, event: Any = None) -> tuple[str, bool, str]:
        context = _context(function)
        try:
            # moto passes what it has parsed, and "{}" where there was nothing to parse.
            result = functions[function.function_name]({} if event in (None, "{}") else event, context)
            return json.dumps(result), False, ""
        except Exception as error:
            return json.dumps(failure(error, context.aws_request_id)), True, traceback.format_exc()

    undo.enter_context(patch.object(_moto("awslambda.models").LambdaFunction, "_invoke_lambda", invoke))
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
