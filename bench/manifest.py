"""A folder of 250,000 images becomes a manifest: time as a ratio to listing the same keys, and peak memory.

`python -m bench.manifest [KEYS]`. The keys are listed by a small S3 of this process on loopback, since those of
the emulators take longer over a page the more keys there are, which would hide what is measured. Each side is a
process of its own, so that its memory is its own too.
Limited by the pages of ListObjectsV2, each of 1,000 keys and asked for with the token of the one before.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[1]
BUCKET, PROJECT, LABELS = "bench", "bench", 100
PAGE = 1000
GOAL = 1.5  # times the listing
MEMORY = 256  # MB in which the function has to do it


def listing() -> int:
    """The baseline: every key of the folder listed, and nothing else."""
    import boto3

    pages = (
        boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"images/{PROJECT}/")
    )
    return sum(len(page.get("Contents", [])) for page in pages)


def preparing() -> int:
    """What PrepareTrainDataset does with a folder where nothing of it is tested with."""
    import boto3
    from customlabels.preparing import Desk
    from customlabels.sources import Source

    desk = Desk(boto3.client("s3"), BUCKET, PROJECT, "bench", "training")
    return desk.write(desk.source(Source("folder", f"s3://{BUCKET}/images/{PROJECT}/"))).images


SIDES = {"listing": listing, "preparing": preparing}


def measure(side: str, endpoint: str) -> dict[str, float]:
    """Seconds, keys and peak megabytes of one side in a fresh process."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'functions'}",
    }
    command = [sys.executable, "-m", "bench.manifest", "--side", side]
    ended = subprocess.run(  # noqa: S603 - our own module
        command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


class Bucket(BaseHTTPRequestHandler):
    """ListObjectsV2 over keys that are made up as they are listed, and PutObject of whatever is written."""

    protocol_version = "HTTP/1.1"
    keys = 0

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        first = int(query.get("continuation-token", ["0"])[0])
        last = min(first + PAGE, self.keys)
        rows = "".join(
            f"<Contents><Key>images/{PROJECT}/label-{number * LABELS // self.keys:03}/{number:06}.png</Key>"
            f"<LastModified>2026-11-22T10:00:00.000Z</LastModified><ETag>&quot;{number:032x}&quot;</ETag>"
            f"<Size>20000</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for number in range(first, last)
        )
        more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < self.keys else ""
        truncated = str(bool(more)).lower()
        self._answer(f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{rows}</ListBucketResult>")

    def do_PUT(self) -> None:
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self._answer("")

    def do_POST(self) -> None:
        self.do_PUT() if "uploadId" in self.path else self._answer(
            "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        )

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""

    def _answer(self, body: str) -> None:
        data = body.encode()
        self.send_response(200)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", nargs="?", type=int, default=250_000)
    parser.add_argument("--side", choices=SIDES)
    given = parser.parse_args()
    if given.side:
        began = time.perf_counter()
        keys = SIDES[given.side]()
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps({"seconds": seconds, "keys": keys, "megabytes": peak}))
        return
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    Bucket.keys = given.keys
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        figures = {side: measure(side, endpoint) for side in SIDES}
    finally:
        server.shutdown()
        server.server_close()
    ratio = figures["preparing"]["seconds"] / figures["listing"]["seconds"]
    for side, of in figures.items():
        sys.stdout.write(
            f"{side:9}  {of['keys']:,.0f} keys in {of['seconds']:.1f} s, peak {of['megabytes']:.0f} MB\n"
        )
    sys.stdout.write(f"manifest: {ratio:.2f} x the listing (goal {GOAL}), memory goal {MEMORY} MB\n")


if __name__ == "__main__":
    main()
