"""predict.py against the bare handler of AWS's blog post: CPU of a cold start, and of a warm request of 1 MB.

Both run in an environment that holds what ships and boto3, as on Lambda, and ask the same stub of AWS on loopback.
CPU seconds are those of the process that runs the handler, medians of runs that take turns.
Limited by the import of boto3 when cold, and by base64 and JSON of the image when warm.
"""

import argparse
import base64
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COLD, WARM = 21, 9  # processes of each side
REQUESTS = 60  # in each warm process
COLD_GOAL, WARM_GOAL = 1.0, 1.2
SIDES = ("bare", "predict")
ARN = "arn:aws:rekognition:us-east-1:123456789012:project/custom-labels/version/v1/1690556751958"


def bare() -> Any:
    """The handler of AWS's blog post in short: a client at import; decode, call, dump."""
    import boto3

    client = boto3.client("rekognition")

    def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        image = base64.b64decode(json.loads(event["body"])["image"])
        answer = client.detect_custom_labels(ProjectVersionArn=ARN, Image={"Bytes": image})
        return {"statusCode": 200, "body": json.dumps({"Predictions": answer["CustomLabels"]})}

    return handler


def predict() -> Any:
    """What ships."""
    sys.path.insert(0, str(ROOT / "functions"))
    import predict  # type: ignore[import-not-found]

    return predict.handler


def picture(size: int) -> bytes:
    """As many bytes as that, which begin as a PNG of 640 x 480 pixels does; the stub looks at none of them."""
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
    return header + os.urandom(size - len(header))


def run(side: str, requests: int) -> dict[str, float]:
    """CPU seconds of import, client and first call, and of each later request (0: none)."""

    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    body = json.dumps({"image": base64.b64encode(picture(1_000_000)).decode()})
    small = json.dumps({"image": base64.b64encode(picture(10_000)).decode()})
    event = {"headers": {"Content-Type": "application/json"}, "body": small}
    context = SimpleNamespace(function_name="predict", aws_request_id="1", memory_limit_in_mb=512)
    began = cpu()
    handler = {"bare": bare, "predict": predict}[side]()
    answer = handler(event, context)
    cold = cpu() - began
    assert answer["statusCode"] == 200, answer
    event["body"] = body
    for _ in range(5 if requests else 0):
        handler(event, context)
    began = cpu()
    for _ in range(requests):
        handler(event, context)
    return {"cold": cold, "warm": (cpu() - began) / max(requests, 1)}


class Stub(BaseHTTPRequestHandler):
    """Answers DetectCustomLabels and GetItem as AWS does, whatever is asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "Rekognition" in self.headers["X-Amz-Target"]:
            kind, answer = "1.1", json.dumps({"CustomLabels": [{"Name": "bolt", "Confidence": 98.1}]})
        else:
            kind, answer = "1.0", json.dumps({"Item": {"projectVersionArn": {"S": ARN}}})
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-amz-json-{kind}")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def measure(python: Path, endpoint: str, side: str, requests: int) -> dict[str, float]:
    """One fresh process of a side."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PROJECT": "custom-labels",
        "STATE_TABLE": "state",
        "DATA_BUCKET": "data",
        "CORS_ORIGIN": "",
        "LOW_CONFIDENCE": "50",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "CustomLabels",
    }
    command = [str(python), str(Path(__file__)), "--side", side, "--requests", str(requests)]
    ended = subprocess.run(  # noqa: S603 - this module, in an environment of ours
        command, env=variables, check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])  # before it: the metrics of each request
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--requests", type=int, default=0)
    given = parser.parse_args()
    if given.side:
        sys.stdout.write(f"\n{json.dumps(run(given.side, given.requests))}\n")
        return
    from local.venvs import environment, pinned

    aws = pinned(ROOT / "requirements-dev.txt", "boto3", "botocore")
    python = environment("shipped", [*pinned(ROOT / "functions" / "requirements.txt"), *aws])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    found: dict[str, dict[str, list[float]]] = {side: {"cold": [], "warm": []} for side in SIDES}
    try:
        for side in SIDES:
            measure(python, endpoint, side, 0)  # writes the byte code
        for number in range(COLD):
            for side in SIDES if number % 2 else reversed(SIDES):
                found[side]["cold"].append(measure(python, endpoint, side, 0)["cold"])
        for number in range(WARM):
            for side in SIDES if number % 2 else reversed(SIDES):
                found[side]["warm"].append(measure(python, endpoint, side, REQUESTS)["warm"])
    finally:
        server.shutdown()
        server.server_close()
    say = sys.stdout.write
    say("api: CPU of predict.py, baseline: boto3 client at import, decode, call, dump\n")
    for what, goal in (("cold", COLD_GOAL), ("warm", WARM_GOAL)):
        base, ours = (statistics.median(found[side][what]) for side in SIDES)
        name = {"cold": "import, client and first call", "warm": "warm request, 1 MB image"}[what]
        kept = "kept" if ours / base <= goal else "MISSED"
        say(
            f"  {name:<31} {ours * 1000:7.1f} ms  {base * 1000:7.1f} ms bare  {ours / base:5.2f} x baseline"
            f"   goal <= {goal}: {kept}\n"
        )


if __name__ == "__main__":
    main()
