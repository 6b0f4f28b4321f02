"""Writes the tables of pages in docs/ from the code: `python -m local.docs`, or `--check` to compare only."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from local.cloud import ROOT
from local.limits import Limits
from local.rekognition.choices import CHOICES
from local.rekognition.service import OPERATIONS
from local.rekognition.settings import Settings

PAGE = ROOT / "docs" / "local-cloud.md"
COMMANDS = ROOT / "docs" / "cli.md"


def operations() -> str:
    """Every operation that is served, with what it does."""
    rows = []
    for name in sorted(OPERATIONS):
        said = (OPERATIONS[name].__doc__ or "").strip().split("\n\n")[0].rstrip(".")
        rows.append((f"`{name}`", " ".join(said.split())))
    return table(("operation", "does"), rows)


def choices() -> str:
    """Every choice, with the settings that change it."""
    rows = []
    for choice in CHOICES:
        settings = ", ".join(f"`{name}`" for name in choice.settings) or "-"
        rows.append((choice.area, choice.question, choice.here, settings))
    return table(("", "left open", "here", "setting"), rows)


def settings() -> str:
    """Every setting of the service."""
    return _fields(Settings)


def limits() -> str:
    """Every limit of the services beside it."""
    return _fields(Limits)


TABLES: dict[str, Callable[[], str]] = {
    "operations": operations,
    "choices": choices,
    "settings": settings,
    "limits": limits,
}


def tables_of_commands() -> dict[str, Callable[[], str]]:
    """The tables of docs/cli.md."""
    from cli.__main__ import app
    from local import manual  # which writes its tables with `table`

    return {
        "overview": lambda: manual.overview(app),
        "common": lambda: manual.common(app),
        "commands": lambda: manual.commands(app),
        "exit codes": manual.exit_codes,
    }


def generated(page: str, tables: Mapping[str, Callable[[], str]] = TABLES, name_of_page: str = PAGE.name) -> str:
    """The page with its tables made anew; ValueError for a table whose markers it does not have."""
    for name, make in tables.items():
        begin, end = f"<!-- {name}: written by python -m local.docs -->\n", f"<!-- end of {name} -->\n"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(
                f"{name_of_page} has no table {name}: it needs the lines {begin.strip()} and {end.strip()}"
            )
        page = f"{before}{begin}\n{make()}\n{end}{after}"
    return page


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _fields(kind: Any) -> str:
    return table(
        ("setting", "default", "what it is"),
        [(f"`{item.name}`", f"`{_shown(item.default)}`", item.metadata["doc"]) for item in fields(kind)],
    )


def _shown(value: Any) -> str:
    return (
        f"{value:_}" if isinstance(value, int) and not isinstance(value, bool) and value >= 10_000 else str(value)
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the pages; with --check, 1 if one is not what would be written."""
    parser = argparse.ArgumentParser(prog="python -m local.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    chosen = parser.parse_args(arguments)
    for path, tables in ((PAGE, TABLES), (COMMANDS, tables_of_commands())):
        page = path.read_text(encoding="utf-8")
        written = generated(page, tables, path.name)
        if chosen.check and page != written:
            sys.stderr.write(f"docs/{path.name} is not what the code says: run python -m local.docs.\n")
            return 1
        if page != written:
            path.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
