"""Reads the templates as SAM and CloudFormation do, so that no test keeps a second copy of what they say."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parent.parent
NAMES = ("template.yaml", "inference.yaml")
NO_VALUE = {"Ref": "AWS::NoValue"}


@cache
def source(name: str) -> dict[str, Any]:
    """The template as it is written; read once, and not to be changed."""
    return yaml_parse((ROOT / name).read_text())


@cache
def transformed(name: str) -> dict[str, Any]:
    """The template as SAM hands it to CloudFormation; built code stands in for local folders."""
    template = deepcopy(source(name))
    template.setdefault("Globals", {}).setdefault("Function", {}).pop("CodeUri", None)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://built/code"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = "s3://built/definition"
    needed = {name: "given" for name, of in template["Parameters"].items() if "Default" not in of}
    with mock.patch.dict("os.environ", AWS_DEFAULT_REGION="us-east-1"):
        return Translator({}, Parser()).translate(template, needed)


def conditional(name: str, **parameters: str) -> dict[str, Any]:
    """The resources that a deployment with these parameters makes: what their conditions leave of the template."""
    template = transformed(name)
    given = {**defaults(name), **parameters}
    met = {key: _met(of, given) for key, of in template["Conditions"].items()}
    chosen = {key: of for key, of in template["Resources"].items() if met.get(of.get("Condition"), True)}
    return _chosen(chosen, met)


def _met(condition: Any, given: dict[str, str]) -> Any:
    """Whether a condition holds; parameters without a default compare as no text does."""
    if not isinstance(condition, dict):
        return condition
    ((name, of),) = condition.items()
    if name == "Fn::Not":
        return not _met(of[0], given)
    if name == "Fn::Equals":
        return _met(of[0], given) == _met(of[1], given)
    if name == "Fn::Join":
        return of[0].join([_met(of[1], given)])
    assert name == "Ref", f"{name} is not known here"
    return given.get(of)


def _chosen(value: Any, met: dict[str, bool]) -> Any:
    """A value with each Fn::If decided, and without what is NoValue then."""
    if isinstance(value, list):
        return [of for of in (_chosen(each, met) for each in value) if of != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        return _chosen(then if met[condition] else otherwise, met)
    return {key: of for key, of in ((key, _chosen(each, met)) for key, each in value.items()) if of != NO_VALUE}


def defaults(name: str) -> dict[str, str]:
    """Every parameter's default, as the text that a function's environment would hold."""
    return {key: str(of["Default"]) for key, of in source(name)["Parameters"].items() if "Default" in of}


def environment(name: str, function: str, resources: dict[str, str]) -> dict[str, str]:
    """The variables that a template gives a function, and no others; `resources` says what is deployed."""
    template = source(name)
    known = {**defaults(name), "AWS::StackName": "custom-labels", **resources}
    variables: dict[str, str] = {}
    for properties in (
        template.get("Globals", {}).get("Function", {}),
        template["Resources"][function]["Properties"],
    ):
        for key, value in properties.get("Environment", {}).get("Variables", {}).items():
            variables[key] = _resolved(value, known, template)
    return variables


def _resolved(value: Any, known: dict[str, str], template: dict[str, Any]) -> Any:
    """A value with its Ref, and its If on a condition that compares a parameter with a text, worked out."""
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        of, text = template["Conditions"][condition]["Fn::Equals"]
        return _resolved(then if known[of["Ref"]] == text else otherwise, known, template)
    return known[value["Ref"]]


def definition(name: str) -> dict[str, Any]:
    """A definition as it stands, which must be valid JSON without any substitution."""
    return json.loads((ROOT / "statemachine" / name).read_text())


def branches(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The state machines within a state: the branches of a Parallel, or what a Map does with each item."""
    return [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]


def states(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All states of a definition, those in branches and Maps included; a name must stand once only."""
    found: dict[str, dict[str, Any]] = {}
    for name, state in definition["States"].items():
        inner = [states(branch) for branch in branches(state)]
        for group in ({name: state}, *inner):
            twice = found.keys() & group.keys()
            assert not twice, f"{twice} stand more than once"
            found |= group
    return found
