"""What ships to Lambda is pinned whole, with hashes, and is what the tests ran with."""

from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local.audit import SHIPPED
from local.venvs import pinned
from tests.templates import ROOT, source

RUNTIMES = source("template.yaml")["Parameters"]["Runtime"]["AllowedValues"]


def pins(file: Path, python: str = "3.13") -> dict[str, str]:
    """The versions that a file pins for a version of Python."""
    about = {"python_version": python, "python_full_version": f"{python}.0"}
    found = [Requirement(line) for line in pinned(file)]
    held = [one for one in found if one.marker is None or one.marker.evaluate(about)]
    assert len({one.name for one in held}) == len(held)
    return {one.name: str(one.specifier).removeprefix("==") for one in held}


@pytest.mark.parametrize("file", SHIPPED)
def test_what_ships_is_what_is_tested(file):
    tested = pins(ROOT / "requirements-dev.txt")
    for name, shipped in pins(ROOT / file).items():
        assert version(name) == shipped
        assert tested.get(name, shipped) == shipped, name


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("file", SHIPPED)
def test_each_runtime_gets_what_is_asked_for(file, runtime):
    python = runtime.removeprefix("python")
    asked, locked = (pins((ROOT / file).with_suffix(end), python) for end in (".in", ".txt"))
    assert asked.items() <= locked.items(), "run make lock"


@pytest.mark.parametrize("file", SHIPPED)
def test_everything_that_ships_has_hashes(file):
    text = (ROOT / file).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []
