"""Which AWS calls are made under which role: a function's by its own clients, a machine's by moto.

A function makes its clients when it is imported, so that they are told apart by who was imported then.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.client import ClientCreator

from tests.templates import source

Call = tuple[str, str, dict[str, Any]]  # the service, the operation, its parameters
heard: list[Callable[[str, Call], None]] = []  # each is called with the owner's logical id and the call
_importing: list[str] = []
_create = ClientCreator.create_client


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


def _machine() -> str | None:
    """The logical id of the state machine whose interpreter has asked for a client; it passes its `env` on."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        states = getattr(frame.f_locals.get("env"), "states", None)
        if states is not None:
            name = states.context_object.context_object_data["StateMachine"]["Name"]
            return name.rpartition("-")[0].title().replace("_", "") or None
    return None


def listen() -> None:
    """Tell `heard` of every call from now on, in this process."""

    def create(self: Any, *args: Any, **options: Any) -> Any:
        client = _create(self, *args, **options)
        owner = _importing[-1] if _importing else _machine()
        if owner is not None:

            def tell(params: dict[str, Any], model: Any, **_: Any) -> None:
                for hear in heard:
                    hear(owner, (model.service_model.service_name, model.name, params))

            client.meta.events.register_first("before-parameter-build", tell)
        return client

    patch.object(ClientCreator, "create_client", create).start()


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


listen()
