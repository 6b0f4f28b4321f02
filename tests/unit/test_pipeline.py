"""The example pipeline: what it may do, that what it calls exists, and that its roles fit the templates."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from samcli.commands.build.command import cli as build
from samcli.commands.deploy.command import cli as deploy
from samtranslator.yaml_helper import yaml_parse

from tests.templates import NAMES, ROOT, transformed
from tests.unit.test_environments import CONFIG, outputs_query, settings

FOLDER = ROOT / "docs" / "pipeline"
TEXT = (FOLDER / "deploy.yaml").read_text()
WORKFLOW = yaml.safe_load(TEXT)
JOBS = WORKFLOW["jobs"]
DEPLOYING = [name for name, job in JOBS.items() if "environment" in job]
ROLES = yaml_parse((FOLDER / "role.yaml").read_text())["Resources"]
# Of a resource type's second part, where the service's actions are named otherwise.
PREFIXES = {"StepFunctions": "states"}


def commands(job):
    """Each command of a job's steps, on one line."""
    for step in job["steps"]:
        for line in step.get("run", "").replace("\\\n", " ").splitlines():
            yield " ".join(line.split())


def allowed(role):
    """Every statement of a role of role.yaml, those of this template's managed policies included."""
    properties = ROLES[role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [
        ROLES[of["Ref"]]["Properties"]["PolicyDocument"] for of in properties.get("ManagedPolicyArns", [])
    ]
    for document in documents:
        for statement in document["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def listed(value):
    return value if isinstance(value, list) else [value]


def test_only_jobs_that_deploy_get_a_token_for_aws():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert DEPLOYING == ["dev", "prod-changes", "prod"]
    for name, job in JOBS.items():
        expected = {"contents": "read", "id-token": "write"} if name in DEPLOYING else None
        assert job.get("permissions") == expected, name
        if name in DEPLOYING:
            assert job["if"] == "github.event_name == 'push'"
    # YAML 1.1 reads the key `on` as true.
    assert WORKFLOW[True] == {"pull_request": None, "push": {"branches": ["main"]}}
    assert "secrets." not in TEXT


def test_nothing_is_deployed_untested_and_prod_waits():
    assert JOBS["dev"]["needs"] == "test"
    assert JOBS["prod-changes"]["needs"] == "dev"
    assert JOBS["prod"]["needs"] == "prod-changes"
    assert [JOBS[name]["environment"] for name in DEPLOYING] == DEPLOYING
    assert list(commands(JOBS["test"])) == ["make test"]
    shown = [line.replace(" --no-execute-changeset", "") for line in commands(JOBS["prod-changes"])]
    assert shown == list(commands(JOBS["prod"]))
    for line in commands(JOBS["prod-changes"]):
        assert ("--no-execute-changeset" in line) == line.startswith("sam deploy"), line


def test_every_command_exists():
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    options = {
        name: {option for of in command.params for option in (*of.opts, *of.secondary_opts)}
        for name, command in (("build", build), ("deploy", deploy))
    }
    for job in JOBS.values():
        for line in commands(job):
            words = line.split()
            if words[0] == "make":
                assert words[1] in targets, line
            elif words[0] == "sam":
                named = {word for word in words if word.startswith("--")}
                assert named <= options[words[1]], line
                assert words[words.index("--config-env") + 1] in CONFIG, line
            else:
                assert words[:3] == ["aws", "cloudformation", "describe-stacks"], line


@pytest.mark.parametrize("name", DEPLOYING)
def test_the_inference_stack_is_told_what_samconfig_reads(name):
    environment = name.removesuffix("-changes")
    (line,) = [line for line in commands(JOBS[name]) if line.startswith("aws ")]
    assert f"--stack-name {settings(environment, 'deploy')['stack_name']} " in line
    assert f'--query "{outputs_query()}"' in line
    place = line.rpartition("> ")[2]
    assert f"file://{place}" in settings(f"{environment}-inference", "deploy")["parameter_overrides"]
    stacks = [
        line.split("--config-env ")[1].split()[0] for line in commands(JOBS[name]) if line.startswith("sam ")
    ]
    assert stacks == [environment, environment, f"{environment}-inference", f"{environment}-inference"]


def test_every_action_has_a_version():
    used = re.findall(r"uses: (\S+)", TEXT)
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", action)] == []


def test_the_roles_are_valid():
    linter = Path(sys.executable).with_name("cfn-lint")
    ended = subprocess.run([str(linter), str(FOLDER / "role.yaml")], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(("role", "suffix"), [("DeployRole", ""), ("ChangesRole", "-changes")])
def test_a_role_trusts_one_environment_of_one_repository(role, suffix):
    (statement,) = ROLES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {
                "Fn::Sub": f"repo:${{Repository}}:environment:${{GitHubEnvironment}}{suffix}"
            },
        }
    }


def test_who_shows_changes_cannot_make_them():
    actions = {
        role: {a for of in allowed(role) for a in listed(of["Action"])} for role in ("ChangesRole", "DeployRole")
    }
    assert actions["DeployRole"] - actions["ChangesRole"] == {"cloudformation:ExecuteChangeSet"}
    services = {action.partition(":")[0] for action in actions["DeployRole"]}
    assert services == {"cloudformation", "s3", "iam"}
    assert {action for action in actions["DeployRole"] if action.startswith("iam:")} == {"iam:PassRole"}


@pytest.mark.parametrize("name", NAMES)
def test_cloudformation_may_make_what_the_templates_hold(name):
    services = {a.partition(":")[0] for of in allowed("ExecutionRole") for a in listed(of["Action"])}
    for resource, of in transformed(name)["Resources"].items():
        kind = of["Type"].split("::")[1]
        service = PREFIXES.get(kind, kind.lower())
        assert service in services, (
            f"ExecutionRole in role.yaml allows nothing of {service}, which {resource} is of"
        )


def test_no_right_to_change_rights_reaches_beyond_the_stacks():
    for statement in allowed("ExecutionRole"):
        actions, places = listed(statement["Action"]), [str(of) for of in listed(statement["Resource"])]
        if statement["Effect"] == "Deny":
            assert actions == ["iam:*"]
            assert all("${AWS::StackName}-*" in place for place in places)
        elif any(action.startswith("iam:") for action in actions):
            assert "iam:*" not in actions
            assert all("${StackName}-*" in place for place in places), places
        if "*" in places:
            assert all(action.startswith("logs:") for action in actions)
        if "iam:CreateRole" in actions or "iam:PutRolePolicy" in actions:
            assert statement["Condition"]["Fn::If"][0] == "Boundary"
    assert any(of["Effect"] == "Deny" for of in allowed("ExecutionRole"))
