"""What a cloud that keeps its state loses when it is killed: some seconds, not everything since its start."""

import json
import threading
import time
from typing import Any

from local.ministack.private import module

SECONDS = 1.0  # between two looks, while something happens
QUIET = 10.0  # and while no request is answered and no execution runs
SHARE = 0.1  # of the time that looking and writing may take
CUT_OFF = "States.ServiceRestart"  # ministack's name for what ended an execution that its process did not survive


def survive_kills() -> None:
    """Write each service's state soon after it has changed, and tell of the executions that a kill has cut off."""
    app, persistence = module("app"), module("core.persistence")
    if not persistence.PERSIST_STATE:
        return
    ready, save, lock = app._run_ready_scripts, persistence.save_state, threading.Lock()
    send, started, answered = app._send_response, threading.Event(), threading.Event()

    async def send_response(*response: Any, **more: Any) -> Any:
        answered.set()
        return await send(*response, **more)

    def save_alone(name: str, state: dict[str, Any]) -> None:
        with lock:  # its last writing, at the stop, may meet one of ours
            save(name, state)

    async def run_ready_scripts() -> None:
        if not started.is_set():  # a reset runs the scripts again
            started.set()
            _tell_of_ends()
            threading.Thread(target=_write_for_ever, args=(answered,), name="keeping", daemon=True).start()
        await ready()

    persistence.save_state, app._run_ready_scripts = save_alone, run_ready_scripts
    app._send_response = send_response


def _tell_of_ends() -> None:
    """Put the event that EventBridge did not get of each execution that ran when the process was killed."""
    states = module("services.stepfunctions")
    for execution in list(states._executions.all_values()):
        if execution.get("error") == CUT_OFF and not execution.get("told"):
            execution["told"] = True
            states._emit_execution_status_event(execution)


def _write_for_ever(answered: threading.Event) -> None:
    states, written = module("services.stepfunctions"), dict[str, str]()
    while True:
        answered.clear()
        began = time.monotonic()
        write_changes(written)
        time.sleep(max(SECONDS, (time.monotonic() - began) / SHARE))
        if not any(execution["status"] == "RUNNING" for execution in list(states._executions.all_values())):
            answered.wait(QUIET)


def write_changes(written: dict[str, str]) -> None:
    """Write the state of each service that is not what was `written` before, by the service's name."""
    app, persistence = module("app"), module("core.persistence")
    for name, get_state in app._build_persistence_save_dict().items():
        try:
            state = get_state()
            text = json.dumps(state, default=persistence._json_default)
        except RuntimeError:  # it changed while it was read: the next look takes it
            continue
        if state is not None and written.get(name) != text:
            persistence.save_state(name, state)
            written[name] = text
