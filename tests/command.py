"""The operator's command as a process of its own, on the test cloud that this process has opened."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.templates import ROOT

SECONDS = 120


class Ended(NamedTuple):
    """How a process ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def process(*arguments: object, cwd: Path = ROOT, **variables: str) -> Ended:
    """Run `python -m cli …` to its end, with this process's environment and more variables."""
    known = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    ended = subprocess.run(
        command, cwd=cwd, env=known, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def run_as_processes(folder: Path) -> set[tuple[str, ...]]:
    """The commands, with a subcommand where there is one, that the tests of a folder run as processes.

    Read from their source, since tests of other files run in other processes: what follows `-m cli` in a list, and
    the arguments of the function around that list where it passes them on.
    """
    found: set[tuple[str, ...]] = set()
    for file in sorted(folder.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if '"cli"' in text or "tests.command" in text:
            found |= _of_file(ast.parse(text))
    return found


def _of_file(tree: ast.Module) -> set[tuple[str, ...]]:
    runners = {"process": ()} if _imports_process(tree) else {}
    found = set()
    for function, words, passes_on in _lists(tree):
        if passes_on and function:
            runners[function] = words
        elif words:
            found.add(words)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in runners:
            found.add((*runners[node.func.id], *_words(node.args)))
    return found


def _imports_process(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "tests.command"
        and any(one.name == process.__name__ for one in node.names)
        for node in ast.walk(tree)
    )


def _lists(tree: ast.AST, function: str | None = None) -> Iterator[tuple[str | None, tuple[str, ...], bool]]:
    """For each list with `-m cli`: the function that it stands in, what follows, and whether arguments do."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef) else function
        if isinstance(node, ast.List | ast.Tuple):
            values = [one.value if isinstance(one, ast.Constant) else None for one in node.elts]
            for at in range(len(values) - 1):
                if values[at : at + 2] == ["-m", "cli"]:
                    rest = node.elts[at + 2 :]
                    yield inside, _words(rest), any(isinstance(one, ast.Starred) for one in rest)
        yield from _lists(node, inside)


def _words(nodes: list[ast.expr]) -> tuple[str, ...]:
    """The words at the beginning that are written out and are no options."""
    words: list[str] = []
    for node in nodes:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or node.value.startswith("-"):
            break
        words.append(node.value)
    return tuple(words)
