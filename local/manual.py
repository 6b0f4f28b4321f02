"""The tables of docs/cli.md, from the commands themselves; `python -m local.docs` writes them."""

from collections.abc import Iterable, Iterator, Sequence
from enum import EnumType
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.main import get_command

from cli.exits import Exit
from local.docs import table

_COMMON = ("project", "stack", "local", "machine")
_KINDS = {int: "N", float: "NUMBER", Path: "PATH"}


class Entry(NamedTuple):
    """A command as it is typed, after the program; `command` is Typer's."""

    path: tuple[str, ...]
    command: Any

    @property
    def is_group(self) -> bool:
        """Whether it has commands of its own."""
        return hasattr(self.command, "commands")

    @property
    def examples(self) -> list[str]:
        """Lines to type, from its epilog; Typer shows them at the end of its --help."""
        return [line.strip() for line in (self.command.epilog or "").splitlines() if line.strip()]


def entries(app: typer.Typer) -> list[Entry]:
    """Every command that can be run, those of a group after the group."""
    return list(_entries((), get_command(app)))


def _entries(path: tuple[str, ...], command: Any) -> Iterator[Entry]:
    if path and (not hasattr(command, "commands") or command.invoke_without_command):
        yield Entry(path, command)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _entries((*path, name), inner)


def common(app: typer.Typer) -> str:
    """The options that every command takes."""
    (status,) = (one.command for one in entries(app) if one.path == ("status",))
    return _parameters(one for one in status.params if one.name in _COMMON)


def overview(app: typer.Typer) -> str:
    """Each command with what it does."""
    rows = [(f"[`{' '.join(one.path)}`](#{'-'.join(one.path)})", one.command.help) for one in entries(app)]
    return table(("command", "does"), rows)


def commands(app: typer.Typer) -> str:
    """Each command with its arguments, its options and examples."""
    return "\n".join(_section(one) for one in entries(app))


def exit_codes() -> str:
    """The table of exit codes."""
    rows = [(str(one.code), f"`{one.name}`", one.means, _listed(one.errors)) for one in Exit]
    return table(("code", "name", "means", "also for the errors"), rows)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{one}`" for one in names) or "-"


def _section(entry: Entry) -> str:
    own = [one for one in entry.command.params if one.name not in ("help", *_COMMON)]
    parts = [f"### {' '.join(entry.path)}\n", f"{entry.command.help}\n"]
    if entry.examples:
        parts.append("\n".join(["```", *entry.examples, "```", ""]))
    if own:
        parts.append(_parameters(own))
    return "\n".join(parts)


def _parameters(given: Iterable[Any]) -> str:
    rows = [(_shown(one), _means(one), _default(one)) for one in given]
    return table(("argument or option", "means", "default"), rows)


def _shown(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        kind = parameter.type_descriptor.annotation
        choices = "|".join(kind) if isinstance(kind, EnumType) else parameter.name.upper()
        name = (parameter.metavar or choices).strip("[]")
        return f"`{name}`" if parameter.required else f"`[{name}]`"
    names = "`, `".join((*parameter.opts, *parameter.secondary_opts))
    return f"`{names}`" if parameter.is_flag else f"`{names} {_kind(parameter)}`"


def _kind(parameter: Any) -> str:
    return str(parameter.metavar or _KINDS.get(parameter.type_descriptor.annotation, "TEXT"))


def _means(parameter: Any) -> str:
    least, most = parameter.min, parameter.max
    limits = f" At least {least}." if least is not None else ""
    if least is not None and most is not None:
        limits = f" From {least} to {most}."
    return f"{parameter.help or ''}{limits}"


def _default(parameter: Any) -> str:
    given = parameter.default
    return "-" if given in (None, False) or callable(given) else f"`{given}`"
