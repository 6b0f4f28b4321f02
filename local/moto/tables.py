"""DynamoDB: a condition and the write that it allows are one, as on AWS; moto's threads come between them."""

import threading
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from local.moto.private import module


def write_at_once(undo: ExitStack) -> None:
    """Let requests to DynamoDB be answered one after the other."""
    handler, lock = module("dynamodb.responses").DynamoHandler, threading.Lock()
    call = handler.call_action

    def call_alone(self: Any) -> Any:
        with lock:
            return call(self)

    undo.enter_context(patch.object(handler, "call_action", call_alone))
