"""What costs moto most of its time and needs not: the results are the same."""

import copy
import pickle
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from local.moto.private import module

_parsed: dict[str, tuple[bytes, Any]] = {}  # by definition; a process has but a few
_names: dict[tuple[Any, ...], tuple[str, ...]] = {}  # by what they follow from


def parse_once(undo: ExitStack) -> None:
    """Keep what each definition says: a long one takes half a second, at its creation and at each start."""
    parsing = module("stepfunctions.parser.asl.parse.asl_parser")
    parse = parsing.AmazonStateLanguageParser.parse

    def again(definition: str) -> Any:
        if definition not in _parsed:
            program, tree = parse(definition)
            _parsed[definition] = pickle.dumps(program), tree
        program, tree = _parsed[definition]
        return pickle.loads(program), tree  # noqa: S301 - its parts hold state: each execution has its own

    backend = module("stepfunctions.parser.models").StepFunctionsParserBackend
    validate = backend._validate_definition

    def validate_once(definition: str) -> None:
        if definition not in _parsed:
            validate(definition)

    undo.enter_context(patch.object(parsing.AmazonStateLanguageParser, "parse", staticmethod(again)))
    undo.enter_context(patch.object(backend, "_validate_definition", staticmethod(validate_once)))


def ask_once(undo: ExitStack) -> None:
    """Keep what moto works out anew at each request or state: whose a host is, what a path means, a client."""
    dispatcher = module("moto_server.werkzeug_app").DomainDispatcherApplication
    clients = module("stepfunctions.parser.asl.utils.boto_client")
    find, make = dispatcher.get_backend_for_host, clients.boto3.client
    backends: dict[str | None, Any] = {}
    kept: dict[str, Any] = {}
    making = threading.Lock()

    def backend(self: Any, host: str | None) -> Any:
        if host not in backends:
            backends[host] = find(self, host)
        return backends[host]

    def client(service_name: str, **options: Any) -> Any:
        with making:
            if service_name not in kept:
                kept[service_name] = make(service_name=service_name, **options)
            return kept[service_name]

    undo.enter_context(patch.object(dispatcher, "get_backend_for_host", backend))
    undo.enter_context(patch.object(clients, "boto3", SimpleNamespace(client=client)))
    asl = "stepfunctions.parser.asl"
    for place in (f"{asl}.utils.json_path", f"{asl}.component.common.path.result_path"):
        undo.enter_context(patch.object(module(place), "parse", _path(module(place).parse)))


@cache
def _path(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A parser of paths that knows those that it has parsed; a process has but some hundred."""
    return cache(parse)


def name_once(undo: ExitStack) -> None:
    """Keep by which names an answer's member may be found in what a backend gives: moto tries a dozen each."""
    picker = module("core.serialize").XFormedAttributePicker
    possible = picker.get_possible_keys

    def possible_keys(self: Any, context: Any) -> tuple[str, ...]:
        # They follow from the object's class, the member's name, and the shapes of the member and of its owner.
        place = type(context.obj), context.key, context.shape
        if place not in _names:
            _names[place] = tuple(dict.fromkeys(possible(self, context)))
        return _names[place]

    undo.enter_context(patch.object(picker, "get_possible_keys", possible_keys))


def copy_quickly(undo: ExitStack) -> None:
    """Copy what passes between states, which is JSON, by way of pickle: a fifth of the time of copy.deepcopy."""
    asl = "stepfunctions.parser.asl"

    def deepcopy(value: Any) -> Any:
        try:
            return pickle.loads(pickle.dumps(value))  # noqa: S301 - bytes of our own, of this moment
        except (pickle.PicklingError, TypeError, AttributeError):
            return copy.deepcopy(value)

    for place in (
        "eval.states",
        "component.common.string.string_expression",
        "component.state.exec.execute_state",
    ):
        undo.enter_context(patch.object(module(f"{asl}.{place}"), "copy", SimpleNamespace(deepcopy=deepcopy)))
