"""What Report ships: versions that are tested here, a size that Lambda takes, and nothing of the rest."""

import ast
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.templates import source
from tests.unit.test_shipped import pins

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "report"
LIMIT = 250_000_000  # bytes that Lambda takes unzipped, layers included


@pytest.mark.parametrize("runtime", source("template.yaml")["Parameters"]["Runtime"]["AllowedValues"])
def test_each_runtime_gets_everything(runtime: str) -> None:
    found = pins(FOLDER / "requirements.txt", runtime.removeprefix("python"))
    assert {"matplotlib", "numpy", "pillow", "jinja2", "aws-lambda-powertools", "python-dateutil"} <= set(found)


def needed(name: str, known: set[str]) -> Iterator[str]:
    """The distribution, and those that it requires."""
    if name in known:
        return
    known.add(name)
    yield name
    for text in distribution(name).requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name.lower().replace("_", "-"), known)


def test_its_package_is_well_below_what_lambda_takes() -> None:
    known: set[str] = set()
    size = 0
    for pinned in pins(FOLDER / "requirements.txt"):
        for name in needed(pinned, known):
            files = distribution(name).files or []
            size += sum(Path(str(file.locate())).stat().st_size for file in files if file.suffix != ".pyc")
    size += sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    assert {"matplotlib", "numpy", "pillow", "fonttools", "jinja2"} <= known
    assert 50_000_000 < size < 0.7 * LIMIT


def test_it_imports_nothing_outside_its_folder() -> None:
    imported: set[str] = set()
    for file in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add((node.module or "").partition(".")[0])
    assert "reporting" in imported
    assert imported.isdisjoint({"customlabels", "functions", "local", "cli", "tests", "report"})
