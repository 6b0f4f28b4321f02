"""Starting an execution: the input as the operator gave it."""

import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cli.errors import CommandError, code, message
from cli.stack import Cloud

_SOURCES = "s3://bucket/folder/ (a child folder is a label), s3://bucket/some.manifest, or the ARN of a dataset"


def read_input(given: str | None) -> dict[str, Any]:
    """The execution input from JSON text or from a file's path; {} when none is given."""
    if given is None:
        return {}
    text, where = given, "--input"
    if not given.lstrip().startswith(("{", "[")):
        where = given
        try:
            text = Path(given).read_text()
        except OSError as error:
            raise CommandError(
                f"--input {given!r} cannot be read ({error.strerror}): give a JSON object or a JSON file."
            ) from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{where} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise CommandError(f"{where} holds a JSON {type(value).__name__}: the input is an object such as {{}}.")
    return value


def source(given: str, option: str) -> dict[str, Any]:
    """A source of the execution input for what stands after --training or --testing."""
    if given == "auto" and option == "--testing":
        return {"split": "auto"}
    if given.startswith("arn:") and "/dataset/" in given:
        return {"dataset": given}
    if given.startswith("s3://") and given.endswith(".manifest"):
        return {"manifest": given}
    if given.startswith("s3://"):
        return {"folder": given if given.endswith("/") else f"{given}/"}
    accepted = f"{_SOURCES}, or auto" if option == "--testing" else _SOURCES
    raise CommandError(f"{option} {given!r} is no source: give {accepted}.")


def request(
    given: Mapping[str, Any],
    project: str | None = None,
    training: str | None = None,
    testing: str | None = None,
    minimum: float | None = None,
    uploaded: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The execution input with the sources of an uploaded folder and the options laid over it; options win."""
    if uploaded and training:
        raise CommandError("FOLDER and --training both say what to train on: give one of them.")
    made = {**given, **(uploaded or {})}
    if project:
        made["project"] = project
    if training:
        made["training"] = source(training, "--training")
    if testing:
        made["testing"] = source(testing, "--testing")
    if minimum is not None:
        gate = made.get("gate", {})
        made["gate"] = {**(gate if isinstance(gate, dict) else {}), "minimum": minimum}
    return made


def options(sources: Mapping[str, Mapping[str, str]]) -> str:
    """The options that name these folders, as a shell takes them."""
    return " ".join(f"--{source} {shlex.quote(of['folder'])}" for source, of in sources.items())


def default_name(now: datetime, kind: str = "run") -> str:
    """An execution's name by the time; the trained version is named after it."""
    return now.strftime(f"{kind}-%Y-%m-%d-%H%M%S")


def start(cloud: Cloud, machine_arn: str, name: str, made: Mapping[str, Any]) -> str:
    """StartExecution; returns the execution's ARN, CommandError for a name that is taken or refused."""
    try:
        answer = cloud.client("stepfunctions").start_execution(
            stateMachineArn=machine_arn, name=name, input=json.dumps(made)
        )
    except ClientError as error:
        if code(error) == "ExecutionAlreadyExists":
            raise CommandError(f"An execution named {name!r} exists already: give another --name.") from error
        if code(error) in ("InvalidName", "ValidationException"):
            raise CommandError(f"--name {name!r} was refused: {message(error)}.") from error
        raise
    return str(answer["executionArn"])
