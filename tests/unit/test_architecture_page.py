"""docs/architecture.md names every state of every definition, where a reader looks for it."""

import re

import pytest

from tests.templates import ROOT, definition, states

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## Workflow `(?P<file>[^`]+)`\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = {found["file"]: found["text"] for found in SECTION.finditer(PAGE)}
ROWS = re.compile(r"^\| (`[^|]+) \|", re.MULTILINE)
FILES = sorted(path.name for path in (ROOT / "statemachine").iterdir())


def told(file: str) -> list[str]:
    """The states that the section of a definition has rows for."""
    return [name for row in ROWS.findall(SECTIONS.get(file, "")) for name in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("file", FILES)
def test_every_state_has_its_row(file):
    missing = states(definition(file)).keys() - set(told(file))
    assert not missing, f"docs/architecture.md, section Workflow `{file}`: no row names {sorted(missing)}"


@pytest.mark.parametrize("file", FILES)
def test_no_state_has_two_rows(file):
    assert len(told(file)) == len(set(told(file)))


def test_the_page_names_nothing_that_is_not_there():
    assert sorted(SECTIONS) == FILES
    for file in FILES:
        assert set(told(file)) <= states(definition(file)).keys()


def test_the_data_bucket_and_the_state_table_are_told_of():
    """What the code calls its items and prefixes stands on the page."""
    from customlabels import feedback, leases, locks, records, uploads, watching

    named = (
        leases.PREFIX,
        locks.ITEM,
        records.PREFIX,
        watching.GUARD,
        watching.REST,
        uploads.PREFIX,
        feedback.COUNTS,
    )
    assert [one for one in named if f"`{one}" not in PAGE] == []
    folders = (feedback.waiting_partition("PROJECT"), feedback.reviewed_partition("PROJECT"), feedback.PREFIX)
    assert [one for one in folders if f"`{one}" not in PAGE] == []
