"""The commands as one program: whatever ends it is told as JSON where --json asks for that, too."""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from cli.exits import Exit, listed
from cli.screen import Screen

JSON = "--json"
PROGRAM = "python -m cli"


def examples(*lines: str) -> str:
    """Lines to type, as a command's epilog: Typer runs together what no empty line parts."""
    return "\n\n".join(f"{PROGRAM} {line}" for line in lines)


class Commands(TyperGroup):
    """Typer's own group, which prints what it refuses on stderr only."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        """Run a command; what no command has told itself is told here, as JSON where that was asked for."""
        given = sys.argv[1:] if args is None else list(args)
        screen = Screen(machine=JSON in given)
        try:
            return super().main(args, *rest, **more)
        except SystemExit as ended:
            _tell_end(ended, screen)
            raise
        except Exception as error:
            # A fault of the command: the trace that follows on stderr is for those who mend it.
            screen.failure(f"{type(error).__name__}: {error}", Exit.Failed.name)
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Typer's help, and the exit codes below it."""
        super().format_help(ctx, formatter)
        typer.echo(listed())


def _tell_end(ended: SystemExit, screen: Screen) -> None:
    """Say that Ctrl-C ended a command that had nothing to say of it, and what Typer refused."""
    cause: Any = ended.__context__
    if isinstance(cause and cause.__cause__, KeyboardInterrupt):
        screen.error("Interrupted.", Exit.Interrupted.name)
    elif hasattr(cause, "format_message"):  # of an argument or an option, which Typer has printed on stderr
        screen.failure(cause.format_message(), Exit.Usage.name)
