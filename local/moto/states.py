"""Step Functions: what moto's interpreter does otherwise than AWS, mended while a test cloud is up."""

import copy
import re
import time
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from local.moto.private import module
from local.rekognition.clock import Clock

if TYPE_CHECKING:
    from local.moto import Cloud

STOP_SECONDS = 10.0  # for the threads of executions that a test left running
INDEFINITE = re.compile(r"[*?:]|\.\.|,")  # a path with one of these can lead to several values
TASK = "stepfunctions.parser.asl.component.state.exec.state_task.service"


def stop_executions() -> None:
    backends = module("stepfunctions.parser.models").stepfunctions_parser_backends
    for account in backends.values():
        for backend in account.values():
            for execution in backend._get_executions("RUNNING"):
                if execution.exec_worker and execution.exec_worker.env:
                    execution.stop(stop_date=datetime.now(UTC), error=None, cause=None)
    threads = module("stepfunctions.parser.utils").TMP_THREADS
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    threads.clear()


def mend_tasks(undo: ExitStack) -> None:
    """Name Rekognition's errors as AWS does, give results as JSON, and know the SDK's names of parameters."""
    sdk, tasks = module(f"{TASK}.state_task_service_aws_sdk"), module(f"{TASK}.state_task_service")
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


def name_failures(undo: ExitStack) -> None:
    """Let a call without an answer, one that EventBridge refuses, and a Map's for its items, fail the state.

    moto ends the execution.
    """
    from botocore.exceptions import ClientError, HTTPClientError

    errors = "stepfunctions.parser.asl.component.common.error_name"
    event, custom = module(f"{errors}.failure_event").FailureEvent, module(f"{errors}.custom_error_name")
    kind = module("stepfunctions.parser.api").HistoryEventType.TaskFailed

    def mend(owner: Any, service: str | None) -> None:
        fail = owner._from_error

        def failed(task: Any, env: Any, ex: Exception) -> Any:
            name = service or task._normalise_service_error_name(task.resource.api_name)
            if isinstance(ex, HTTPClientError):
                error = f"{name}.SdkClientException"
            elif isinstance(ex, ClientError) and name == "EventBridge":
                error = f"{name}.{ex.response['Error']['Code']}"
            else:
                return fail(task, env, ex)
            about = {"resource": task._get_sfn_resource(), "resourceType": task._get_sfn_resource_type()}
            details = {"taskFailedEventDetails": {**about, "error": error, "cause": str(ex)}}
            named = custom.CustomErrorName(error)
            return event(env=env, error_name=named, event_type=kind, event_details=details)

        undo.enter_context(patch.object(owner, "_from_error", failed))

    reader = module("stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3")
    own, failure = module(f"{errors}.states_error_name"), module(f"{errors}.failure_event")
    read = reader.ResourceEvalS3.eval_resource

    def read_items(resource: Any, env: Any) -> None:
        try:
            read(resource, env)
        except (HTTPClientError, ClientError) as ex:
            named = own.StatesErrorName.from_name("States.ItemReaderFailed")
            details = {"taskFailedEventDetails": {"error": named.error_name, "cause": str(ex)}}
            failed = event(env=env, error_name=named, event_type=kind, event_details=details)
            raise failure.FailureEventException(failed) from ex

    undo.enter_context(patch.object(reader.ResourceEvalS3, "eval_resource", read_items))
    mend(module(f"{TASK}.state_task_service_aws_sdk").StateTaskServiceAwsSdk, None)
    mend(module(f"{TASK}.state_task_service_events").StateTaskServiceEvents, "EventBridge")
    mend(module(f"{TASK}.state_task_service_sns").StateTaskServiceSns, "SNS")


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


def judge_as_aws(undo: ExitStack) -> None:
    """Let a Choice fail on an absent variable, States.ALL leave the two errors that AWS says it cannot catch,

    a branch fail with any error, and a path that can lead to one value only give that value.
    """
    asl = "stepfunctions.parser.asl"
    compared = module(f"{asl}.component.state.choice.comparison.comparison_variable")
    absent = module(f"{asl}.component.state.choice.comparison.variable").NoSuchVariable
    paths = module(f"{asl}.utils.json_path")
    equals = module(f"{asl}.component.common.error_name.error_equals_decl").ErrorEqualsDecl
    own = module(f"{asl}.component.common.error_name.states_error_name").StatesErrorName
    custom = module(f"{asl}.component.common.error_name.custom_error_name").CustomErrorName
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
        branches = module(f"{asl}.component.state.exec.{place}")
        undo.enter_context(patch.object(branches, "CustomErrorName", named))
    # moto gives [value] for $[0].name, which can only be one value.
    undo.enter_context(patch.object(paths, "_is_singleton_array_access", definite))
    undo.enter_context(patch.object(compared.ComparisonVariable, "_eval_body", compare))
    undo.enter_context(patch.object(equals, "_eval_body", match))


def stay_stopped(undo: ExitStack) -> None:
    """Let an execution that was stopped end as ABORTED, whatever its states run into before they notice.

    With moto it is FAILED if a state that had begun has yet to name the next one.
    """
    environment = module("stepfunctions.parser.asl.eval.environment")
    set_error = environment.Environment.set_error

    def set_error_if_running(env: Any, error: Any) -> None:
        with env._state_mutex:
            if not isinstance(env._program_state, environment.ProgramStopped):
                set_error(env, error)

    undo.enter_context(patch.object(environment.Environment, "set_error", set_error_if_running))


