"""The local cloud is killed at any moment of a run and started again: one more run, and all is as it should be."""

import os
import signal
from dataclasses import dataclass
from random import Random

import pytest

from local import cloud, demo, samples
from tests.local.conftest import RUN_SECONDS, WAIT_SCALE, Deployed, wait_until
from tests.rounds import thorough

TRAIN, TEST = 6, 3  # images of each digit
SPARED = 5  # states of a first run, of which a later one may enter some less
GIVEN = {"force": True, "gate": {"minimum": 0.0}}


@dataclass(frozen=True)
class Killed:
    """A cloud that can be killed, and a project of few images on it."""

    deployed: Deployed
    project: str

    def kill(self):
        """End the server and its functions as the system does when memory runs out, and start it anew."""
        port, base = self.deployed.port, self.deployed.base
        pid = cloud.running(cloud.Place(port, base))
        os.killpg(pid, signal.SIGKILL)
        wait_until(lambda: cloud.running(cloud.Place(port, base)) is None)
        cloud.up(port, base, WAIT_SCALE, keep=True)

    def entered(self, execution):
        """The names of the states that an execution has entered until now; how often it looks is chance."""
        pages = self.deployed.cloud.client("stepfunctions").get_paginator("get_execution_history")
        events = [event for page in pages.paginate(executionArn=execution) for event in page["events"]]
        return {
            event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event
        }

    def under_way(self):
        """The executions of all machines that run."""
        steps = self.deployed.cloud.client("stepfunctions")
        machines = [machine["stateMachineArn"] for machine in steps.list_state_machines()["stateMachines"]]
        return [
            execution["name"]
            for machine in machines
            for execution in steps.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        ]


@pytest.fixture(scope="module")
def killed(snapshot, tmp_path_factory):
    """A cloud on which a first model is live, and how many states its run has entered."""
    folder = samples.write_digits(tmp_path_factory.mktemp("samples") / "digits", TRAIN, TEST)
    with snapshot.opened(tmp_path_factory.mktemp("killed")) as deployed:
        # An account's quota is two running models, and a switch needs them.
        deployed.stop(deployed.arn())
        project = f"{deployed.project}-killed"
        demo.upload_samples(deployed.port, deployed.bucket, project, folder)
        given = {**GIVEN, "project": project, **demo.sources(deployed.bucket, project)}
        ended = deployed.run("first", given)
        assert ended["status"] == "SUCCEEDED", ended
        house = Killed(deployed, project)
        yield house, len(house.entered(ended["executionArn"]))


@pytest.mark.parametrize("seed", range(20 if thorough() else 3))
def test_one_run_after_a_kill_leaves_one_model_and_every_entry(killed, seed):
    house, states = killed
    deployed, given = house.deployed, {**GIVEN, "project": house.project}
    before = deployed.labels(house.project)
    execution, moment = deployed.start(f"killed-{seed}", given), Random(seed).randrange(states - SPARED)
    wait_until(lambda: len(house.entered(execution)) > moment or not house.under_way(), RUN_SECONDS)
    assert f"killed-{seed}" in house.under_way()
    house.kill()
    wait_until(lambda: not house.under_way(), RUN_SECONDS)
    ended = deployed.run(f"after-{seed}", given)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    wait_until(lambda: not house.under_way(), RUN_SECONDS)
    versions = deployed.versions(house.project)
    billed = [name for name, status in versions.items() if status in ("RUNNING", "STARTING")]
    assert billed == [deployed.live(house.project)] == [f"after-{seed}"]
    assert deployed.labels(house.project) == before
