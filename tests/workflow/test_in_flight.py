"""Runs that a deployment meets in the middle of their training: the payloads of the release before still work."""

import json
import re

import pytest

from tests.conftest import TIMES
from tests.context import CONTEXT
from tests.stack import deployed
from tests.templates import source
from tests.workflow import in_flight

FILES = sorted(in_flight.FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def cloud():
    """A cloud on which the same runs have gone by, and what the recorded names are there."""
    with deployed(TIMES) as stack:
        results = [result for result, _ in in_flight.runs(stack)]
        yield stack, in_flight.names(stack, results)


def lacks(old, new, at="result"):
    """Where `new` lacks a key that `old` has."""
    if isinstance(old, dict):
        for key, value in old.items():
            if not isinstance(new, dict) or key not in new:
                yield f"{at}.{key}"
            else:
                yield from lacks(value, new[key], f"{at}.{key}")


def test_there_is_something_to_hold_on_to():
    states = {path.stem.split("-", 1)[1] for path in FILES}
    assert {"CheckTraining", "Evaluate", "CheckModel", "Promote", "CheckStopped", "CleanUp"} <= states


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_payload_still_gives_what_its_definition_reads(cloud, path):
    stack, known = cloud
    text = re.sub(r"<[^<>\"]+>", lambda found: known.get(found[0], found[0]), path.read_text())
    recorded = json.loads(text)
    state = path.stem.split("-", 1)[1]
    function = next(
        name for name in sorted(stack.cloud.functions, key=len, reverse=True) if state.startswith(name)
    )
    module = source("template.yaml")["Resources"][function]["Properties"]["Handler"].removesuffix(".handler")
    result = stack.modules[module].handler(recorded["event"], CONTEXT)
    assert list(lacks(recorded["result"], json.loads(json.dumps(result)))) == []
