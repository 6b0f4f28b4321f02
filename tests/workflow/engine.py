"""Runs a workflow's definition on the test cloud and says what it did.

with moto.cloud(functions={"Plan": plan.handler}) as cloud:
    machine = engine.Machine(cloud, "train", {"PlanArn": cloud.functions["Plan"], …})
    result = machine.run({"project": "custom-labels-parts"})
    assert result.states[-1] == "Done"
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.moto import Cloud
from tests.proof import paths

DEFINITIONS = Path(__file__).resolve().parents[2] / "statemachine"
SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
RUN_SECONDS = 60.0


@dataclass(frozen=True)
class Result:
    """How an execution ended; `states` are the names of the states entered, in order, with those of branches."""

    arn: str
    status: str
    error: str | None
    cause: str | None
    output: Any
    states: list[str]
    events: list[dict[str, Any]] = field(repr=False)


def definition(name: str, substitutions: Mapping[str, str]) -> dict[str, Any]:
    """The definition in `statemachine/<name>.asl.json` with each "${Name}" in its strings replaced.

    KeyError if a name has no value; a substitution stands in a string, as the file has to be JSON as it stands.
    """
    text = (DEFINITIONS / f"{name}.asl.json").read_text()
    replaced: dict[str, Any] = _replaced(json.loads(text), substitutions)
    return replaced


def _replaced(value: Any, substitutions: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return SUBSTITUTION.sub(lambda found: substitutions[found[1]], value)
    if isinstance(value, dict):
        return {key: _replaced(item, substitutions) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, substitutions) for item in value]
    return value


def names(workflow: Mapping[str, Any]) -> set[str]:
    """The names of the substitutions that a definition, as it stands in its file, asks for."""
    return set(SUBSTITUTION.findall(json.dumps(workflow)))


class Machine:
    """A state machine on the test cloud, made from a file's name or from a definition itself."""

    def __init__(
        self, cloud: Cloud, source: str | Mapping[str, Any], substitutions: Mapping[str, str] | None = None
    ) -> None:
        self.cloud = cloud
        self.client = cloud.client("stepfunctions")
        if paths.taken not in cloud.taken:
            cloud.taken.append(paths.taken)
        values = substitutions or {}
        workflow = definition(source, values) if isinstance(source, str) else _replaced(source, values)
        name = source if isinstance(source, str) else "machine"
        # The same on each cloud: a definition that names another machine is then parsed once.
        number = len(self.client.list_state_machines()["stateMachines"])
        self.arn = self.client.create_state_machine(
            name=f"{name}-{number:08x}", definition=json.dumps(workflow), roleArn=cloud.role
        )["stateMachineArn"]

    def start(self, payload: Any = None, name: str | None = None) -> str:
        """Start an execution and return its ARN."""
        started = self.client.start_execution(
            stateMachineArn=self.arn,
            name=name or f"run-{uuid.uuid4().hex[:8]}",
            input=json.dumps({} if payload is None else payload),
        )
        arn: str = started["executionArn"]
        return arn

    def run(
        self,
        payload: Any = None,
        *,
        name: str | None = None,
        stop_at: str | None = None,
        seconds: float = RUN_SECONDS,
    ) -> Result:
        """Run an execution to its end, or stop it as soon as it enters the state `stop_at`, before that acts."""
        with ExitStack() as undo:
            if stop_at is not None:
                undo.enter_context(stopping_at(self.cloud, stop_at))
            return self.result(self.start(payload, name), seconds)

    def result(self, execution: str, seconds: float = RUN_SECONDS) -> Result:
        """The result of an execution once it has ended; TimeoutError, with its states, after `seconds`."""
        if not self.cloud.wait(execution, seconds):
            entered = self.states(execution)
            self.client.stop_execution(executionArn=execution)
            raise TimeoutError(f"The execution still runs after {seconds:g} seconds; it entered {entered}.")
        found = self.client.describe_execution(executionArn=execution)
        events = self.events(execution)
        output = found.get("output")
        return Result(
            arn=execution,
            status=found["status"],
            error=found.get("error"),
            cause=found.get("cause"),
            output=None if output is None else json.loads(output),
            states=_entered(events),
            events=events,
        )

    def states(self, execution: str) -> list[str]:
        """The states that an execution has entered until now."""
        return _entered(self.events(execution))

    def events(self, execution: str) -> list[dict[str, Any]]:
        """The whole history of an execution, oldest event first."""
        return self.cloud.history(execution)


@contextmanager
def stopping_at(cloud: Cloud, state: str) -> Iterator[None]:
    """While this is open, each execution is stopped when it enters `state`, before the state does anything."""
    client = cloud.client("stepfunctions")

    def stop(execution: str, entered: str) -> None:
        if entered == state:
            client.stop_execution(executionArn=execution)

    cloud.entered.append(stop)
    try:
        yield
    finally:
        cloud.entered.remove(stop)


def _entered(events: list[dict[str, Any]]) -> list[str]:
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
