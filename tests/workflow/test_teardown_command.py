"""`python -m cli teardown` as a process: what it lists, what it asks, what it leaves, and its exit codes."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from customlabels import leases

from cli.stack import configured_name
from local.cloud import environment
from tests.stack import BUCKET, PROJECT, TABLE, Stack
from tests.templates import ROOT


@pytest.fixture
def found(stack: Stack) -> Stack:
    """A stack that the command finds, with a project, a record and a live item that is left of a run."""
    outputs = {"TeardownStateMachineArn": stack.teardown.arn, "StateTableName": TABLE, "DataBucketName": BUCKET}
    template = {
        "Parameters": {"Project": {"Type": "String", "Default": PROJECT}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client = stack.cloud.client("cloudformation")
    client.create_stack(StackName=configured_name("default"), TemplateBody=json.dumps(template))
    stack.rekognition.create_project(ProjectName=PROJECT)
    for item in ("live", "run#1"):
        stack.table.put_item(Item={"project": PROJECT, "item": item, "projectVersionArn": "arn"})
    stack.cloud.clock.advance(60)
    return stack


def call(stack: Stack, *arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command, with a terminal in which somebody types, or without one."""
    port = int(stack.cloud.endpoint.rpartition(":")[2])
    command = [sys.executable, "-m", "cli", "teardown", *arguments]
    keyboard, terminal = pty.openpty()
    try:
        if typed is not None:
            os.write(keyboard, f"{typed}\n".encode())
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL if typed is None else terminal,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            env={**os.environ, **environment(port), "COLUMNS": "200"},
        )
    finally:
        os.close(keyboard)
        os.close(terminal)


def projects(stack: Stack) -> list[str]:
    found = stack.rekognition.describe_projects()["ProjectDescriptions"]
    return [project["ProjectArn"].split("/")[1] for project in found]


def test_a_dry_run_lists_and_deletes_nothing(found):
    ended = call(found, "--dry-run")
    assert ended.returncode == 0, ended.stderr
    for said in (
        f":project/{PROJECT}/",
        "items      1 live, 1 run, of the state table",
        f"the bucket {BUCKET}; of",
    ):
        assert said in ended.stdout
    assert projects(found) == [PROJECT]
    output = json.loads(call(found, "--dry-run", "--json").stdout)
    assert (output["outcome"], output["found"]["items"]) == ("dryRun", {"live": 1, "run": 1})


def test_without_a_terminal_it_wants_to_be_told_yes(found):
    refused = call(found)
    assert (refused.returncode, projects(found)) == (6, [PROJECT])
    assert "nobody can be asked here, so say --yes" in refused.stderr
    ended = call(found, "--yes", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert (result["status"], result["output"]["outcome"]) == ("SUCCEEDED", "deleted")
    assert result["output"]["left"] == {"projects": [], "items": []}
    assert (projects(found), found.live) == ([], None)
    again = call(found, "--yes")
    assert again.returncode == 0, again.stderr
    assert f"There is no project {PROJECT}, and nothing of it in the state table." in again.stdout


def test_the_projects_name_is_asked_for(found):
    wrong = call(found, typed="yes")
    assert (wrong.returncode, projects(found)) == (6, [PROJECT])
    assert f"Nothing was deleted: what was typed is not {PROJECT}." in wrong.stderr
    right = call(found, typed=PROJECT)
    assert right.returncode == 0, right.stderr
    assert f"type the project's name ({PROJECT}): " in right.stderr
    assert "deleted    0 versions, 0 datasets, 2 items of the state table" in right.stdout
    assert projects(found) == []


def test_what_is_leased_is_torn_down_by_force_only(found):
    arn = f"arn:aws:rekognition:us-east-1:123456789012:project/{PROJECT}/version/v/1"
    leases.take(found.table, PROJECT, "batch-7", arn, until=datetime.now(UTC) + timedelta(hours=1))
    refused = call(found, "--yes")
    assert (refused.returncode, projects(found)) == (6, [PROJECT])
    assert "is leased by batch-7" in refused.stderr
    assert call(found, "--yes", "--force").returncode == 0
    assert projects(found) == []


def test_one_that_fails_says_what_is_left_and_exits_with_1(found):
    found.cloud.service.faults.add("DeleteProject", "InvalidParameterException", call=None)
    failed = call(found, "--yes")
    assert failed.returncode == 1
    said = " ".join((failed.stdout + failed.stderr).split())
    assert f"Left are project {PROJECT}, 0 versions, 0 datasets and 1 items of the state table" in said
    assert "project is 'elsewhere'" in call(found, "--project", "elsewhere", "--yes").stderr
