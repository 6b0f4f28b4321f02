"""The OpenAPI document: made from the code, whole, and true of the template."""

import base64
import json

import pytest
from customlabels.refusals import CODES
from customlabels.requests import read_request
from openapi_spec_validator import validate

from local import openapi
from tests.templates import ROOT, transformed

DOCUMENT = json.loads(openapi.DOCUMENT.read_text())
OPERATIONS = {
    (path, method): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_the_file_is_what_the_code_says():
    assert openapi.main(["--check"]) == 0


def test_it_is_valid():
    validate(DOCUMENT)


def test_it_has_every_route_of_the_template_and_no_other():
    api = transformed("inference.yaml")["Resources"]["Api"]["Properties"]["Body"]
    deployed = {
        (path, method): of
        for path, methods in api["paths"].items()
        for method, of in methods.items()
        if method != "options" and path not in ("/", "/page/{name}")  # the page, which is for people
    }
    assert deployed.keys() == OPERATIONS.keys()
    for route, of in deployed.items():
        assert OPERATIONS[route]["security"] == of.get("security", []), route


def test_every_error_has_an_example_of_each_of_its_codes():
    told = set()
    for operation in OPERATIONS.values():
        for status, answer in operation["responses"].items():
            assert "X-Request-Id" in answer["headers"]
            if int(status) >= 400:
                examples = answer["content"]["application/json"]["examples"]
                assert {CODES[code].status for code in examples} == {int(status)}
                assert all(of["value"]["code"] == code for code, of in examples.items())
                told |= set(examples)
    assert told | {"NotFound"} == set(CODES), "NotFound is of no route"


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_the_examples_of_a_prediction_are_accepted(kind):
    content = OPERATIONS["/predictions", "post"]["requestBody"]["content"][kind]
    for example in [of["value"] for of in content.get("examples", {}).values()] or [content["example"]]:
        body = example if isinstance(example, str) else json.dumps(example)
        assert read_request({"headers": {"Content-Type": kind}, "body": body})
    assert base64.b64decode(openapi.PICTURE)


def test_the_readme_lists_every_code_with_its_status_and_meaning():
    readme = (ROOT / "README.md").read_text()
    for code, of in CODES.items():
        assert f"| {of.status} | `{code}` | {of.when} |" in readme
