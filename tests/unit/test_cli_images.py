"""Images on this machine and what an upload makes of them, without a cloud."""

from collections import Counter
from pathlib import Path

import pytest
from customlabels import manifests

from cli import images, run, upload
from cli.errors import CommandError
from cli.screen import Screen
from cli.stack import Stack


@pytest.mark.parametrize(
    ("path", "split", "expected"),
    [
        ("bolt/1.jpg", False, "bolt"),
        ("bolt/left/1.jpg", False, "bolt"),
        ("1.jpg", False, None),
        ("train/bolt/1.jpg", True, "train/bolt"),
        ("test/bolt/left/1.jpg", True, "test/bolt"),
        ("train/1.jpg", True, None),
        ("other/bolt/1.jpg", True, None),
    ],
)
def test_the_folder_of_the_label(path: str, split: bool, expected: str | None) -> None:
    assert images.label_folder(path, split) == expected
    if expected and not split:
        assert manifests.folder_label("images/parts/", f"images/parts/{path}") == expected


def test_a_run_finds_what_is_uploaded() -> None:
    assert images.SUFFIXES == manifests.IMAGE_SUFFIXES


def test_the_sources_and_the_command_for_them() -> None:
    assert images.sources("s3://b/p/", split=False) == {"training": {"folder": "s3://b/p/"}}
    split = images.sources("s3://b/my parts/", split=True)
    assert split == {
        "training": {"folder": "s3://b/my parts/train/"},
        "testing": {"folder": "s3://b/my parts/test/"},
    }
    assert run.options(split) == "--training 's3://b/my parts/train/' --testing 's3://b/my parts/test/'"
    assert run.request({"force": True}, testing="auto", uploaded=split) == {
        "force": True,
        "training": {"folder": "s3://b/my parts/train/"},
        "testing": {"split": "auto"},
    }


def test_where_a_folder_goes(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    assert (
        upload.target(None, "data", "p", tmp_path / "parts" / "..").uri == f"s3://data/images/p/{tmp_path.name}/"
    )
    assert upload.target("s3://other", "data", "p", tmp_path) == upload.Address("other", "")
    assert upload.target("s3://other/a/b", "data", "p", tmp_path) == upload.Address("other", "a/b/")
    with pytest.raises(CommandError, match=r"give s3://bucket/prefix/\."):
        upload.target("s3://Bad_Bucket/", "data", "p", tmp_path)
    stack = Stack("s", {"DataBucketName": "data"}, {"ImageBuckets": "one, two"})
    assert upload.reach_note(upload.Address("two", ""), stack) is None


def test_images_outside_the_label_folders_are_warned_of() -> None:
    seen = images.Survey(split=True, labels=Counter({"train/bolt": 2}), unlabelled=1)
    assert "A run learns nothing from 1 image outside the label folders" in (images.warning(seen) or "")
    assert "train/bolt/1.jpg and test/bolt/2.jpg" in (images.warning(seen) or "")
    assert images.warning(images.Survey(labels=Counter({"bolt": 2}))) is None


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [
        ("a/1.png", images.LARGEST, None),
        ("a/1.png", images.LARGEST + 1, images.TOO_LARGE),
        ("a/1.png", 0, images.EMPTY),
        ("a/.1.png", 5, images.HIDDEN),
    ],
)
def test_what_names_and_sizes_say(path: str, size: int, expected: str | None) -> None:
    assert images.unfit(path, size) == expected


def test_names_are_shown_by_reason_and_not_all_of_them() -> None:
    files = [(f"{number:02}.txt", images.NO_IMAGE) for number in range(12)]
    (line,) = upload.grouped(files)
    assert line.startswith(f"  {images.NO_IMAGE}: 00.txt, 01.txt")
    assert line.endswith("09.txt, and 2 more")


def test_the_bar_shows_files_bytes_and_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    with Screen().transfer("Uploading", 1200, 2_000_000) as done:
        done(1_000_000)
    shown = capsys.readouterr().out
    assert "1/1,200 files" in shown
    assert "1.0/2.0 MB" in shown


def test_what_an_etag_says() -> None:
    assert upload.compare(None, b"abc") is upload.Verdict.SEND
    assert upload.compare("900150983cd24fb0d6963f7d28e17f72", b"abc") is upload.Verdict.LEAVE
    assert upload.compare("900150983cd24fb0d6963f7d28e17f72-1", b"abc") is upload.Verdict.ASK
    assert upload.compare("d41d8cd98f00b204e9800998ecf8427e", b"abc") is upload.Verdict.ASK
