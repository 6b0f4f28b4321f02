"""One id from the execution to each line of the log, to the event and to the message."""

import logging

import pytest
from aws_lambda_powertools import Logger

from tests.stack import PROJECT

SERVICE = "custom-labels"  # the stack's name in tests.templates.environment


class Heard(logging.Handler):
    """What stands in each line of the log beside its message."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.getMessage(), Logger(service=SERVICE).get_current_keys()))


@pytest.fixture
def heard():
    handler = Heard()
    logging.getLogger(SERVICE).addHandler(handler)
    yield handler.lines
    logging.getLogger(SERVICE).removeHandler(handler)


def test_every_line_of_a_run_bears_its_execution(stack, images, heard):
    result = stack.run({**images, "gate": {"minimum": 0.6}}, name="first")
    assert result.status == "SUCCEEDED", result.cause
    assert {"planned", "locked", "judged", "concluded"} <= {message for message, _ in heard}
    assert {keys["correlation_id"] for _, keys in heard} == {result.arn}
    assert all(keys["function_name"] and keys["function_request_id"] for _, keys in heard)
    (told,) = stack.published()
    assert (told["execution"], told["project"]) == (result.arn, PROJECT)
    (message,) = stack.told()
    assert "run first" in message["Message"]


def test_the_clean_up_bears_the_execution_that_it_cleans_up_after(stack, images, heard):
    given = {**images, "gate": {"minimum": 0.6}}
    result = stack.run(given, name="stopped", stop_at="CheckTraining")
    assert result.status == "ABORTED"
    heard.clear()
    assert stack.ended(result, given).status == "SUCCEEDED"
    assert {keys["correlation_id"] for _, keys in heard} == {result.arn}
    (told,) = stack.published()
    assert told["execution"] == result.arn


def test_a_run_that_fails_at_once_bears_its_execution(stack, heard):
    result = stack.run({"minimum": 1}, name="bad")
    assert result.error == "InvalidInput"
    assert {message for message, _ in heard} >= {"concluded"}
    assert {keys["correlation_id"] for _, keys in heard} == {result.arn}
