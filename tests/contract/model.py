"""The API model as a contract: valid requests, each constraint broken once, and answers that fit."""

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.parsers import create_parser

PREFIX = "arn:aws:rekognition:us-east-1:123456789012:project/parts"
# Strings that fit the patterns of the model, tried in this order; ARNs of nothing that exists.
STRINGS = (
    "parts",
    f"{PREFIX}/1800000000000",
    f"{PREFIX}/dataset/train/1800000000000",
    f"{PREFIX}/version/v1/1800000000000",
    "0a",
    "1.0",
    "{}",
)
NOT_STRINGS = ("no such", "a b", "-", " ", "{", "\u20ac", "\n", "é" * 25)
# An extra that no operation declares, and that the service answers for a page above the maximum.
UNDECLARED = {"ValidationException"}


@cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("rekognition")


def operation_model(operation: str) -> OperationModel:
    return service_model().operation_model(operation)


@dataclass(frozen=True)
class Broken:
    """A request with one constraint broken: which one, of which member, and what has to be said of it."""

    constraint: str
    member: str
    content: dict[str, Any]
    code: str


def example(shape: Shape, depth: int = 0) -> Any:
    """A value with every member that fits the shape, as JSON."""
    if isinstance(shape, StructureShape):
        return {name: example(member, depth + 1) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [example(shape.member, depth + 1)] * max(1, shape.metadata.get("min", 1))
    if isinstance(shape, MapShape):
        return {example(shape.key): example(shape.value)}
    if shape.type_name == "string":
        if "enum" in shape.metadata:
            return shape.metadata["enum"][0]
        return next(text for text in STRINGS if fits(shape, text))
    values: dict[str, Any] = {"blob": "QUFB", "boolean": True, "timestamp": 1.0}
    return values.get(shape.type_name, shape.metadata.get("min", 1))


def fits(shape: Shape, text: str) -> bool:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10**9)
    return least <= len(text) <= most and matches(shape, text)


def matches(shape: Shape, text: str) -> bool:
    """Whether a text matches the pattern, in which Python does not know the classes of Unicode's categories."""
    pattern = shape.metadata.get("pattern", ".*")
    for theirs, ours in ((r"\p{L}", "a-zA-Z"), (r"\p{N}", "0-9"), (r"\p{Z}", " ")):
        pattern = pattern.replace(theirs, ours)
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def broken(operation: str) -> Iterator[Broken]:
    """Each declared constraint of the operation's request, broken in an otherwise valid request."""
    shape = operation_model(operation).input_shape
    assert shape is not None
    whole = example(shape)
    for constraint, member, steps, value in _breaks(shape, "", ()):
        content = copy.deepcopy(whole)
        target = content
        for step in steps[:-1]:
            target = target[step]
        if constraint == "required":
            del target[steps[-1]]
        elif steps[-1] is KEY:
            target.clear()
            target[value] = "1"
        else:
            target[steps[-1]] = value
        paged = constraint == "maximum" and member == "MaxResults"
        yield Broken(constraint, member, content, "ValidationException" if paged else "InvalidParameterException")


KEY = object()  # the step to the key of a map's entry
Break = tuple[str, str, tuple[Any, ...], Any]


def _breaks(shape: Shape, path: str, steps: tuple[Any, ...]) -> Iterator[Break]:
    """(constraint, member as errors name it, steps to it, bad value)."""
    if steps:
        wrong: Any = 1 if shape.type_name in ("string", "blob", "boolean", "list", "map", "structure") else "1"
        yield "type", path, steps, wrong
        yield from _sizes(shape, path, steps)
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            inner = f"{path}.{name}" if path else name
            if name in shape.required_members:
                yield "required", inner, (*steps, name), None
            yield from _breaks(member, inner, (*steps, name))
    elif isinstance(shape, ListShape):
        yield from _breaks(shape.member, f"{path}[0]", (*steps, 0))
    elif isinstance(shape, MapShape):
        key = example(shape.key)
        for constraint, _, _, value in _sizes(shape.key, path, steps):
            yield f"key {constraint}", f"{path} (key)", (*steps, KEY), value
        yield from _breaks(shape.value, f"{path}.{key}", (*steps, key))


def _sizes(shape: Shape, path: str, steps: tuple[Any, ...]) -> Iterator[Break]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    sized: dict[str, Callable[[int], Any]] = {
        "string": lambda size: "x" * size,
        "blob": lambda size: _base64(size),
        "list": lambda size: [example(shape.member)] * size,  # type: ignore[attr-defined]
        "map": lambda size: {f"k{number}": "1" for number in range(size)},
    }
    make = sized.get(shape.type_name, lambda size: size)
    if least is not None and (least > 0 or shape.type_name not in sized):
        yield "minimum", path, steps, make(least - 1)
    if most is not None:
        yield "maximum", path, steps, make(most + 1)
    if "enum" in shape.metadata:
        yield "enum", path, steps, "NONE_OF_THEM"
    if "pattern" in shape.metadata:
        size = (shape.metadata.get("min", 0), shape.metadata.get("max", 10**9))
        bad = [text for text in NOT_STRINGS if size[0] <= len(text) <= size[1] and not matches(shape, text)]
        if bad:
            yield "pattern", path, steps, bad[0]


def _base64(size: int) -> str:
    import base64

    return base64.b64encode(bytes(size)).decode()


def check_answer(operation: str, status: int, content: dict[str, Any]) -> None:
    """AssertionError unless an answer is one of the model: its members, their types, and its error's code."""
    model = operation_model(operation)
    if status != 200:
        codes = {shape.name for shape in model.error_shapes} | UNDECLARED
        assert content["__type"] in codes, f"{operation} does not declare {content['__type']}"
        return
    if model.output_shape is not None:
        _check(model.output_shape, content, operation)


def _check(shape: Shape, value: Any, path: str) -> None:
    if isinstance(shape, StructureShape):
        unknown = value.keys() - shape.members.keys()
        assert not unknown, f"{path} has members that the model does not have: {unknown}"
        missing = set(shape.required_members) - value.keys()
        assert not missing, f"{path} lacks {missing}"
        for name, item in value.items():
            _check(shape.members[name], item, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for item in value:
            _check(shape.member, item, f"{path}[]")
    elif isinstance(shape, MapShape):
        for item in value.values():
            _check(shape.value, item, f"{path}{{}}")
    else:
        kinds = {"string": str, "boolean": bool, "integer": int, "long": int, "blob": str}
        kind: Any = kinds.get(shape.type_name, (int, float))
        assert isinstance(value, kind), f"{path} is {value!r}, no {shape.type_name}"
        if shape.type_name == "string":
            assert fits(shape, value), f"{path} is {value!r}, which breaks {dict(shape.metadata)}"
            assert value in shape.metadata.get("enum", [value]), f"{path} is {value!r}"


def parsed(operation: str, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """What botocore makes of an answer."""
    response = {"status_code": status, "headers": headers, "body": body}
    result: dict[str, Any] = create_parser("json").parse(response, operation_model(operation).output_shape)
    return result