def scale_waits(undo: ExitStack, clock: Clock, scale: float) -> None:
    """Let Wait states and retries, and clients that try again or have been throttled, sleep `scale` of their

    seconds, and the clock of the service see them all.
    """
    from botocore import endpoint
    from botocore.exceptions import CapacityNotAvailableError
    from botocore.retries.bucket import TokenBucket

    waits = module("stepfunctions.parser.asl.component.state.wait.wait_function.wait_function")
    retries = module("stepfunctions.parser.asl.component.common.retry.retrier_decl")
    callbacks = module(f"{TASK}.state_task_service_callback")

    def wait_interval(_wait: Any, env: Any, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds * scale
        while env.is_running() and (left := deadline - time.monotonic()) > 0:
            env.program_state_event.wait(min(left, 0.1))
        clock.advance(wait_seconds * (1 - scale))

    def sleep(seconds: float) -> None:
        time.sleep(seconds * scale)
        clock.advance(seconds * (1 - scale))

    def acquire(bucket: Any, amount: float, block: bool) -> bool:
        bucket._refill()
        missing = amount - bucket._current_capacity
        if missing > 0 and not block:
            raise CapacityNotAvailableError
        sleep(max(0.0, missing / bucket._fill_rate))
        bucket._current_capacity = max(0.0, -missing)
        return True

    undo.enter_context(patch.object(waits.WaitFunction, "_wait_interval", wait_interval))
    for place in (retries, endpoint):
        undo.enter_context(patch.object(place, "time", SimpleNamespace(sleep=sleep)))
    undo.enter_context(patch.object(TokenBucket, "_acquire", acquire))
    undo.enter_context(patch.object(callbacks, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", 0.05))


def name_executions(undo: ExitStack) -> None:
    """Give an execution that was started without a name one: moto calls it None, and there can be one None."""
    backend = module("stepfunctions.parser.models").StepFunctionsParserBackend
    start = backend.start_execution

    def start_execution(self: Any, machine: str, name: str | None = None, *rest: Any, **more: Any) -> Any:
        return start(self, machine, name or str(uuid.uuid4()), *rest, **more)

    undo.enter_context(patch.object(backend, "start_execution", start_execution))


def announce_states(undo: ExitStack, opened: "Cloud") -> None:
    states = module("stepfunctions.parser.asl.component.state.state")
    take_input = states.CommonStateField._eval_state_input

    def announce(state: Any, env: Any) -> None:
        execution = env.states.context_object.context_object_data["Execution"]["Id"]
        for call in list(opened.entered):
            call(execution, state.name)
        take_input(state, env)

    undo.enter_context(patch.object(states.CommonStateField, "_eval_state_input", announce))


def announce_ends(undo: ExitStack, opened: "Cloud") -> None:
    """Tell `opened.wait` of each execution that has ended, so that nobody has to ask again and again."""
    told = module("stepfunctions.parser.backend.execution").BaseExecutionWorkerCommunication
    terminate = told.terminated

    def terminated(self: Any) -> None:
        terminate(self)
        with opened.ends:
            opened.ended.add(self.execution.exec_arn)
            opened.ends.notify_all()

    undo.enter_context(patch.object(told, "terminated", terminated))


class Step(NamedTuple):
    """What an execution did: entered a state, or took one of its retriers, catchers or choices.

    `kind` is "state", "retry", "catch" or "choice"; `way` is the index of the retrier or catcher, or the name of
    the state that a Choice went on to.
    """

    machine: str
    state: str
    kind: str
    way: int | str | None = None


def announce_paths(undo: ExitStack, opened: "Cloud") -> None:
    """Call each of `opened.taken` with each `Step`; a retrier is taken where it decides, also against a retry."""
    asl = "stepfunctions.parser.asl.component"
    outcome = module(f"{asl}.common.retry.retrier_outcome").RetrierOutcome
    caught = module(f"{asl}.common.catch.catcher_outcome").CatcherOutcomeCaught
    choice = module(f"{asl}.state.choice.state_choice").StateChoice
    common = module(f"{asl}.state.state").CommonStateField
    take_input, choose = common._eval_state_input, choice._eval_state

    def tell(env: Any, kind: str, way: int | str | None = None) -> None:
        context = env.states.context_object.context_object_data
        for call in list(opened.taken):
            call(Step(context["StateMachine"]["Name"], context["State"]["Name"], kind, way))

    def enter(state: Any, env: Any) -> None:
        tell(env, "state")
        take_input(state, env)

    def chosen(state: Any, env: Any) -> None:
        choose(state, env)
        tell(env, "choice", env.stack[-1])

    undo.enter_context(patch.object(common, "_eval_state_input", enter))
    undo.enter_context(patch.object(choice, "_eval_state", chosen))
    for kind, clauses, clause in (("retry", "RetryDecl", "RetrierDecl"), ("catch", "CatchDecl", "CatcherDecl")):
        folder = f"{asl}.common.{kind}"
        several = getattr(module(f"{folder}.{kind}_decl"), clauses)
        single = getattr(module(f"{folder}.{clause.removesuffix('Decl').lower()}_decl"), clause)

        def make(self: Any, *given: Any, made: Any = several.__init__, **named: Any) -> None:
            made(self, *given, **named)
            for index, part in enumerate(*vars(self).values()):
                part.index = index

        def decide(self: Any, env: Any, evaluate: Any = single._eval_body, kind: str = kind) -> None:
            evaluate(self, env)
            if env.stack[-1] in (outcome.Executed, outcome.Failed) or isinstance(env.stack[-1], caught):
                tell(env, kind, self.index)

        undo.enter_context(patch.object(several, "__init__", make))
        undo.enter_context(patch.object(single, "_eval_body", decide))
