"""The page in Chromium on the local cloud: predictions, boxes, and from feedback to a new live model."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from local import cloud, demo, samples
from tests.browser import Opened, opened
from tests.local.conftest import Deployed
from tests.pages.hands import answered, drop, labels, pick, unlock
from tests.templates import ROOT


@contextmanager
def visited(chromium: Browser, address: str) -> Iterator[Opened]:
    """A page that in the end has complained of nothing, and has asked nobody else."""
    with opened(chromium, address) as found:
        yield found
        own = "/".join(address.split("/")[:3])
        strangers = [url for url in found.requests if not url.startswith((own, f"blob:{own}"))]
        assert (found.console, found.errors, strangers, found.overflow) == ([], [], [], 0)


@contextmanager
def reviewing(deployed: Deployed) -> Iterator[str]:
    """`python -m cli review page` on the local cloud: the address that it prints."""
    command = [sys.executable, "-m", "cli", "review", "page", "--local", "--no-open"]
    known = {**os.environ, "LOCAL_CLOUD_PORT": str(deployed.port)}
    with subprocess.Popen(command, cwd=ROOT, env=known, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            lines = iter(process.stdout.readline, "")
            found = next(match for line in lines if (match := re.search(r"http://127\.0\.0\.1:\S+", line)))
            yield found.group()
        finally:
            process.terminate()
            process.wait(timeout=10)


def test_from_feedback_to_a_new_live_model(deployed: Deployed, trained: dict[str, Any], chromium: Browser) -> None:
    image = samples.unseen(deployed.samples, "3").read_bytes()
    before = deployed.live()
    with visited(chromium, f"{deployed.api.url}/") as found:
        page = found.page
        unlock(page, deployed.api.key)
        drop(page, "three.png", image)
        answered(page)
        page.get_by_label("At least").fill("0")
        assert len(labels(page)) == 10
        page.get_by_label("At least").fill("100")
        assert not labels(page)
        page.get_by_role("button", name="This is wrong").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("checkbox", name="3", exact=True).check()
        dialog.get_by_label("Comment").fill("It is a three.")
        dialog.get_by_role("button", name="Send").click()
        expect(page.locator(".thanks")).to_be_visible()
    with reviewing(deployed) as address, visited(chromium, address) as found:
        page = found.page
        expect(page.get_by_text("It is a three.")).to_be_visible()
        page.get_by_role("button", name=re.compile("^Accept")).click()
        expect(page.get_by_text("It is a three.")).to_be_hidden()
    ended = deployed.run(
        "with-feedback", demo.sources(deployed.bucket, deployed.project) | {"gate": {"minimum": 0.5}}
    )
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert deployed.live() == "with-feedback" != before
    (entry,) = [line for line in entries(deployed) if "/images/reviewed/" in line["source-ref"]]
    assert entry["source-ref"].startswith(f"s3://{deployed.bucket}/images/reviewed/{deployed.project}/")
    assert "3" in json.dumps(entry)
    assert deployed.labels(deployed.project)["3"] == deployed.labels(deployed.project)["4"] + 1


def entries(deployed: Deployed) -> list[dict[str, Any]]:
    rekognition = deployed.cloud.client("rekognition")
    (found,) = rekognition.describe_projects(ProjectNames=[deployed.project])["ProjectDescriptions"]
    (arn,) = [dataset["DatasetArn"] for dataset in found["Datasets"] if dataset["DatasetType"] == "TRAIN"]
    pages = rekognition.get_paginator("list_dataset_entries").paginate(DatasetArn=arn)
    return [json.loads(line) for page in pages for line in page["DatasetEntries"]]


@pytest.fixture
def boxes(deployed: Deployed, trained: dict[str, Any], tmp_path: Any) -> Iterator[bytes]:
    """The API answers with a model of boxes, and afterwards with the one of before; an image with some digits."""
    folder = samples.write_boxes(tmp_path / "boxes", train=24, test=10, unseen=1, side=224, digits="235")
    project, s3 = f"{deployed.project}-boxes", deployed.cloud.client("s3")
    given: dict[str, Any] = {"project": project, "gate": {"minimum": 0.0}}
    for key, part in (("training", "train"), ("testing", "test")):
        prefix = f"images/{project}/"
        for file in (folder / part).iterdir():
            s3.put_object(Bucket=deployed.bucket, Key=f"{prefix}{part}/{file.name}", Body=file.read_bytes())
        lines = [json.dumps(line) for line in samples.box_manifest(folder, part, deployed.bucket, prefix)]
        s3.put_object(Bucket=deployed.bucket, Key=f"{prefix}{part}.manifest", Body="\n".join(lines).encode())
        given[key] = {"manifest": f"s3://{deployed.bucket}/{prefix}{part}.manifest"}
    ended = deployed.run("boxes", given)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    deployed.set_variables(deployed.inference, PROJECT=project)
    try:
        yield next((folder / "unseen").iterdir()).read_bytes()
    finally:
        deployed.set_variables(deployed.inference, PROJECT=deployed.project)
        deployed.stop(json.loads(ended["output"])["projectVersionArn"])


def test_boxes_are_drawn_over_the_picture(deployed: Deployed, boxes: bytes, chromium: Browser) -> None:
    with visited(chromium, f"{deployed.api.url}/") as found:
        page = found.page
        unlock(page, deployed.api.key)
        pick(page, "digits.jpg", boxes, "image/jpeg")
        answered(page)
        page.get_by_label("At least").fill("0")
        page.locator(".card .box").first.wait_for()
        drawn = page.locator(".card .box").all()
        frame = page.locator(".card .frame").bounding_box()
        assert frame
        for place in (one.bounding_box() for one in drawn):
            assert place
            assert frame["x"] - 1 <= place["x"] < place["x"] + place["width"] <= frame["x"] + frame["width"] + 1
        names = {one.locator(".tag").inner_text().split()[0] for one in drawn}
        assert names <= {"2", "3", "5"}
    assert cloud.LOOPBACK in deployed.api.url
