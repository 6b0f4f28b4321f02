"""What every command works with: the options they share, and the stack that they lead to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from cli.errors import CommandError, understood
from cli.screen import Screen
from cli.stack import Cloud, Stack, configured_name, connect, find

ProjectOption = Annotated[
    str | None, typer.Option("--project", help="The project; the stack's default when left out.")
]
StackOption = Annotated[
    str | None, typer.Option("--stack", help="The training stack; samconfig.toml's when left out.")
]
LocalOption = Annotated[bool, typer.Option("--local", help="The local cloud (`make up`) instead of AWS.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, progress on stderr.")]
LimitOption = Annotated[int, typer.Option("--timeout", min=1, help="Minutes to wait at most.")]


@dataclass(frozen=True)
class Desk:
    """What every command works with."""

    cloud: Cloud
    stack: Stack
    project: str
    screen: Screen


@contextmanager
def opened(
    project: str | None, stack: str | None, local: bool, machine: bool, lines: bool = False
) -> Iterator[Desk]:
    """Everything a command needs; any error it meets becomes a sentence and an exit code.

    With `lines`, --json prints JSON lines rather than one document.
    """
    screen = Screen(machine, lines)
    cloud = None
    try:
        cloud = connect(local, f" --stack {stack}" if stack else "")
        found = find(cloud, stack or configured_name("default"))
        yield Desk(cloud, found, found.project(project), screen)
    except CommandError as problem:
        raise _left(problem, screen) from None
    except (ClientError, BotoCoreError, HTTPClientError) as error:
        raise _left(understood(error, cloud.endpoint if cloud else None), screen) from None


def _left(problem: CommandError, screen: Screen) -> typer.Exit:
    screen.error(str(problem), problem.name)
    return typer.Exit(problem.exit.code)
