"""State that survives the service: what it holds, what is lost, and what cannot be read."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.rekognition.keeping import STOPPED
from local.rekognition.service import Service
from local.rekognition.settings import Settings

from .conftest import Desk, png
from .test_service_projects import POLICY


class Kept(Desk):
    """A desk whose service keeps its state, and can be started again."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder / "unused")
        self.service.close()
        self.folder = folder
        self.start(settings)

    def start(self, settings: Settings) -> None:
        self.service = Service(
            settings,
            s3=lambda: self.s3,
            state_dir=self.folder,
            clock=lambda: self.now,
            keep=self.folder / "kept",
        )

    def restart(self) -> None:
        self.service.close()
        self.start(self.service.settings)

    @property
    def state(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "kept" / "state.json").read_text())
        return content

    def everything(self) -> list[Any]:
        """All that the API tells."""
        projects = self("DescribeProjects")["ProjectDescriptions"]
        found: list[Any] = [projects]
        for project in projects:
            arn = project["ProjectArn"]
            found.append(self("DescribeProjectVersions", ProjectArn=arn))
            found.append(self("ListProjectPolicies", ProjectArn=arn))
            found.append(self("ListTagsForResource", ResourceArn=arn))
            for dataset in project["Datasets"]:
                found.append(self("DescribeDataset", DatasetArn=dataset["DatasetArn"]))
                found.append(self("ListDatasetEntries", DatasetArn=dataset["DatasetArn"]))
                found.append(self("ListDatasetLabels", DatasetArn=dataset["DatasetArn"]))
        return found


