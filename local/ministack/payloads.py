"""Step Functions: how large what passes between states may be, and how long a history."""

import json
import threading
from collections.abc import Callable
from typing import Any

from local.ministack.private import module

LIMITED = "with a size exceeding the maximum number of bytes service limit."


def size(value: Any) -> int:
    """The bytes of a value as AWS counts them: UTF-8 JSON without spaces."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))


def task_name(resource: str) -> str:
    """What Step Functions calls a task in a cause: `lambda`, `aws-sdk:s3`, or the ARN of what it calls."""
    _, _, service, region, _, *rest = resource.split(":")
    if service != "states" or region:
        return resource
    return ":".join(rest[:2]) if rest[0] == "aws-sdk" else rest[0]


def limit_payloads(most: int) -> None:
    """Fail a state whose input, result or output has more than `most` bytes with States.DataLimitExceeded.

    The error is caught by its name, and by States.ALL never. An input that is too large starts no execution.
    """
    if not most:
        return
    states, responses = module("services.stepfunctions"), module("core.responses")
    invoke, call_back = states._invoke_resource, states._invoke_with_callback
    parameters, sub_machine = states._apply_parameters, states._run_sub_machine

    def check(value: Any, cause: str) -> None:
        if size(value) > most:
            raise states._ExecutionError("States.DataLimitExceeded", cause)

    def limited(execute: Callable[..., Any]) -> Callable[..., Any]:
        def execute_limited(state: dict[str, Any], data: Any, *rest: Any) -> Any:
            context = rest[-1]
            name = context["State"]["Name"]
            try:
                output, following = execute(state, data, *rest)
                check(output, f"The state/task '{name}' returned a result {LIMITED}")
            except states._ExecutionError as error:
                # What is raised before ministack's Retry and Catch begin, or after they end, is still caught.
                catcher = states._find_matching_catcher(state.get("Catch", []), error.error)
                if catcher is None:
                    raise
                found = {"Error": error.error, "Cause": error.cause}
                language = states._state_query_language(state, context)
                return states._apply_catcher(catcher, data, context, language, found), catcher["Next"]
            return output, following

        return execute_limited

    def apply_parameters(state: dict[str, Any], data: Any, context: Any = None) -> Any:
        effective = parameters(state, data, context)
        name = (context or {}).get("State", {}).get("Name", "")
        check(effective, f"The state/task '{name}' was given an input {LIMITED}")
        return effective

    def run_sub_machine(steps: dict[str, Any], start: str, data: Any, *rest: Any) -> Any:
        check(data, f"The state/task '{start}' was given an input {LIMITED}")
        return sub_machine(steps, start, data, *rest)

    def invoke_resource(resource: str, data: Any) -> Any:
        result = invoke(resource, data)
        check(result, f"The state/task '{task_name(resource)}' returned a result {LIMITED}")
        return result

    def invoke_with_callback(resource: str, *rest: Any) -> Any:
        result = call_back(resource, *rest)
        check(result, f"The state/task '{task_name(resource)}' returned a result {LIMITED}")
        return result

    def refusing(start: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        def start_limited(data: dict[str, Any]) -> Any:
            if len(data.get("input", "").encode("utf-8", "surrogatepass")) <= most:
                return start(data)
            constraint = f"Member must have length less than or equal to {most}"
            message = f"1 validation error detected: Value at 'input' failed to satisfy constraint: {constraint}"
            return responses.error_response_json("ValidationException", message, 400)

        return start_limited

    for kind in ("task", "parallel", "map", "pass", "choice", "wait"):
        setattr(states, f"_execute_{kind}", limited(getattr(states, f"_execute_{kind}")))
    for start in ("_start_execution", "_start_sync_execution"):
        setattr(states, start, refusing(getattr(states, start)))
    states._apply_parameters, states._run_sub_machine = apply_parameters, run_sub_machine
    states._invoke_resource, states._invoke_with_callback = invoke_resource, invoke_with_callback


def limit_history(most: int) -> None:
    """Fail a standard execution whose history would hold more than `most` events, that of its end counted.

    No Catch saves it: the state that it leads to cannot be entered either. Express executions have no such limit.
    """
    if not most:
        return
    states = module("services.stepfunctions")
    add = states._add_event
    lock = threading.Lock()  # branches write to one history

    def add_event(execution: dict[str, Any], kind: str, details: Any = None) -> Any:
        with lock:
            if kind.startswith("Execution") or len(execution["events"]) < most - 1 or express(execution):
                return add(execution, kind, details)
        cause = f"The execution reached the maximum number of history events ({most})."
        raise states._ExecutionError("States.Runtime", cause)

    def express(execution: dict[str, Any]) -> bool:
        machine = states._state_machines.get(execution["stateMachineArn"]) or {}
        return machine.get("type") == "EXPRESS"

    states._add_event = add_event
