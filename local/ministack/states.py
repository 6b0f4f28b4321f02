"""Step Functions: executions end, branches run and choices judge as on AWS."""

import contextvars
import json
import threading
from typing import Any

from local.ministack.private import module


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


def run_maps() -> None:
    """Let a Distributed Map run as many children at once as `MaxConcurrencyPath` says; ministack reads no path."""
    states = module("services.stepfunctions")
    run = states._run_distributed_map

    def run_map(state: dict[str, Any], data: Any, effective: Any, *rest: Any) -> Any:
        if "MaxConcurrencyPath" in state:
            most = states._resolve_path_or_ctx(state["MaxConcurrencyPath"], effective, rest[-1])
            state = {**state, "MaxConcurrency": most}
        return run(state, data, effective, *rest)

    states._run_distributed_map = run_map
