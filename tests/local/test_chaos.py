"""The local cloud is killed at any moment of a run and started again: one more run, and all is as it should be."""

import os
import signal
import time
from random import Random

import pytest

from local import cloud, demo, samples
from tests.local.conftest import RUN_SECONDS, Deployed, wait_until
from tests.rounds import thorough

SCALE = 0.01  # of a Wait state's seconds
TRAIN, TEST = 6, 3  # images of each digit
GIVEN = {"force": True, "gate": {"minimum": 0.0}}


class Killed(Deployed):
    """A deployed cloud that keeps its state, and can be killed."""

    def kill(self, base):
        """End the server and its functions as the system does when memory runs out, and start it anew."""
        pid = cloud.running(cloud.Place(self.port, base))
        os.killpg(pid, signal.SIGKILL)
        wait_until(lambda: cloud.running(cloud.Place(self.port, base)) is None)
        cloud.up(self.port, base, SCALE, keep=True)

    def under_way(self):
        """The executions of both machines that run."""
        steps = self.cloud.client("stepfunctions")
        machines = [machine["stateMachineArn"] for machine in steps.list_state_machines()["stateMachines"]]
        return [
            execution["name"]
            for machine in machines
            for execution in steps.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        ]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def killed(base, tmp_path_factory):
    """A cloud on which a first model is live, with the seconds that its run took."""
    port = cloud.free_port()
    cloud.up(port, base, SCALE, keep=True)
    try:
        training, inference = demo.deploy(port)
        folder = samples.write_digits(tmp_path_factory.mktemp("samples") / "digits", TRAIN, TEST)
        here = demo.local_cloud(port)
        deployed = Killed(port, here, training, inference, demo.endpoint(port, inference), folder)
        demo.upload_samples(port, deployed.bucket, deployed.project, folder)
        began = time.monotonic()
        ended = deployed.run("first", {**GIVEN, **demo.sources(deployed.bucket, deployed.project)})
        assert ended["status"] == "SUCCEEDED", ended
        yield deployed, time.monotonic() - began
    finally:
        assert cloud.down(port, base)


@pytest.mark.parametrize("seed", range(20 if thorough() else 3))
def test_one_run_after_a_kill_leaves_one_model_and_every_entry(killed, base, seed):
    deployed, seconds = killed
    before = deployed.labels(deployed.project)
    deployed.start(f"killed-{seed}", GIVEN)
    time.sleep(Random(seed).uniform(0, seconds))
    deployed.kill(base)
    wait_until(lambda: not deployed.under_way(), RUN_SECONDS)
    ended = deployed.run(f"after-{seed}", GIVEN)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    wait_until(lambda: not deployed.under_way(), RUN_SECONDS)
    billed = [name for name, status in deployed.versions().items() if status in ("RUNNING", "STARTING")]
    assert billed == [deployed.live()] == [f"after-{seed}"]
    assert deployed.labels(deployed.project) == before
