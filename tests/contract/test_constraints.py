"""Every constraint that the API model declares, broken once on the wire: SDKs check only some of them."""

import pytest

from local.rekognition.service import OPERATIONS
from tests.contract.model import broken, example, operation_model
from tests.contract.sockets import Socket, declared

FIRST = "Request has invalid parameters: "


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_constraint_of_the_model(socket: Socket, operation: str) -> None:
    shape = operation_model(operation).input_shape
    assert shape is not None
    whole = socket.raw(operation, example(shape))
    assert not whole.content.get("Message", "").startswith(FIRST), whole.content
    for case in broken(operation):
        answer = socket.raw(operation, case.content)
        told = f"{case.constraint} of {case.member}: {answer.content}"
        assert (answer.status, answer.code) == (400, case.code), told
        assert answer.headers["x-amzn-errortype"] == case.code, told
        assert answer.content["Code"] == case.code, told
        if case.code == "InvalidParameterException":
            assert answer.content["Message"].startswith(f"{FIRST}{case.member} "), told
            assert case.code in declared(operation), told


def test_there_are_constraints_of_every_kind() -> None:
    found = {case.constraint for operation in OPERATIONS for case in broken(operation)}
    plain = {"required", "type", "minimum", "maximum", "pattern", "enum"}
    assert found == plain | {"key minimum", "key maximum", "key pattern"}


def test_what_is_no_request(socket: Socket) -> None:
    for content in (b"{", [], "text", 1):
        answer = socket.raw("CreateProject", content)
        assert (answer.status, answer.code) == (400, "InvalidParameterException")
    answer = socket.raw("DetectFaces", {})
    assert (answer.status, answer.code) == (400, "UnknownOperationException")
    assert "CreateProjectVersion" in answer.content["Message"]
