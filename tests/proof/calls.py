"""Which AWS calls are made under which role: a function's by its own clients, a machine's by moto.

A function makes its clients when it is imported, or in its own code: they are told apart by whose that is.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.client import ClientCreator
from botocore.model import OperationModel

from tests.templates import ROOT, source

Call = tuple[str, str, dict[str, Any]]  # the service, the operation, its parameters
# Each is called with the owner's logical id, the call, and the project that the owner is deployed for, or None.
heard: list[Callable[[str, Call, str | None], None]] = []
# Each may answer a request instead of the cloud: called with the owner, the operation, and what sends the request.
answers: list[Callable[[str, OperationModel, Callable[[], Any]], Any]] = []
FUNCTIONS = ROOT / "functions"
INTERPRETER = "ak"  # the access key of the clients with which moto's interpreter runs tasks
_importing: list[str] = []
_create = ClientCreator.create_client


@cache
def owners() -> dict[str, str]:
    """The logical id of each function of both templates, by its module."""
    return {
        of["Properties"]["Handler"].removesuffix(".handler"): name
        for template in ("template.yaml", "inference.yaml")
        for name, of in source(template)["Resources"].items()
        if of["Type"] == "AWS::Serverless::Function"
    }


@contextmanager
def made_by(module: str) -> Iterator[None]:
    """Within this, clients belong to the function of a module, or of the routes that it is one of."""
    _importing.append(owners().get(module, "Api"))
    try:
        yield
    finally:
        _importing.pop()


@cache
def _owner(file: str) -> str | None:
    """The logical id of the function whose handler's module is in a file."""
    path = Path(file)
    return owners().get(path.stem) if path.parent == FUNCTIONS else None


def _function() -> tuple[str | None, str | None]:
    """The logical id of the function whose code is at work, and the project that it is deployed for."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if owner := _owner(frame.f_code.co_filename):
            return owner, getattr(frame.f_globals.get("settings"), "project", None)
    return None, None


def _machine() -> str | None:
    """The logical id of the state machine whose interpreter makes a call; it passes its `env` on."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        # To ask a frame for its variables copies them all.
        env = frame.f_locals.get("env") if "env" in frame.f_code.co_varnames else None
        states = getattr(env, "states", None)
        if states is not None:
            name = states.context_object.context_object_data["StateMachine"]["Name"]
            return name.rpartition("-")[0].title().replace("_", "") or None
    return None


def listen() -> None:
    """Tell `heard` of every call from now on, in this process."""

    def create(self: Any, *args: Any, **options: Any) -> Any:
        client = _create(self, *args, **options)
        by = _importing[-1] if _importing else _function()[0]
        credentials = client._request_signer._credentials
        if by is None and getattr(credentials, "access_key", None) != INTERPRETER:
            return client

        def tell(params: dict[str, Any], model: Any, **_: Any) -> None:
            if owner := by or _machine():
                for hear in heard:
                    hear(owner, (model.service_model.service_name, model.name, params), _function()[1])

        def answer(request: Any, event_name: str, **_: Any) -> Any:
            if not answers or not (owner := by or _machine()):
                return None
            model = client.meta.service_model.operation_model(event_name.rpartition(".")[2])
            given = (each(owner, model, lambda: client._endpoint._send(request)) for each in list(answers))
            return next((response for response in given if response is not None), None)

        client.meta.events.register_first("before-parameter-build", tell)
        client.meta.events.register("before-send", answer)
        return client

    patch.object(ClientCreator, "create_client", create).start()


listen()
