"""Step Functions: paths that lead nowhere, the context object in ResultSelector, and the waits of Retry."""

import contextvars
import json
import random
from collections.abc import Callable
from typing import Any

from local.ministack.private import module

_context: contextvars.ContextVar[Any] = contextvars.ContextVar("context", default=None)


def follow_paths() -> None:
    """Fail a state with States.Runtime where a path leads nowhere, and read `$$.` in ResultSelector.

    The States Language calls it States.ParameterPathFailure, but AWS and its local version say States.Runtime.
    A path of a kind that ministack cannot follow, such as a slice, fails too, where ministack gives null.
    """
    states = module("services.stepfunctions")
    resolve_path, resolve_template = states._resolve_path, states._resolve_params_obj
    select = states._apply_result_selector

    def leads(path: str, data: Any) -> bool:
        return path == "$" or not path.startswith("$") or not dead_end(states._parse_jsonpath_tokens(path), data)

    def follow(path: str, data: Any) -> Any:
        if path and not leads(path, data):
            cause = f"Invalid path '{path}': it leads to nothing in the input '{json.dumps(data, default=str)}'"
            raise states._ExecutionError("States.Runtime", cause)
        return resolve_path(path, data)

    def fill(template: Any, data: Any, context: Any = None) -> Any:
        for field, path in template.items() if isinstance(template, dict) else ():
            if not field.endswith(".$") or not isinstance(path, str) or path.startswith("States."):
                continue
            whole = (context or {}) if path.startswith("$$.") else data
            if not leads(path.removeprefix("$") if path.startswith("$$.") else path, whole):
                text = json.dumps(whole, separators=(",", ":"), default=str)
                specified = f"The JSONPath '{path}' specified for the field '{field}'"
                cause = f"{specified} could not be found in the input '{text}'"
                raise states._ExecutionError("States.Runtime", cause)
        return resolve_template(template, data, context)

    def select_with_context(state: dict[str, Any], data: Any) -> Any:
        selector = state.get("ResultSelector")
        return fill(selector, data, _context.get()) if selector else select(state, data)

    def remembering(execute: Callable[..., Any]) -> Callable[..., Any]:
        def execute_remembering(state: dict[str, Any], data: Any, *rest: Any) -> Any:
            token = _context.set(rest[-1])
            try:
                return execute(state, data, *rest)
            finally:
                _context.reset(token)

        return execute_remembering

    for kind in ("task", "parallel", "map", "pass"):
        setattr(states, f"_execute_{kind}", remembering(getattr(states, f"_execute_{kind}")))
    states._resolve_path, states._resolve_params_obj = follow, fill
    states._apply_result_selector = select_with_context


def dead_end(tokens: list[tuple[str, Any]] | None, data: Any) -> bool:
    """Whether a path, cut into ministack's (kind, name or index) pairs, leads to nothing.

    An index past the end of a list leads to null, and what follows a wildcard to a list, maybe an empty one.
    """
    for kind, key in tokens or []:
        if kind == "wildcard" or (kind == "index" and isinstance(data, list) and key >= len(data)):
            return False
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return True
    return tokens is None


def wait_as_told() -> None:
    """Keep to MaxDelaySeconds and JitterStrategy in Retry."""
    states = module("services.stepfunctions")
    find = states._find_matching_retrier

    def find_retrier(retriers: list[dict[str, Any]], error: str, counts: dict[int, int]) -> Any:
        retrier, index = find(retriers, error, counts)
        if retrier is not None:
            retrier = {**retrier, "IntervalSeconds": delay(retrier, counts.get(index, 0)), "BackoffRate": 1}
        return retrier, index

    states._find_matching_retrier = find_retrier


def delay(retrier: dict[str, Any], retries: int) -> float:
    """The seconds before the next try, after so many retries."""
    seconds: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return random.uniform(0, seconds) if retrier.get("JitterStrategy") == "FULL" else seconds  # noqa: S311
