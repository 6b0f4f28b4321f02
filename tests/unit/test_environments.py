"""The environments of samconfig.toml, read as sam reads them, against the templates that they deploy."""

import re
import tomllib
from functools import cache
from itertools import permutations

import jmespath
import pytest
from samcli.cli.types import CfnParameterOverridesType, CfnTags
from samcli.commands.build.command import cli as build
from samcli.commands.deploy.command import cli as deploy
from samcli.commands.validate.validate import cli as validate
from samcli.lib.config.samconfig import SamConfig

from tests.templates import ROOT, defaults, source

COMMANDS = {"build": build, "deploy": deploy, "validate": validate}
CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
NAMES = [name for name in CONFIG if name not in ("version", "default", "inference")]
TRAINING = [name for name in NAMES if not name.endswith("-inference")]
PAGE = (ROOT / "docs" / "deployment.md").read_text()
# How an environment may differ from the stack that it is one of.
OWN = {"stack_name", "confirm_changeset", "tags", "parameter_overrides"}


@cache
def settings(name, command):
    return dict(SamConfig(ROOT).get_all([command], "parameters", env=name))


def template(name):
    return settings(name, "validate")["template_file"]


def overrides(name):
    """The parameters that an environment sets, apart from those that a file of outputs gives."""
    given = settings(name, "deploy").get("parameter_overrides", [])
    written = [text for text in given if not text.startswith("file://")]
    return CfnParameterOverridesType().convert(written, None, None)


def outputs_query():
    (query,) = re.findall(r'--query "([^"]+)"', PAGE)
    return query


def test_each_environment_has_both_stacks():
    assert {"dev", "staging", "prod"} <= set(TRAINING)
    assert set(NAMES) == {name + suffix for name in TRAINING for suffix in ("", "-inference")}
    for name in NAMES:
        assert template(name) == ("inference.yaml" if name.endswith("-inference") else "template.yaml")


@pytest.mark.parametrize("name", [*NAMES, "default", "inference"])
def test_sam_knows_every_option(name):
    for command, of in COMMANDS.items():
        known = {option.name for option in of.params}
        unknown = (
            settings(name, command).keys() - known - {"stack_name"}
        )  # which validate and build do not ask for
        assert not unknown, f"sam {command} has no option {unknown} of [{name}] in samconfig.toml"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_environments_own_is_as_in_the_stack_alone(name, command):
    alone = settings("inference" if name.endswith("-inference") else "default", command)
    shared = {key: value for key, value in settings(name, command).items() if key not in OWN}
    assert shared == {key: value for key, value in alone.items() if key not in OWN}, (
        f"[{name}.{command}] in samconfig.toml differs in what no environment decides"
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_override_is_a_parameter_whose_default_it_is_not(name):
    parameters = source(template(name))["Parameters"]
    for key, value in overrides(name).items():
        assert key in parameters, f"{template(name)} has no parameter {key}, which [{name}] sets"
        assert value != defaults(template(name)).get(key), f"[{name}] copies the default of {key}"
        of = parameters[key]
        if "AllowedValues" in of:
            assert value in map(str, of["AllowedValues"]), f"[{name}] sets {key} to {value}"
        if of["Type"] == "Number":
            assert of.get("MinValue", 0) <= float(value) <= of.get("MaxValue", float("inf")), (name, key, value)
        assert re.fullmatch(of.get("AllowedPattern", ".*"), value), f"[{name}] sets {key} to {value}"


@pytest.mark.parametrize("name", TRAINING)
def test_both_stacks_of_an_environment_agree(name):
    training, inference = overrides(name), overrides(f"{name}-inference")
    # What one template calls as the other does has one meaning, so that one stack's value is the other's.
    shared = source("template.yaml")["Parameters"].keys() & source("inference.yaml")["Parameters"].keys()
    for key in shared:
        assert training.get(key) == inference.get(key), f"the stacks of [{name}] differ in {key}"
    assert settings(name, "deploy")["tags"] == settings(f"{name}-inference", "deploy")["tags"]


@pytest.mark.parametrize("name", [*NAMES, "default", "inference"])
def test_tags_are_what_sam_takes(name):
    given = settings(name, "deploy").get("tags", [])
    tags = CfnTags().convert(list(given), None, None)
    if name in NAMES:
        assert tags["Environment"] == name.removesuffix("-inference")


def test_no_environments_rights_reach_another():
    # Rights are given on names that begin with the project's and the stack's.
    starts = {name: (overrides(name)["Project"], settings(name, "deploy")["stack_name"]) for name in TRAINING}
    starts["default"] = (defaults("template.yaml")["Project"], settings("default", "deploy")["stack_name"])
    for (one, mine), (other, theirs) in permutations(starts.items(), 2):
        for begin, whole in zip(mine, theirs, strict=True):
            assert not whole.startswith(begin), f"rights of [{one}] on {begin}* reach {whole} of [{other}]"


def test_someone_confirms_what_goes_to_prod():
    for name in ("prod", "prod-inference"):
        assert settings(name, "deploy")["confirm_changeset"] is True


def test_prod_asks_more_of_a_model_and_keeps_it_running():
    given, default = overrides("prod"), defaults("template.yaml")
    assert float(given["GateMinimum"]) > float(default["GateMinimum"])
    assert float(given["GatePerLabelMinimum"]) > float(default["GatePerLabelMinimum"])
    assert {"KeepRunning", "IdleMinutes", "MaxRunningHours"}.isdisjoint(given)
    gate = {key for key in default if key.startswith("Gate")}
    assert {key: given.get(key) for key in gate} == {key: overrides("staging").get(key) for key in gate}


@pytest.mark.parametrize("name", TRAINING)
def test_the_inference_stack_is_given_the_training_stacks_outputs(name, tmp_path):
    (place,) = [
        text for text in settings(f"{name}-inference", "deploy")["parameter_overrides"] if text.startswith("file:")
    ]
    assert place == f"file://.aws-sam/{name}-outputs.yaml"
    answer = {
        "Stacks": [
            {
                "Outputs": [
                    {"OutputKey": key, "OutputValue": f"arn:aws:sns:us-east-1:1:{key}"}
                    for key in source("template.yaml")["Outputs"]
                ]
            }
        ]
    }
    file = tmp_path / "outputs.yaml"
    file.write_text(str(jmespath.search(outputs_query(), answer)))
    read = CfnParameterOverridesType().convert([f"file://{file}"], None, None)
    parameters = source("inference.yaml")["Parameters"]
    needed = {key for key, of in parameters.items() if "Default" not in of}
    assert needed | {"TopicArn"} <= read.keys() & parameters.keys()
    assert read["TopicArn"] == "arn:aws:sns:us-east-1:1:TopicArn"
