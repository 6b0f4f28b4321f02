"""The service in any pytest suite, on moto: in process, on moto's server, and with its Step Functions interpreter.

    with local.moto.custom_labels() as labels:
        boto3.client("rekognition").create_project(ProjectName="parts")

    with local.moto.cloud(functions={"Plan": plan.handler}, wait_scale=0) as cloud:
        cloud.client("stepfunctions").create_state_machine(…, cloud.functions["Plan"], …)

Both run in this process. `custom_labels` opens no port; `cloud` listens on a free port of 127.0.0.1 and mends what
moto does otherwise than Step Functions and Lambda. At the end all patches are undone, moto is empty, and nothing
is listening.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from local.cloud import LOOPBACK, REGION, environment
from local.moto.direct import answer_directly
from local.moto.functions import add_functions
from local.moto.private import ACCOUNT, VERSION, check, module
from local.moto.rekognition import add_admin, add_service
from local.moto.speed import ask_once, copy_quickly, name_once, parse_once
from local.moto.states import (
    Step,
    announce_ends,
    announce_paths,
    announce_states,
    judge_as_aws,
    mend_tasks,
    name_executions,
    name_failures,
    scale_waits,
    stay_stopped,
    stop_executions,
)
from local.moto.tables import write_at_once
from local.rekognition.clock import Clock
from local.rekognition.service import Service
from local.rekognition.settings import AT_ONCE, Settings

__all__ = ["ACCOUNT", "VERSION", "Cloud", "CustomLabels", "Step", "cloud", "custom_labels"]

STOP_LOOK_SECONDS = 0.02
_in_use = threading.Lock()


@dataclass(frozen=True)
class CustomLabels:
    """The service that answers within `custom_labels`: its fault plan is `service.faults`, its time `clock`."""

    service: Service
    clock: Clock


@contextmanager
def custom_labels(settings: Settings = AT_ONCE) -> Iterator[CustomLabels]:
    """Answer boto3's Rekognition clients from the service, and its S3 from moto, inside or around `mock_aws()`.

    Also a decorator. Unless `settings` say otherwise, what takes time has ended at the next look, and trainings
    run in the caller's thread. It enters `mock_aws` itself, so that no request can reach AWS.
    """
    from moto import mock_aws

    check()

    @cache
    def s3() -> Any:
        import boto3
        from botocore.config import Config

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
        config = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]
        return boto3.client("s3", config=config, **keys)  # type: ignore[call-overload]

    with ExitStack() as undo:
        undo.enter_context(mock_aws())
        state = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="custom-labels-")))
        clock = Clock()
        service = Service(settings, s3=s3, state_dir=state, clock=clock)
        undo.callback(service.close)
        add_service(undo, service)
        yield CustomLabels(service, clock)


@dataclass
class Cloud:
    """A cloud that is up: its endpoint, its Custom Labels service (with its fault plan), its functions' ARNs."""

    endpoint: str
    service: Service
    clock: Clock
    functions: dict[str, str] = field(default_factory=dict)
    role: str = ""
    # Called with an execution's ARN and a state's name when it is entered, before the state does anything.
    entered: list[Callable[[str, str], None]] = field(default_factory=list)
    # Called with each step of an execution, those of a Map's children included.
    taken: list[Callable[[Step], None]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)  # ARNs of executions, under `ends`
    ends: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, execution: str, seconds: float) -> bool:
        """Wait for the end of an execution; False if it still runs after so many seconds."""
        with self.ends:
            return self.ends.wait_for(lambda: execution in self.ended, seconds)

    def history(self, execution: str) -> list[dict[str, Any]]:
        """The events of an execution, oldest first, as GetExecutionHistory names them but in one piece."""
        backends = module("stepfunctions.parser.models").stepfunctions_parser_backends
        found = backends[ACCOUNT][REGION].get_execution_history(execution)
        events: list[dict[str, Any]] = found["events"]
        return events

    def client(self, name: str) -> Any:
        """A boto3 client of this cloud."""
        import boto3

        # Spelled out, since a client keeps what it was made with after the environment is restored.
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(name, endpoint_url=self.endpoint, region_name=REGION, **keys)  # type: ignore[call-overload]


@contextmanager
def cloud(
    settings: Settings | None = None,
    functions: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    wait_scale: float = 0.0,
    port: int = 0,
) -> Iterator[Cloud]:
    """A cloud for a test: `functions` maps names to handlers, `wait_scale` is the share of waits really slept.

    It listens on a free port, or on the one that is given: clients of an earlier cloud there can be used on.
    An exception of a handler fails the task with its class name; RuntimeError if another cloud of this process
    is up, since the patches are of moto's classes.
    """
    check()
    if not _in_use.acquire(blocking=False):
        raise RuntimeError("Another test cloud of this process is up; moto can hold one at a time.")
    try:
        with ExitStack() as undo:
            yield _open(undo, settings, functions or {}, wait_scale, port)
    finally:
        _in_use.release()


def _open(
    undo: ExitStack,
    settings: Settings | None,
    functions: Mapping[str, Callable[[Any, Any], Any]],
    wait_scale: float,
    port: int,
) -> Cloud:
    undo.enter_context(patch.dict(os.environ))
    config = module("core.config").default_user_config
    undo.enter_context(patch.dict(config, stepfunctions={"execute_state_machine": True}))
    for name in ("werkzeug", "moto.stepfunctions"):  # a line for each request, a page for each caught error
        logger = logging.getLogger(name)
        undo.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL)

    server = _serve(undo, port)
    port = server.server_address[1]
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
    undo.callback(stop_executions)
    add_service(undo, service)
    add_admin(server, service)
    write_at_once(undo)
    parse_once(undo)
    ask_once(undo)
    name_once(undo)
    copy_quickly(undo)
    mend_tasks(undo)
    name_failures(undo)
    judge_as_aws(undo)
    stay_stopped(undo)
    scale_waits(undo, clock, wait_scale)
    name_executions(undo)
    announce_states(undo, opened)
    announce_paths(undo, opened)
    announce_ends(undo, opened)
    add_functions(undo, opened, functions)
    return opened


def _serve(undo: ExitStack, port: int) -> Any:
    """moto's server, ended as soon as it is told to: its own class looks twice a second."""
    from werkzeug.serving import make_server

    app = module("moto_server.werkzeug_app")
    handler = app.MotoRequestHandler
    backends = app.DomainDispatcherApplication(app.create_backend_app)
    server = make_server(LOOPBACK, port, backends, threaded=True, request_handler=handler)
    bound = server.server_address[1]
    # moto's interpreter names the host.
    answer_directly(undo, backends, f"{LOOPBACK}:{bound}", f"localhost:{bound}")
    thread = threading.Thread(target=server.serve_forever, args=(STOP_LOOK_SECONDS,), daemon=True)
    thread.start()
    undo.callback(server.server_close)
    undo.callback(thread.join)
    undo.callback(server.shutdown)
    return server


def _reset() -> None:
    module("core.base_backend").BackendDict.reset()
    module("core.model_instances").reset_model_data()
