"""Completion in a shell, as Typer makes it, for a function `clabels` that runs this very command.

A shell completes by the name of a command, and `python` is not ours to complete: so the script that is printed
defines a name for `python -m cli`, which works in any folder.
"""

import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

from typer._completion_shared import get_completion_script  # where Typer keeps it; requirements-dev.txt pins Typer
from typer.completion import get_completion_inspect_parameters

NAME = "clabels"
VARIABLE = "_CLABELS_COMPLETE"  # by which the script asks what could be typed
ROOT = Path(__file__).resolve().parent.parent
_FUNCTIONS = {
    "bash": '{name}() {{ {launch} "$@"; }}',
    "zsh": '{name}() {{ {launch} "$@" }}',
    "fish": "function {name}; {launch} $argv; end",
}
# Where Typer's script calls the program, for which `env` needs a program and takes no function.
_CALLS = {"bash": "=complete_bash $1", "zsh": f"=complete_zsh {NAME}", "fish": f"(commandline -cp) {NAME}"}


class Shell(StrEnum):
    """The shells that can complete."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def script(shell: str, python: str = sys.executable, root: Path = ROOT) -> str:
    """What a shell is to read: the function `clabels`, and how it is completed."""
    launch = f"env PYTHONPATH={shlex.quote(str(root))} {shlex.quote(python)} -m cli"
    completes = get_completion_script(prog_name=NAME, complete_var=VARIABLE, shell=shell)
    call = _CALLS[shell]
    if call not in completes:
        raise RuntimeError(f"Typer's script for {shell} does not call the program as {call!r} any more.")
    completes = completes.replace(call, f"{call.rpartition(' ')[0]} {launch}")
    return f"{_FUNCTIONS[shell].format(name=NAME, launch=launch)}\n{completes}\n"


def run(app: Any) -> Any:
    """Run the program; if a shell asks, let Typer answer what could be typed."""
    if VARIABLE in os.environ:
        get_completion_inspect_parameters()  # makes the shells known to Typer, as its own options for this would
    return app(complete_var=VARIABLE)
