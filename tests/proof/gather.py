"""What tests note while they run, brought together from all processes, judged and printed at the end.

    note("paths", "train", "Plan", "catch", "0")      # anywhere in a test
    reports.append(report)                            # once, in a module that tests.conftest imports

A report reads what was noted and gives a table.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

_noted: dict[str, set[tuple[str, ...]]] = {}


@dataclass(frozen=True)
class Table:
    """What a report prints, with a sentence for each thing that was `wrong`, or that no test has shown."""

    title: str
    lines: list[str]
    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def faults(self, config: pytest.Config) -> list[str]:
        """What fails the run: something is missing only where every test was to run."""
        return [*self.wrong, *(self.missing if whole(config) else [])]


reports: list[Callable[[], Table | None]] = []  # each gives None where no test has noted anything for it


def note(kind: str, *fact: str) -> None:
    """Note a fact of a kind, for the report that asks for it; noted twice is noted once."""
    _noted.setdefault(kind, set()).add(fact)


def noted(kind: str) -> set[tuple[str, ...]]:
    """What was noted of a kind: in the first process, after its tests, by all of them."""
    return _noted.get(kind, set())


# Hooks of pytest, which tests.conftest takes over.


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what a process of xdist has noted; the first one fails where a report finds fault."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["noted"] = json.dumps({kind: sorted(facts) for kind, facts in _noted.items()})
    elif session.exitstatus == 0 and any(table.faults(session.config) for table in tables()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a process of xdist has noted; one that broke down hands over nothing."""
    for kind, facts in json.loads(getattr(node, "workeroutput", {}).get("noted", "{}")).items():
        for fact in facts:
            note(kind, *fact)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print every table, and what fails the run."""
    for table in tables():
        terminalreporter.section(table.title)
        for line in table.lines:
            terminalreporter.write_line(line)
        for sentence in table.faults(config):
            terminalreporter.write_line(sentence, red=True)


def tables() -> list[Table]:
    return [table for report in reports if (table := report()) is not None]


def whole(config: pytest.Config) -> bool:
    """Whether every test was asked for."""
    options = ("keyword", "markexpr", "lf", "deselect")
    chosen = any(getattr(config.option, name, None) for name in options)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
