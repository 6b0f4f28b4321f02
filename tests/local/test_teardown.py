"""After the demo's training a teardown leaves nothing of the project, and `sam delete` nothing of the stacks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from cli.stack import configured_name
from local import cloud
from tests.templates import ROOT


@pytest.fixture
def own(snapshot, tmp_path):
    """A deployed cloud of its own, as these tests delete everything in it."""
    with snapshot.opened(tmp_path) as opened:
        yield opened


def call(port, *command):
    """A command of the operator's against the cloud; its standard output."""
    ended = subprocess.run(
        command, env=cloud.environment(port), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout


def test_a_teardown_and_two_deletions_leave_an_empty_account(own, trained):
    here, training, port = own.cloud, own.training, own.port
    project, bucket = own.project, own.bucket
    assert trained["outcome"] == "promoted", trained

    told = json.loads(call(port, sys.executable, "-m", "cli", "teardown", "--yes", "--json"))
    assert told["status"] == "SUCCEEDED", told
    deleted = told["output"]["deleted"]
    assert deleted["versions"] == [trained["version"]]
    assert len(deleted["datasets"]) == 2
    assert deleted["items"]["live"] == deleted["items"]["run"] == 1
    assert told["output"]["left"] == {"projects": [], "items": []}
    assert here.client("rekognition").describe_projects()["ProjectDescriptions"] == []
    assert here.table(training.output("StateTableName")).scan()["Items"] == []

    for environment in ("inference", "default"):
        name = configured_name(environment)
        where = ["--config-env", environment, "--region", cloud.REGION]
        call(port, str(Path(sys.executable).with_name("sam")), "delete", "--no-prompts", *where)
        with pytest.raises(ClientError, match="does not exist"):
            here.client("cloudformation").describe_stacks(StackName=name)
    kept = here.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert any(of["Key"].startswith(f"images/{project}/") for of in kept), "the bucket is kept"
    assert here.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert here.client("lambda").list_functions()["Functions"] == []