@pytest.fixture
def open_kept(open_desk: object, tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    desks: list[Kept] = []

    def opened(**settings: Any) -> Kept:
        desks.append(Kept(Settings(**{"workers": 0, **settings}), tmp_path / f"kept-{len(desks)}"))
        return desks[-1]

    yield opened
    for desk in desks:
        desk.service.close()


@pytest.fixture
def kept(open_kept: Callable[..., Kept]) -> Kept:
    return open_kept()


def test_everything_is_there_again(kept: Kept) -> None:
    project, version = kept.running()
    kept("TagResource", ResourceArn=project, Tags={"stage": "test"})
    kept("PutProjectPolicy", ProjectArn=project, PolicyName="copy", PolicyDocument=POLICY)
    kept.train(project, "v2")
    before = kept.everything()
    image = {"Bytes": png("red", 400)}
    detected = kept("DetectCustomLabels", ProjectVersionArn=version, Image=image)
    for _ in range(2):
        kept.restart()
        assert kept.everything() == before
        assert kept("DetectCustomLabels", ProjectVersionArn=version, Image=image) == detected
    kept.train(project, "v3")
    assert kept.version(project, "v3")["Status"] == "TRAINING_COMPLETED"


def test_what_is_gone_leaves_no_files(kept: Kept) -> None:
    project, version = kept.trained()
    folder = kept.folder / "kept"
    kept.restart()
    assert (len(list((folder / "models").iterdir())), len(list((folder / "entries").iterdir()))) == (1, 2)
    kept("DeleteProjectVersion", ProjectVersionArn=version)
    for dataset in kept("DescribeProjects")["ProjectDescriptions"][0]["Datasets"]:
        kept("DeleteDataset", DatasetArn=dataset["DatasetArn"])
    kept.wait()
    kept("DescribeProjects")
    kept.restart()
    assert not list((folder / "models").iterdir())
    assert not list((folder / "entries").iterdir())
    assert kept.state["spaces"][0]["projects"][project]["name"] == "parts"


def test_what_the_clock_ends_goes_on(open_kept: Callable[..., Kept]) -> None:
    desk = open_kept(start_seconds=60, stop_seconds=60)
    project, version = desk.trained()
    desk("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=1, MaxInferenceUnits=3)
    desk.restart()
    assert desk.version(project)["Status"] == "STARTING"
    desk.wait(60)
    found = desk.version(project)
    assert (found["Status"], found["MinInferenceUnits"], found["MaxInferenceUnits"]) == ("RUNNING", 1, 3)
    desk("StopProjectVersion", ProjectVersionArn=version)
    desk.wait(30)
    desk.restart()
    assert desk.version(project)["Status"] == "STOPPING"
    desk.wait(30)
    assert desk.version(project)["Status"] == "STOPPED"


def test_a_clock_that_was_put_forward_does_not_hold_things_up(open_kept: Callable[..., Kept]) -> None:
    desk = open_kept(stop_seconds=60)
    project, version = desk.running()
    desk("StopProjectVersion", ProjectVersionArn=version)
    desk.service.close()
    desk.now -= 1_000_000  # of the next process, whose clock nobody has put forward
    desk.start(desk.service.settings)
    assert desk.version(project)["Status"] == "STOPPING"
    desk.wait(60)
    assert desk.version(project)["Status"] == "STOPPED"
    later = desk.project("later")
    assert int(later.rsplit("/", 1)[1]) > int(version.rsplit("/", 1)[1]), "the newest has the highest number"


def test_work_under_way_is_lost_and_told(open_kept: Callable[..., Kept]) -> None:
    desk = open_kept(workers=1)
    project = desk.project()
    for kind, start in (("TRAIN", 0), ("TEST", 100)):
        source = desk.manifest(f"{kind}.manifest", desk.pictures(3, "red", "green", start=start))
        desk("CreateDataset", ProjectArn=project, DatasetType=kind, DatasetSource=source)
    until(desk, lambda: all(one["Status"] == "CREATE_COMPLETE" for one in datasets(desk)))
    arn = desk.train(project)  # its worker needs longer to start than the next line
    desk.restart()
    found = desk.version(project)
    assert (found["ProjectVersionArn"], found["Status"], found["StatusMessage"]) == (
        arn,
        "TRAINING_FAILED",
        STOPPED,
    )
    desk("DeleteProjectVersion", ProjectVersionArn=arn)


def datasets(desk: Desk) -> list[dict[str, Any]]:
    return list(desk("DescribeProjects")["ProjectDescriptions"][0]["Datasets"])


def until(desk: Desk, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        desk.wait()
        time.sleep(0.02)


def test_a_change_is_written_before_the_end(kept: Kept) -> None:
    kept.project("written")
    until(kept, (kept.folder / "kept" / "state.json").exists)
    assert [one["name"] for one in kept.state["spaces"][0]["projects"].values()] == ["written"]
    assert not list((kept.folder / "kept").glob("*.tmp"))


@pytest.mark.parametrize("content", ["{", '{"format": 2}', '{"format": 1, "saved": 0}', "[]"])
def test_a_file_that_cannot_be_read_is_told_and_set_aside(
    kept: Kept, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept.trained()
    kept.service.close()
    (kept.folder / "kept" / "state.json").write_text(content)
    with caplog.at_level(logging.WARNING):
        kept.start(kept.service.settings)
    (told,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "cannot be read" in told
    assert told.endswith("it is now kept.unreadable-1, and the service starts empty.")
    aside = kept.folder / "kept.unreadable-1"
    assert (aside / "state.json").read_text() == content
    assert list((aside / "models").iterdir())
    assert kept("DescribeProjects") == {"ProjectDescriptions": []}
    kept.project("new")
    kept.restart()
    assert len(kept("DescribeProjects")["ProjectDescriptions"]) == 1


def test_a_model_that_is_gone_is_told(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    project, version = kept.trained()
    kept.service.close()
    for file in (kept.folder / "kept" / "models").iterdir():
        file.unlink()
    with caplog.at_level(logging.WARNING):
        kept.start(kept.service.settings)
    assert version in caplog.text
    assert kept.version(project)["Status"] == "TRAINING_COMPLETED"


def test_a_folder_is_one_services(kept: Kept) -> None:
    with pytest.raises(RuntimeError, match="Another service keeps its state"):
        kept.start(kept.service.settings)


def test_without_being_asked_nothing_is_kept_but_features(open_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = open_desk()
    desk.trained()
    desk.service.close()
    names = {path.name.partition("-")[0] for path in (tmp_path / "0").iterdir()}
    assert names == {"features.sqlite", "models"}
    assert not list((tmp_path / "0" / "models").iterdir())


def test_a_reset_forgets_everything(kept: Kept) -> None:
    kept.trained()
    kept.service.faults.training("no")
    kept.service.reset()
    assert kept("DescribeProjects") == {"ProjectDescriptions": []}
    assert kept.service.faults.plan() == []
    kept.restart()
    assert kept("DescribeProjects") == {"ProjectDescriptions": []}
    assert not list((kept.folder / "kept" / "models").iterdir())
