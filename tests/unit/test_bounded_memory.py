"""250,000 lines, the most that Rekognition takes, pass within the memory of a small Lambda."""

import io
import json
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from botocore.response import StreamingBody
from customlabels.batching.lines import answer
from customlabels.batching.places import Places
from customlabels.batching.planning import Planner, begin
from customlabels.exports import Export, convert
from customlabels.manifests import folder_line
from customlabels.polling import begin as begin_poll
from customlabels.preflight.checks import Preflight
from customlabels.preflight.findings import Findings
from customlabels.snapshots import DETAILS, outcomes

from tests.rounds import takes_long

STATUS = Path("/proc/self/status")
FOLDER = "s3://images/a/folder/of/some/depth/"
WHEN = datetime(2026, 11, 22, 8, 30, 11, tzinfo=UTC)

# Both datasets in one process of its own, whose peak is read where the system tells it. The table names two boxes
# of each image, apart from each other, so that nothing but the whole of it tells what a line holds.
WHOLE = """
from tests.unit.test_bounded_memory import *
from customlabels.preflight.line_checks import Facts

def table(count):
    yield b"image,label,left,top,width,height"
    for part in range(2):
        for at in range(0, count, 1000):
            rows = (f"\\n{n:08}/{'x' * 60}.png,label {n % 250},1,2,30,40" for n in range(at, at + 1000))
            yield "".join(rows).encode()

preflight, found = Preflight(), Findings("training")
sizes = lambda references: [(640, 480)] * len(references)
export = Export("csv", FOLDER + "labels.csv", FOLDER)
for n, image in enumerate(convert(export, table(250_000), WHEN, sizes, found)):
    preflight.add("training", image.line, Facts("png", 640, 480, 100_000, f"etag:{n:032x}"))
for n in range(250_000):
    line = folder_line(f"{FOLDER}test/{n:08}/{'x' * 60}.png", f"label {n % 250}", WHEN)
    preflight.add("testing", line, Facts(content=f"etag:{n + 200_000:032x}"))
report = preflight.report([found])
assert report.datasets["training"]["usable"] == report.datasets["testing"]["usable"] == 250_000
assert [f.count for f in report.findings if f.code == "CONTENT_IN_BOTH_DATASETS"] == [50_000]
print(STATUS.read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell a process's peak")
@takes_long("two datasets of 250,000 entries take half a minute")
def test_two_full_datasets_pass_in_256_mb():
    paths = [path for path in sys.path if path]
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{WHOLE}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) < 256 * 1024  # KiB


def peak(consume, count):
    tracemalloc.start()
    try:
        consume(count)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def drain(kind, chunks):
    found = Findings("training")
    for _ in convert(Export(kind, FOLDER + "file", FOLDER), chunks, WHEN, list, found):
        pass


def ground_truth(count):
    drain(
        "groundTruth",
        (folder_line(f"{FOLDER}{n}/{'x' * 60}.png", "bolt", WHEN).encode() + b"\n" for n in range(count)),
    )


def label_studio(count):
    result = [{"type": "choices", "value": {"choices": ["bolt"]}}]
    tasks = (
        json.dumps({"id": n, "data": {"image": f"{n}.png"}, "annotations": [{"result": result}]}).encode()
        for n in range(count)
    )
    drain("labelStudio", chain([b"["], (b"," * bool(n) + task for n, task in enumerate(tasks)), [b"]"]))


def coco(count):
    polygon = [round(n * 1.37, 2) for n in range(20)]  # what most of a COCO file is, and never kept
    parts = {
        "images": ({"id": n, "file_name": f"{n:012}.jpg", "width": 640, "height": 480} for n in range(count)),
        "annotations": (
            {"image_id": n % count, "category_id": 1, "bbox": [1, 2, 30, 40], "segmentation": [polygon]}
            for n in range(2 * count)
        ),
        "categories": iter([{"id": 1, "name": "bolt"}]),
    }

    def chunks():
        for index, (key, elements) in enumerate(parts.items()):
            yield (b"," if index else b"{") + json.dumps(key).encode() + b":["
            for number, element in enumerate(elements):
                yield b"," * bool(number) + json.dumps(element).encode()
            yield b"]"
        yield b"}"

    drain("coco", chunks())


def preflight(count):
    check = Preflight()
    for n in range(count):
        check.add("training", folder_line(f"{FOLDER}{n}/{'x' * 60}.png", f"label {n % 250}", WHEN))
    check.report()


def snapshot(count):
    def lines():
        for n in range(count):
            line = {"source-ref": f"{FOLDER}{n}/{'x' * 60}.png"}
            for label in range(4):  # of which every other is found
                for part, job in (("training", "yes"), ("evaluation", "no")):
                    name = f"rekognition-custom-labels-{part}-{label}"
                    line[name] = label
                    line[f"{name}-metadata"] = {
                        "confidence": 1,
                        "class-name": f"label {(n % 60) * 4 + label}",
                        "human-annotated": job,
                        DETAILS: {"is-true-positive": label % 2 == 0, "is-false-positive": False},
                    }
            yield json.dumps(line).encode()

    assert len(outcomes(lines(), {})) == count


class Shots:
    """A bucket of `count` images, every other of which has its line; what is written is not kept."""

    def __init__(self, count):
        self.count, self.index = count, {}

    def put_object(self, **asked):
        if "/index/" in asked["Key"]:
            self.index = {asked["Key"]: asked["Body"]}

    def get_object(self, **asked):
        body = self.index.get(asked["Key"]) or "\n".join(
            answer(self.key(n), "one", []) for n in range(int(asked["Key"][-12:-6]), self.count, 2)[:500]
        )
        data = body if isinstance(body, bytes) else body.encode()
        return {"Body": StreamingBody(io.BytesIO(data), len(data))}

    def list_objects_v2(self, **_):
        return {}

    def get_paginator(self, _name):
        def paginate(**asked):
            images = asked["Prefix"] == "shots/"
            after = asked.get("StartAfter", "")
            for at in range(0, self.count, 1000):
                keys = (
                    [f"shots/{n:06}.png" for n in range(at, min(at + 1000, self.count))]
                    if images
                    else [f"x/{at:06}.jsonl"]
                )
                yield {"Contents": [{"Key": key, "Size": 30_000} for key in keys if key > after]}

        return SimpleNamespace(paginate=paginate)

    @staticmethod
    def key(number):
        return f"s3://data/shots/{number:06}.png"


def batch(count):
    planner = Planner(Shots(count), Places.of("s3://data/batch/out/", "one", "run"), 500)
    with patch("customlabels.batching.index.SLICE_BYTES", 60_000):
        plan = planner.plan(begin(begin_poll(1, 1, 1)), "images", "s3://data/shots/")
    assert (plan["done"], plan["images"]) == (True, count)
    assert plan["chunks"] >= count // 1000


@pytest.mark.parametrize(
    ("consume", "of_a_line"),
    [(ground_truth, 1), (label_studio, 1), (coco, 400), (preflight, 200), (snapshot, 250), (batch, 1)],
)
def test_memory_grows_by_few_bytes_a_line(consume, of_a_line):
    few, many = 3_000, 9_000  # far apart, for a dictionary grows in steps
    consume(10)  # what is made once is not counted
    assert peak(consume, many) - peak(consume, few) < of_a_line * (many - few) + 100_000
