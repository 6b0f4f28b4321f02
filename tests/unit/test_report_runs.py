"""The report on runs that were really trained, as Report writes it, and as a browser shows it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser

from local import samples
from tests.browser import opened
from tests.reported import BUCKET, Account, account


class Run(NamedTuple):
    """A report: its page, the page as a file, and its JSON."""

    text: str
    address: str
    told: dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def place() -> Iterator[Account]:
    with account() as found:
        yield found


def written(folder: Path, name: str, page: str, told: dict[str, Any]) -> Run:
    file = folder / f"{name}.html"
    file.write_text(page)
    return Run(page, file.as_uri(), told)


@pytest.fixture(scope="module")
def digits(place: Account, folder: Path) -> Run:
    """A version of the digits that is refused, after a smaller one that is live."""
    images = samples.write_digits(folder / "digits", train=8, test=10)
    tests = place.digits(images, "test")
    first = place.train("custom-labels-digits", "run-1", place.digits(images, "train", 3), tests)
    second = place.train("custom-labels-digits", "run-2", place.digits(images, "train"), tests)
    place.record("custom-labels-digits", "2026-11-20T08:00:00+00:00", "run-1", 0.75)
    place.record("custom-labels-digits", "2026-11-21T08:00:00+00:00", "run-x", None, outcome="failed", error="Bad")
    event = place.event(second, minimum=1.0, live=first["ProjectVersionArn"])
    for one in ("0", "1"):  # two of the pictures that may be shown are gone
        place.s3.delete_object(Bucket=BUCKET, Key=f"images/digits/test/{one}/{one}-008.png")
    return written(folder, "digits", *place.report(event))


@pytest.fixture(scope="module")
def boxes(place: Account, folder: Path) -> Run:
    """A version that finds five digits on canvases."""
    images = samples.write_boxes(folder / "boxes", train=14, test=12, unseen=1, side=224, digits="23589")
    version = place.train(
        "custom-labels-boxes", "run-1", place.boxes(images, "train"), place.boxes(images, "test")
    )
    return written(folder, "boxes", *place.report(place.event(version, minimum=0.1)))


def test_the_report_tells_what_was_measured(digits: Run, place: Account) -> None:
    told = digits.told
    project = told["projectVersionArn"].split("/version/")[0]
    assert project.endswith(":project/custom-labels-digits")
    assert told["kind"] == "IMAGE_LEVEL_LABELS"
    assert told["missing"] == {}
    assert told["verdict"]["accepted"] is False
    assert told["metrics"]["f1"] == told["verdict"]["value"]
    # Counts from the snapshot give the very precision and recall that the summary tells.
    for one in told["labels"]:
        right, wrong, missed = one["truePositives"], one["falsePositives"], one["falseNegatives"]
        assert right / (right + wrong) == pytest.approx(one["precision"])
        assert right / (right + missed) == pytest.approx(one["recall"])
    assert told["champion"]["version"] == "run-1"
    assert [run["version"] for run in told["history"]] == ["run-2", "run-x", "run-1"]
    assert told["mistakes"]["mistaken"] == len(told["mistakes"]["worst"]) > 2
    assert digits.text.count('src="data:image/jpeg;base64,') == sum(
        place.s3.list_objects_v2(Bucket=BUCKET, Prefix=one["image"].removeprefix(f"s3://{BUCKET}/"))["KeyCount"]
        for one in told["mistakes"]["worst"]
    )
    assert len(digits.text.encode()) < 1_000_000


def test_the_report_tells_of_boxes(boxes: Run) -> None:
    told = boxes.told
    assert told["kind"] == "OBJECT_LOCALIZATION"
    assert told["confusion"] is None
    for one in told["labels"]:
        right, wrong, missed = one["truePositives"], one["falsePositives"], one["falseNegatives"]
        assert right / ((right + wrong) or 1) == pytest.approx(one["precision"])
        assert right / (right + missed) == pytest.approx(one["recall"])
    assert told["mistakes"]["worst"]
    assert all(one["truth"] and one["size"] == [224, 224] for one in told["mistakes"]["worst"])
    assert "predicted box, dashed" in boxes.text


@pytest.mark.parametrize("name", ["digits", "boxes"])
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_a_browser_shows_it_and_asks_nobody(
    request: pytest.FixtureRequest, chromium: Browser, name: str, width: int, scheme: Any
) -> None:
    run: Run = request.getfixturevalue(name)
    with opened(chromium, run.address, width, color_scheme=scheme) as shown:
        assert (shown.console, shown.errors, shown.requests) == ([], [], [run.address])
        assert shown.overflow == 0
        verdict = "Accepted" if run.told["verdict"]["accepted"] else "Refused"
        assert shown.page.locator(".verdict h2").inner_text().endswith(verdict)
        assert shown.page.title() == f"{verdict}: {run.told['version']} of {run.told['project']}"
        broken = "[...document.images].filter(image => !image.complete || !image.naturalWidth).length"
        assert shown.page.evaluate(broken) == 0
        drawn = shown.page.locator(".chart svg").all()
        assert len(drawn) >= 4
        for chart in drawn:
            box = chart.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 60
        # No identifier is in two charts, or their clipping would be one another's.
        twice = (
            "(ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map(one => one.id))"
        )
        assert shown.page.evaluate(twice) == 0
        # Text of the charts takes the colours of the scheme.
        colour = shown.page.evaluate("getComputedStyle(document.querySelector('.chart svg text')).fill")
        light = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
        assert (light > 380) == (scheme == "dark")


def test_a_browser_refuses_what_a_page_must_not_do(digits: Run, chromium: Browser, folder: Path) -> None:
    """The policy of the page holds even if markup came through."""
    file = folder / "mischief.html"
    mischief = "<script>document.title = 'taken'</script><img src='http://127.0.0.1:9/x.png'></body>"
    file.write_text(digits.text.replace("</body>", mischief))
    with opened(chromium, file.as_uri()) as shown:
        assert shown.page.title().startswith("Refused")
        assert any("Content Security Policy" in message for message in shown.console)


def test_what_cannot_be_read_is_told(place: Account, digits: Run) -> None:
    gone = digits.told["projectVersionArn"].replace("/run-2/", "/run-9/")
    event = {
        "project": "custom-labels-digits",
        "version": "run-9",
        "execution": None,
        "arn": gone,
        "projectArn": place.rekognition.describe_projects()["ProjectDescriptions"][-1]["ProjectArn"],
        "verdict": {"accepted": True},
        "live": gone.replace("run-9", "run-8"),
        "findings": {"Bucket": BUCKET, "Name": "nothing.json"},
        "cost": {"trainingSeconds": None, "inferenceUnits": None},
    }
    text, told = place.report(event)
    assert set(told["missing"]) == {"summary", "snapshot", "champion", "findings"}
    assert "Rekognition knows no version run-9" in text
    assert "The findings on the data could not be read: NoSuchKey" in text
    place.s3.put_object(Bucket=BUCKET, Key="odd.json", Body=b'{"verdict": 3}')
    _, told = place.report({**event, "live": None, "findings": {"Bucket": BUCKET, "Name": "odd.json"}})
    assert "not of the documented form" in told["missing"]["findings"]
