"""After the demo's training a teardown leaves nothing of the project, and `sam delete` nothing of the stacks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from cli.screen import Screen
from cli.stack import configured_name
from local import cloud, demo, samples
from tests.local.conftest import TEST, TRAIN
from tests.templates import ROOT


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A local cloud of its own, as these tests delete everything in it."""
    port, base = cloud.free_port(), tmp_path_factory.mktemp("cloud")
    cloud.up(port, base, 0.01)
    try:
        yield port
    finally:
        assert cloud.down(port, base)


def call(port, *command):
    """A command of the operator's against the cloud; its standard output."""
    ended = subprocess.run(
        command, env=cloud.environment(port), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout


def test_a_teardown_and_two_deletions_leave_an_empty_account(port, tmp_path):
    training, _ = demo.deploy(port)
    here, project, bucket = demo.local_cloud(port), training.project(None), training.output("DataBucketName")
    folder = samples.write_digits(tmp_path / "digits", TRAIN, TEST)
    demo.upload_samples(port, bucket, project, folder)
    trained = demo.train(port, training, project, Screen())
    assert trained["output"]["outcome"] == "promoted", trained

    told = json.loads(call(port, sys.executable, "-m", "cli", "teardown", "--yes", "--json"))
    assert told["status"] == "SUCCEEDED", told
    deleted = told["output"]["deleted"]
    assert deleted["versions"] == [trained["output"]["version"]]
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
