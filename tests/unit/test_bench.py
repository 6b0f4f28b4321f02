"""Each benchmark says what it is compared with, and what limits it."""

import importlib

import pytest

from bench.__main__ import NAMES, page


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_names_its_baseline_and_its_limit(name):
    about = importlib.import_module(f"bench.{name}").__doc__
    assert "imited by" in about or "imits" in about
    assert any(word in about for word in ("aseline", "against", "as a ratio to"))


def test_the_page_holds_what_each_has_printed():
    written = page({name: f"{name} printed this\n" for name in NAMES})
    for name in NAMES:
        assert f"## {name}\n" in written
        assert f"```\n{name} printed this\n```" in written
