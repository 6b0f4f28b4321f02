"""The API through API Gateway: its open routes, uploads, what the gateway refuses, and other people's tools."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import requests

from bench import load
from local import openapi, samples, venvs
from tests.command import process
from tests.rounds import takes_long
from tests.templates import ROOT, defaults

MIB = 1024 * 1024
CLIENTS, SECONDS = 50, 4
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "negative_data_rejection", "ignored_auth"),
)
# What a program does with a client that openapi-python-client has made.
PROGRAM = """
import base64, json, sys
from client import AuthenticatedClient, Client
from client.api.default import get_model, predict
from client.models import ImageRequest

url, key, image = sys.argv[1:]
body = ImageRequest(image=base64.b64encode(open(image, "rb").read()).decode(), max_results=3)
known = AuthenticatedClient(base_url=url, token=key, prefix="", auth_header_name="x-api-key")
answer, refused = predict.sync(client=known, body=body), predict.sync(client=Client(base_url=url), body=body)
model = get_model.sync(client=known)
print(json.dumps([answer.predictions[0].name, answer.model, model.name, refused.code.value]))
"""


@pytest.fixture(scope="module")
def image(deployed, trained):
    return samples.unseen(deployed.samples, "3")


@pytest.fixture(scope="module")
def free(deployed, trained):
    """The API with a key that lets everything through."""
    with load.unlimited(deployed.port, deployed.inference, deployed.api) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def tools():
    """The folder of the programs of other people, in an environment of their own."""
    return venvs.environment("tools", venvs.pinned(ROOT / "requirements-tools.txt")).parent


def say(text):
    """Shown by `pytest -s`."""
    sys.stdout.write(f"{text}\n")


def run(command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)


@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
def test_what_tells_nothing_needs_no_key(deployed, path):
    status, body, headers = deployed.ask(path, key="", method="GET")
    assert status == 200
    assert headers["X-Request-Id"]
    assert body in ({"status": "ok"}, openapi.document())


def test_the_live_model_is_told_to_who_has_a_key(deployed, trained):
    assert deployed.ask("/model", key="", method="GET")[0] == 403
    status, body, _ = deployed.ask("/model", method="GET")
    assert (status, body["name"], body["status"]) == (200, deployed.live(), "RUNNING")
    assert len(body["labels"]) == 10
    assert body["metrics"]["f1"] >= 0.9


def test_the_operators_command_asks_it(deployed, trained, image, tmp_path):
    local = {"LOCAL_CLOUD_PORT": str(deployed.port)}
    asked = process("predict", image.parent, "--local", "--json", "--draw", tmp_path, **local)
    assert asked.code == 0, asked.err
    told = asked.json
    assert (told["via"], told["asked"]) == ("api", deployed.api.url)
    assert {one["model"] for one in told["images"]} == {deployed.live()}
    right = [one for one in told["images"] if one["predictions"][0]["Name"] == Path(one["image"]).stem]
    assert len(right) >= 0.8 * len(told["images"]) > 0
    assert len(list(tmp_path.iterdir())) == len(told["images"])
    direct = process("predict", image, "--local", "--json", "--direct", **local)
    assert (direct.json["via"], direct.json["images"][0]["model"]) == ("rekognition", deployed.live())


def form(deployed, kind="image/png"):
    status, body, _ = deployed.ask("/uploads", json.dumps({"contentType": kind}).encode(), "application/json")
    assert status == 201
    return body


def send(upload, data, kind="image/png", **fields):
    files = {"file": ("image", data, kind)}
    return requests.post(upload["url"], data={**upload["fields"], **fields}, files=files, timeout=60).status_code


def by_key(deployed, key):
    return deployed.ask("/predictions", json.dumps({"s3": {"key": key}}).encode(), "application/json")


def test_a_large_image_is_uploaded_and_predicted_by_its_key(deployed, image):
    upload = form(deployed)
    data = image.read_bytes()
    assert by_key(deployed, upload["key"])[:1] == (404,)
    assert send(upload, data + bytes(15 * MIB - len(data))) in (200, 204)
    status, body, _ = by_key(deployed, upload["key"])
    assert (status, body["Predictions"][0]["Name"]) == (200, "3")


def test_s3_takes_nothing_but_what_the_form_says(deployed, image):
    data = image.read_bytes()
    upload = form(deployed)
    assert send(upload, data + bytes(15 * MIB + 1 - len(data))) == 400
    assert send(upload, b"") == 400
    assert send(upload, data, **{"Content-Type": "text/html"}) == 403
    assert send(upload, data, key="images/custom-labels/train/3/mine.png") == 403
    assert by_key(deployed, upload["key"])[1]["code"] == "ImageNotFound"


def test_the_gateway_refuses_in_the_form_of_the_api(deployed, image):
    status, body, headers = deployed.ask("/nothing")
    assert (status, body["code"]) == (404, "NotFound")
    assert headers["X-Request-Id"]
    status, body, _ = deployed.ask("/predictions", b"A" * (6 * MIB + 1), "text/plain")
    assert (status, body["code"]) == (413, "ImageTooLarge")
    # beyond its own limit the gateway answers in a form that nobody can change, and that is documented
    headers = {"x-api-key": deployed.api.key, "Content-Type": "text/plain"}
    answer = requests.post(f"{deployed.api.url}/predictions", b"A" * (10 * MIB + 1), headers=headers, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (413, "text/plain")


def test_a_preflight_needs_no_key_and_names_no_origin_unless_one_is_set(deployed):
    headers = {"Origin": "https://one.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(f"{deployed.api.url}/predictions", headers=headers, timeout=30)
    assert answer.status_code == 200
    assert "x-api-key" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_open_routes_are_throttled_by_the_stage(deployed):
    burst = int(defaults("inference.yaml")["OpenBurstLimit"])
    answers = load.crowd(4 * burst, lambda: deployed.ask("/health", key="", method="GET"))
    statuses = Counter(status for status, _, _ in answers)
    assert statuses.keys() <= {200, 429}
    assert statuses[429]
    assert {body["code"] for status, body, _ in answers if status == 429} == {"TooManyRequests"}


@takes_long("it installs somebody else's programs")
def test_no_answer_is_undocumented(free, tools, tmp_path):
    """schemathesis; it knows no image, so that it may not ask why its own are refused, and no 405 of a gateway."""
    command = [tools / "st", "run", openapi.DOCUMENT, "--url", free.url, "--header", f"x-api-key: {free.key}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", "15"]
    command += ["--continue-on-failure", "--seed", "1", "--no-color", "--report-har-path", tmp_path / "sent.har"]
    ended = run(command, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
    entries = json.loads((tmp_path / "sent.har").read_text())["log"]["entries"]
    counts = Counter(
        (entry["request"]["url"].rpartition("/")[2], entry["response"]["status"]) for entry in entries
    )
    say(f"schemathesis: {len(entries)} requests: {sorted(counts.items())}")
    assert not [found for found in counts if found[1] >= 500]
    assert {("predictions", status) for status in (200, 400, 403, 404, 415, 422)} <= counts.keys()
    assert {("uploads", 201), ("model", 200), ("health", 200), ("openapi.json", 200)} <= counts.keys()


@takes_long("it installs somebody else's programs")
def test_a_generated_client_predicts(deployed, trained, tools, image, tmp_path):
    command = [tools / "openapi-python-client", "generate", "--path", openapi.DOCUMENT, "--meta", "none"]
    made = run([*command, "--output-path", tmp_path / "client"], cwd=tmp_path)
    assert made.returncode == 0, made.stdout
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = run([tools / "python", "-c", PROGRAM, *deployed.api, image], env=environment)
    assert ended.returncode == 0, ended.stderr
    live = deployed.live()
    say(f"generated client: {ended.stdout.strip()}")
    assert json.loads(ended.stdout) == ["3", live, live, "Forbidden"]


def test_under_load_no_request_is_lost(deployed, free, image):
    """The short form of `python -m bench load`."""
    data = image.read_bytes()
    many = load.load(free, data, CLIENTS, SECONDS)
    limited = load.load(deployed.api, data, CLIENTS, SECONDS)
    say(f"load: {many.told()}\nload, throttled: {limited.told()}")
    assert not many.lost + limited.lost + many.unlike + limited.unlike
    assert many.statuses.keys() == {200}
    assert many.statuses[200] >= CLIENTS
    assert limited.statuses.keys() == {200, 429}
