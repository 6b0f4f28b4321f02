"""The sample images: how many, what they are, and that no image is in two places."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from local import samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.write_digits(tmp_path_factory.mktemp("samples") / "digits", train=6, test=2)


def contents(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*.png")
    }


def test_counts_and_folders(folder: Path) -> None:
    for label in map(str, range(10)):
        assert len(list((folder / "train" / label).glob("*.png"))) == 6
        assert len(list((folder / "test" / label).glob("*.png"))) == 2
        assert samples.unseen(folder, label).is_file()
    assert len(contents(folder)) == 10 * (6 + 2 + 1)


def test_images_are_what_rekognition_accepts(folder: Path) -> None:
    for file in folder.rglob("*.png"):
        with Image.open(file) as image:
            assert (image.format, image.size, image.mode) == ("PNG", (128, 128), "L")


def test_no_content_is_in_two_places(folder: Path) -> None:
    found = contents(folder)
    assert len(set(found.values())) == len(found)


def test_the_default_numbers_share_no_scan_either() -> None:
    chosen = [scan.tobytes() for _, scan in samples._chosen(50, 15)]
    assert len(chosen) == len(set(chosen)) == 10 * (50 + 15 + 1)


def test_the_same_files_every_time(folder: Path, tmp_path: Path) -> None:
    again = samples.write_digits(tmp_path / "digits", train=6, test=2)
    assert contents(again) == contents(folder)


def test_a_written_folder_is_left_alone(folder: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    assert samples.write_digits(folder, train=6, test=2) == folder
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before


def test_other_numbers_leave_nothing_of_the_old(tmp_path: Path) -> None:
    samples.write_digits(tmp_path / "digits", train=3, test=2)
    samples.write_digits(tmp_path / "digits", train=2, test=1)
    assert len(contents(tmp_path / "digits")) == 10 * (2 + 1 + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


@pytest.mark.parametrize(("train", "test"), [(0, 5), (5, 0), (170, 20)])
def test_impossible_numbers_are_refused(tmp_path: Path, train: int, test: int) -> None:
    with pytest.raises(ValueError, match=f"{train} training and {test} test images"):
        samples.write_digits(tmp_path / "digits", train=train, test=test)
    assert list(tmp_path.iterdir()) == []
