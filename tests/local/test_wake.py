"""A model that sleeps is woken by requests, through the gateway, as often as the stack allows and no more."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from local import demo, samples
from tests.local.conftest import Deployed, wait_until
from tests.rounds import takes_long

pytestmark = takes_long("a model that was woken is left alone for half a minute")

WAKES = 2
# Requests that come soon after a wake are the same one: the function, and what asks it, wait half a minute.
PATIENCE = 60.0

Answer = tuple[int, dict[str, Any], dict[str, str]]


def deploy(deployed: Deployed, **parameters: str) -> None:
    passed = {name: deployed.training.output(name) for name in ("DataBucketName", "StateTableName")}
    with demo.alone():
        demo.deploy_stack("inference", deployed.port, {**passed, **parameters})


@pytest.fixture
def waking(deployed: Deployed, trained: dict[str, Any]) -> Iterator[Deployed]:
    """The API with requests that may wake the model; in the end they may not, and it runs as before."""
    deploy(deployed, WakeOnRequest="ENABLED", WakesPerDay=str(WAKES))
    try:
        yield deployed
    finally:
        deploy(deployed, WakeOnRequest="DISABLED")
        live = deployed.live()
        if deployed.versions()[live] == "STOPPED":
            deployed.cloud.client("rekognition").start_project_version(
                ProjectVersionArn=deployed.arn(), MinInferenceUnits=1
            )
        wait_until(lambda: deployed.versions()[live] == "RUNNING", PATIENCE)


def test_requests_wake_the_model_so_many_times_a_day(waking: Deployed) -> None:
    image = samples.unseen(waking.samples, "3").read_bytes()
    arn = waking.arn()
    assert arn

    def ask() -> Answer:
        return waking.ask("/predictions", image)

    for _ in range(WAKES):
        waking.stop(arn)
        seen: list[Answer] = []
        wait_until(lambda seen=seen: seen.append(ask()) or seen[-1][0] == 200, PATIENCE)
        waits = [answer for answer in seen if answer[0] != 200]
        assert {(status, body["code"]) for status, body, _ in waits} == {(503, "ModelStarting")}
        assert all(int(headers["Retry-After"]) > 0 for _, _, headers in waits)
    waking.stop(arn)
    (status, body, headers), _ = wait_until(
        lambda: (said := ask())[1]["code"] == "ModelNotRunning" and said, PATIENCE
    )
    assert status == 503
    assert f"It was started {WAKES} times today already" in body["message"]
    assert int(headers["Retry-After"]) >= 60
    time.sleep(2)  # in which a model that had been started would have come up
    assert waking.versions()[waking.live()] == "STOPPED"
