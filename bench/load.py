"""Load on the API of the local cloud: 50 clients for 60 s through API Gateway, with a key of few and one of many
requests.

`python -m bench.load [SECONDS] [CLIENTS]`. Every client has a connection of its own, asks again as soon as it has
its answer, and waits after a 429 as long as Retry-After says, but at most MOST_WAIT seconds. A request is lost if
it got no answer at all. Only 127.0.0.1 is asked. The baseline of the durations is one client alone.
Limited by the cores that the clients, the gateway, the functions and the model share.
"""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.laptop import run
from local import cloud, demo, samples

CLIENTS, SECONDS = 50, 60.0
MOST_WAIT = 0.5  # seconds after a 429
MOST_REQUESTS = 100_000  # of one load, whatever happens
PATIENCE = 40.0  # seconds for one answer; API Gateway gives up after 29
MANY = {"rateLimit": 10_000.0, "burstLimit": 5_000}


@dataclass
class Outcome:
    """What the clients of a load saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)  # of each answer that is 200
    lost: list[str] = field(default_factory=list)  # why a request got no answer
    unlike: list[str] = field(default_factory=list)  # answers that are not what the API promises
    took: float = 0.0

    def percentile(self, share: float) -> float:
        """Seconds within which that share of the answers with 200 came."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")

    def told(self) -> str:
        """One line for the person at the terminal."""
        counts = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        shares = ", ".join(
            f"p{share * 100:.0f} {self.percentile(share) * 1000:.0f} ms" for share in (0.5, 0.95, 0.99)
        )
        rate = self.statuses[200] / self.took
        odd = f"{len(self.lost)} lost, {len(self.unlike)} unlike what is promised"
        return f"{counts}; {odd}; {shares}; {rate:.0f} predictions a second"


def load(api: demo.Endpoint, image: bytes, clients: int, seconds: float) -> Outcome:
    """Ask from so many clients for so long, and collect what they saw."""
    outcome, lock = Outcome(), threading.Lock()
    began = time.perf_counter()
    until = began + seconds
    crew = [threading.Thread(target=_client, args=(api, image, until, outcome, lock)) for _ in range(clients)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    outcome.took = time.perf_counter() - began
    return outcome


def crowd(times: int, ask: Callable[[], Any]) -> list[Any]:
    """What so many questions at once are answered."""
    with ThreadPoolExecutor(times) as pool:
        return [asked.result() for asked in [pool.submit(ask) for _ in range(times)]]


def _client(api: demo.Endpoint, image: bytes, until: float, outcome: Outcome, lock: threading.Lock) -> None:
    parts = urlsplit(api.url)
    assert parts.hostname == cloud.LOOPBACK, "a load is for this machine only"
    headers = {"Content-Type": "image/png", "x-api-key": api.key}
    connection = http.client.HTTPConnection(cloud.LOOPBACK, parts.port or 80, timeout=PATIENCE)
    while time.perf_counter() < until and sum(outcome.statuses.values()) < MOST_REQUESTS:
        began = time.perf_counter()
        try:
            connection.request("POST", f"{parts.path}/predictions", image, headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            with lock:
                outcome.lost.append(repr(error))
            connection.close()
            continue
        took = time.perf_counter() - began
        with lock:
            outcome.statuses[answer.status] += 1
            if answer.status == 200:
                outcome.seconds.append(took)
            if not _as_promised(answer, body):
                outcome.unlike.append(f"{answer.status} {body[:200]!r}")
        if answer.status == 429:
            time.sleep(min(float(answer.headers.get("Retry-After", 1)), MOST_WAIT))
    connection.close()


def _as_promised(answer: http.client.HTTPResponse, body: bytes) -> bool:
    """200 with predictions, or 429 with the code, a sentence and Retry-After; JSON both."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    if answer.status == 200:
        return bool(said["Predictions"])
    limited = {"code": "TooManyRequests", "message": said.get("message")}
    return answer.status == 429 and said == limited and bool(answer.headers["Retry-After"])


@contextmanager
def unlimited(port: int, inference: Any, api: demo.Endpoint) -> Iterator[demo.Endpoint]:
    """The API with a key whose usage plan and stage let everything through; undone at the end."""
    gateway = demo.local_cloud(port).client("apigateway")
    identity, stage = inference.output("ApiUrl").split("//")[1].split(".")[0], api.url.split("/")[-2]
    key = gateway.create_api_key(name="load", enabled=True)
    stages = [{"apiId": identity, "stage": stage}]
    plan = gateway.create_usage_plan(name="load", apiStages=stages, throttle=MANY)["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    before = gateway.get_stage(restApiId=identity, stageName=stage)["methodSettings"]["*/*"]

    def limit(rate: float, burst: int) -> None:
        settings = {"rateLimit": rate, "burstLimit": burst}
        changes = [
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(value)}
            for name, value in settings.items()
        ]
        gateway.update_stage(restApiId=identity, stageName=stage, patchOperations=changes)

    limit(MANY["rateLimit"], int(MANY["burstLimit"]))
    try:
        yield demo.Endpoint(api.url, key["value"])
    finally:
        limit(before["throttlingRateLimit"], before["throttlingBurstLimit"])
        gateway.delete_usage_plan(usagePlanId=plan)
        gateway.delete_api_key(apiKey=key["id"])


def measure(port: int, inference: Any, image: bytes, clients: int, seconds: float) -> dict[str, Outcome]:
    """One client alone, all of them with a key that lets everything through, and with the stack's own key."""
    api = demo.endpoint(port, inference)
    with unlimited(port, inference, api) as free:
        alone = load(free, image, 1, min(seconds, 5))
        many = load(free, image, clients, seconds)
    return {
        "one client": alone,
        f"{clients} clients": many,
        f"{clients}, throttled": load(api, image, clients, seconds),
    }


def main() -> None:
    """Print the figures; SystemExit if a request was lost or answered unlike the API's promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=SECONDS)
    parser.add_argument("clients", nargs="?", type=int, default=CLIENTS)
    given = parser.parse_args()
    port = cloud.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        base = Path(folder)
        cloud.up(port, base)
        try:
            training, inference = demo.deploy(port)
            written = samples.write_digits(base / "digits", 20, 8)
            demo.upload_samples(port, training.output("DataBucketName"), training.project(None), written)
            run(port, training)
            image = samples.unseen(written, "3").read_bytes()
            outcomes = measure(port, inference, image, given.clients, given.seconds)
        finally:
            cloud.down(port, base)
    sys.stdout.write(
        f"load: {given.clients} clients, {given.seconds:.0f} s, through API Gateway of the local cloud\n"
    )
    base_median = outcomes["one client"].percentile(0.5)
    for name, outcome in outcomes.items():
        ratio = outcome.percentile(0.5) / base_median
        sys.stdout.write(f"  {name:<22} {outcome.told()}; p50 {ratio:.1f} x one client\n")
    for outcome in outcomes.values():
        if outcome.lost or outcome.unlike:
            raise SystemExit(f"Broken: {[*outcome.lost, *outcome.unlike][:5]}")


if __name__ == "__main__":
    main()
