"""A switch of the live model under the eyes of its clients."""

import json
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bench import load
from local import demo, samples

CLIENTS = 20
FEW = {"model": {"smokeImages": 3}}


@pytest.fixture(scope="module")
def free(deployed, trained):
    """The API with a key that lets everything through."""
    with load.unlimited(deployed.port, deployed.inference, deployed.api) as endpoint:
        yield replace(deployed, api=endpoint)


class Clients:
    """Twenty clients that ask without a pause, and what each answer was."""

    def __init__(self, deployed):
        self.deployed = deployed
        self.image = samples.unseen(deployed.samples, demo.SHOWN).read_bytes()
        self.answers: list[tuple[int, str, bool]] = []  # status, model or code, with Retry-After
        self._ended = threading.Event()

    def __enter__(self):
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._asking = [self._pool.submit(self._ask) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *error):
        self._ended.set()
        for one in self._asking:
            one.result()
        self._pool.shutdown()

    def _ask(self):
        while not self._ended.is_set():
            status, body, headers = self.deployed.ask("/predictions", self.image)
            self.answers.append((status, body.get("Model") or body["code"], "Retry-After" in headers))


@pytest.mark.parametrize("strategy", ["blue-green", "in-place"])
def test_no_request_is_lost_by_a_switch(free, strategy):
    deployed, old = free, free.live()
    # Two versions of the same data, so that one can be switched to: the second training is forced.
    if strategy == "blue-green":
        first = deployed.run("under-load", {"force": True, "gate": {"minimum": 0.0}, **FEW})
        assert first["status"] == "SUCCEEDED", first
        old = "under-load"
    with Clients(deployed) as clients:
        ended = deployed.run(f"back-{strategy}", {"switchTo": "previous", "model": {"strategy": strategy}})
    assert ended["status"] == "SUCCEEDED", ended
    new = json.loads(ended["output"])["version"]
    assert deployed.live() == new != old
    answers = Counter(clients.answers)
    sys.stdout.write(f"{strategy}: {dict(answers)}\n")  # shown by `pytest -s`
    allowed = {(200, old, False), (200, new, False)}
    if strategy == "in-place":
        allowed.add((503, "ModelNotRunning", True))
        assert answers[(503, "ModelNotRunning", True)]
    assert answers.keys() <= allowed
    assert answers[(200, old, False)] > 0
    assert answers[(200, new, False)] > 0
    running = [name for name, status in deployed.versions().items() if status == "RUNNING"]
    assert running == [new]
