"""The sample images: how many, what they are, and that no image is in two places."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
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


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples") / "boxes"
    return samples.write_boxes(folder, train=6, test=3, unseen=2, side=160, digits="0123")


def coco(folder: Path, part: str) -> dict[str, Any]:
    return dict(json.loads((folder / f"{part}.json").read_text()))


def test_boxes_lie_around_ink_and_not_over_another(boxes: Path) -> None:
    for part, count in (("train", 6), ("test", 3), ("unseen", 2)):
        found = coco(boxes, part)
        assert len(found["images"]) == len(list((boxes / part).glob("*.jpg"))) == count
        assert [one["name"] for one in found["categories"]] == list("0123")
        for image in found["images"]:
            with Image.open(boxes / image["file_name"]) as opened:
                assert (opened.format, opened.size) == ("JPEG", (160, 160))
                pixels = np.asarray(opened.convert("L"), dtype=float)
            own = [one["bbox"] for one in found["annotations"] if one["image_id"] == image["id"]]
            assert len(own) >= 1
            covered = np.zeros((160, 160), dtype=int)
            for left, top, width, height in own:
                covered[top : top + height, left : left + width] += 1
                assert np.percentile(pixels[top : top + height, left : left + width], 5) < 130
            assert covered.max() == 1


def test_boxes_are_the_same_every_time_and_kept(boxes: Path, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"train": 6, "test": 3, "unseen": 2, "side": 160, "digits": "0123"}
    again = samples.write_boxes(tmp_path / "boxes", **arguments)
    names = sorted(file.relative_to(boxes) for file in boxes.rglob("*") if file.is_file())
    assert names == sorted(file.relative_to(again) for file in again.rglob("*") if file.is_file())
    assert all((boxes / name).read_bytes() == (again / name).read_bytes() for name in names)
    before = {file: file.stat().st_mtime_ns for file in boxes.rglob("*")}
    samples.write_boxes(boxes, **arguments)
    assert {file: file.stat().st_mtime_ns for file in boxes.rglob("*")} == before


def test_no_scan_is_in_two_parts() -> None:
    parts = samples._parted("05")
    scans = [scan.tobytes() for labels in parts.values() for part in labels.values() for scan in part]
    assert len(scans) == len(set(scans))


def test_the_manifest_of_a_part(boxes: Path) -> None:
    lines = samples.box_manifest(boxes, "test", "my-bucket", "images/")
    assert [one["source-ref"] for one in lines] == [f"s3://my-bucket/images/test/{n:04d}.jpg" for n in range(3)]
    found = coco(boxes, "test")["annotations"]
    first = lines[0]["boxes"]["annotations"][0]
    assert [first[key] for key in ("class_id", "left", "top", "width", "height")] == [
        found[0]["category_id"],
        *found[0]["bbox"],
    ]
    assert sum(len(one["boxes-metadata"]["objects"]) for one in lines) == len(found)


def test_impossible_numbers_of_boxes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one image"):
        samples.write_boxes(tmp_path / "boxes", test=0)
