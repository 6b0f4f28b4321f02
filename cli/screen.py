"""What the operator sees: lines, one live line, tables; or with --json JSON on stdout."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.status import Status
from rich.table import Table

from cli.errors import told
from cli.exits import Exit

_WIDE = 160  # columns where there is no terminal: a file or a pipe takes lines of any length
_FOLDED = 24  # columns that the first column of a table keeps at least; longer texts in it fold
_GAP = 2
_NOTHING = ("", "-")  # what stands in a cell for which there is no value
_SECONDS_BETWEEN_LINES = 30  # of progress where there is no terminal to redraw


class Screen:
    """Text goes to stdout; with `machine` it goes to stderr, and stdout holds only the JSON result.

    That is one document, or with `lines` a line for each value.
    """

    def __init__(self, machine: bool = False, lines: bool = False) -> None:
        self.machine = machine
        self.has_lines = lines
        self._console = Console(stderr=machine, highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal and "COLUMNS" not in os.environ:
            self._console.width = _WIDE
        self._errors = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._status: Status | None = None
        self._last_progress = time.monotonic()

    def line(self, text: str = "", style: str | None = None) -> None:
        """Print a line; long ones are left whole, so that an ARN or a command can be copied."""
        self._console.print(text, style=style, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows under a title; columns after the first that hold numbers are right-aligned.

        Where the terminal is too narrow for that, each row is a paragraph.
        """
        if _width(columns, rows) > self._console.width:
            self.line(title, style="bold")
            for row in rows:
                self.line(row[0], style="bold")
                for text in _flowed(columns, row, self._console.width):
                    self.line(text)
            return
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="bold")
        for index, column in enumerate(columns):
            numeric = index > 0 and all(_is_number(row[index]) for row in rows)
            # A label may have 255 characters: the first column gives way and folds, nothing is cut off.
            table.add_column(column, justify="right" if numeric else "left", no_wrap=index > 0, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def error(self, text: str, name: str = Exit.Failed.name) -> None:
        """Print what went wrong on stderr; with `machine` also as `{"error": {"name", "message"}}` on stdout."""
        self.complain(text)
        self.failure(text, name)

    def failure(self, text: str, name: str) -> None:
        """The same as JSON only, where stderr has it already."""
        self.result({"error": told(name, text)})

    def complain(self, text: str) -> None:
        """Print on stderr what went wrong with a part; the result tells it too."""
        self._errors.print(text, style="red", soft_wrap=True)

    def result(self, value: Any) -> None:
        """Print the JSON result, with `machine` only: people have read it already."""
        if self.machine:
            sys.stdout.write(json.dumps(value, indent=None if self.has_lines else 2, default=_plain) + "\n")
            sys.stdout.flush()

    def event(self, kind: str, **values: Any) -> None:
        """Print one of the JSON lines; where one document is asked for, or none, its result will tell."""
        if self.has_lines:
            self.result({"event": kind, **values})

    @contextmanager
    def live(self) -> Iterator[None]:
        """While inside, `progress` redraws one line at the bottom of the terminal."""
        self._last_progress = time.monotonic()
        with self._console.status("") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def progress(self, text: str) -> None:
        """Say what goes on: the live line on a terminal, elsewhere a line every 30 s."""
        if self._console.is_terminal:
            if self._status:
                self._status.update(text)
        elif time.monotonic() - self._last_progress >= _SECONDS_BETWEEN_LINES:
            self._last_progress = time.monotonic()
            self.line(f"… {text}")

    @contextmanager
    def transfer(self, title: str, files: int, size: int) -> Iterator[Callable[[int], None]]:
        """A bar over so many files and bytes; call what it gives with the bytes of each file that is done."""
        self._last_progress = time.monotonic()
        done = 0
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[files]}"))
        more = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(
            *columns, *more, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as bar:
            task = bar.add_task(title, total=size, files=f"0/{files:,} files")

            def told(bytes_done: int) -> None:
                nonlocal done
                done += 1
                bar.update(task, advance=bytes_done, files=f"{done:,}/{files:,} files")
                if not self._console.is_terminal:
                    self.progress(f"{title}: {done:,} of {files:,} files")

            yield told


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The columns of a terminal that a table needs."""
    widest = [max(map(cell_len, texts)) for texts in zip(columns, *rows, strict=True)]
    return min(widest[0], _FOLDED) + sum(width + _GAP for width in widest[1:])


def _flowed(columns: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """The cells after a row's first, each after its column's name, in lines that are full."""
    line = ""
    for name, text in zip(columns[1:], row[1:], strict=True):
        if text in _NOTHING:
            continue
        cell = f"{name} {text}"
        if line and cell_len(line) + _GAP + cell_len(cell) > width:
            yield line
            line = ""
        line += f"{' ' * _GAP}{cell}"
    if line:
        yield line


def _is_number(text: str) -> bool:
    return text in _NOTHING or text.replace(".", "", 1).isdigit()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
