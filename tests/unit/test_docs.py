"""docs/local-cloud.md is what the code says."""

from dataclasses import fields
from pathlib import Path

import pytest

from local import docs
from local.limits import Limits
from local.rekognition.choices import CHOICES
from local.rekognition.service import OPERATIONS
from local.rekognition.settings import Settings


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check"]) == 0, capsys.readouterr().err


def test_the_page_has_everything() -> None:
    page = docs.PAGE.read_text(encoding="utf-8")
    names = [*OPERATIONS, *(item.name for kind in (Settings, Limits) for item in fields(kind))]
    assert [name for name in names if f"| `{name}` |" not in page] == []
    assert len(OPERATIONS) == 23


def test_every_operation_says_what_it_does() -> None:
    assert [name for name, operation in OPERATIONS.items() if not operation.__doc__] == []


def test_every_choice_names_settings_that_exist() -> None:
    known = {item.name for item in fields(Settings)}
    named = {name for choice in CHOICES for name in choice.settings}
    assert named <= known
    # A setting that decides between two behaviours, or between errors, is an answer to an open question.
    decisions = {
        item.name for item in fields(Settings) if isinstance(item.default, bool) or item.name.endswith("_error")
    }
    assert decisions - named == set()


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no table operations"):
        docs.generated("# Nothing\n")


def test_a_page_that_is_out_of_date_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = docs.PAGE.read_text(encoding="utf-8")
    old = tmp_path / "page.md"
    old.write_text(page.replace("| `CreateProject` |", "| `Create` |"), encoding="utf-8")
    monkeypatch.setattr(docs, "PAGE", old)
    assert docs.main(["--check"]) == 1
    assert "run python -m local.docs" in capsys.readouterr().err
    assert docs.main([]) == 0
    assert old.read_text(encoding="utf-8") == page
