"""Uploading a folder: what is sent, what is passed over, and what is said of it, on the test cloud."""

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from typer.testing import CliRunner, Result

import cli.__main__
from cli import desk, images, upload
from cli.errors import FailedError
from cli.stack import Cloud, configured_name, connect
from tests.conftest import TIMES
from tests.images import LABELS, picture
from tests.stack import BUCKET, PROJECT, TABLE, deployed
from tests.stack import Stack as Deployed

JPEG = b"\xff\xd8\xff\xe0" + bytes(100)


@pytest.fixture(scope="module")
def there() -> Iterator[Deployed]:
    """The training stack on a test cloud, with the outputs by which a command finds it."""
    with deployed(TIMES) as opened:
        outputs = {"DataBucketName": BUCKET, "StateTableName": TABLE, "StateMachineArn": opened.train.arn}
        template = {
            "Parameters": {"Project": {"Type": "String", "Default": PROJECT}},
            "Resources": {"Anything": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        opened.cloud.client("cloudformation").create_stack(
            StackName=configured_name("default"), TemplateBody=json.dumps(template)
        )
        yield opened


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Three pictures of each label, in a folder named after the test."""
    return write(tmp_path / request.node.name.replace("_", "-"), range(3))


def write(folder: Path, numbers: range, side: int = 64) -> Path:
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in numbers:
            (folder / label / f"{number}.png").write_bytes(picture(label, number, side))
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli.__main__.app, [str(argument) for argument in arguments])


def told(result: Result) -> dict[str, Any]:
    """What the command printed: the functions run in this process, and their metrics are lines between."""
    lines = [line for line in result.stdout.splitlines() if not line.startswith('{"_aws"')]
    value: dict[str, Any] = json.loads("\n".join(lines))
    return value


def objects(there: Deployed, prefix: str) -> dict[str, Any]:
    pages = there.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {one["Key"].removeprefix(prefix): one for page in pages for one in page.get("Contents", [])}


# --- the command --------------------------------------------------------------------------------------------


def test_the_first_upload_sends_everything_and_the_second_nothing(there: Deployed, folder: Path) -> None:
    prefix = f"images/{PROJECT}/{folder.name}/"
    first = call("upload", folder)
    assert first.exit_code == 0, first.output
    assert "9 images uploaded (" in first.stdout
    assert f"--training s3://{BUCKET}/{prefix}" in first.stdout
    stored = objects(there, prefix)
    assert set(stored) == {f"{label}/{number}.png" for label in LABELS for number in range(3)}
    one = there.s3.get_object(Bucket=BUCKET, Key=f"{prefix}down/1.png")
    assert (one["Body"].read(), one["ContentType"]) == (picture("down", 1), "image/png")

    second = told(call("upload", folder, "--json"))
    assert second == {
        "folder": f"s3://{BUCKET}/{prefix}",
        "input": {"training": {"folder": f"s3://{BUCKET}/{prefix}"}},
        "images": 9,
        "uploaded": 0,
        "unchanged": 9,
        "bytes": 0,
        "labels": dict.fromkeys(sorted(LABELS), 3),
        "unlabelled": 0,
        "others": 0,
        "skipped": [],
        "failed": [],
    }
    assert {key: one["LastModified"] for key, one in objects(there, prefix).items()} == {
        key: one["LastModified"] for key, one in stored.items()
    }


def test_only_what_changed_is_sent_again(there: Deployed, folder: Path) -> None:
    call("upload", folder)
    (folder / "down" / "1.png").write_bytes(picture("down", 77))
    (folder / "down" / "2.png").unlink()
    result = call("upload", folder)
    assert "1 image uploaded" in result.stdout
    assert "7 unchanged" in result.stdout
    assert "The address also holds 1 image that the folder does not: nothing is deleted" in result.stdout
    key = f"images/{PROJECT}/{folder.name}/down/1.png"
    assert there.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == picture("down", 77)


@pytest.mark.usefixtures("there")
def test_what_is_no_image_is_named_and_the_rest_is_uploaded(folder: Path) -> None:
    (folder / "down" / "broken.png").write_bytes(b"GIF89a, not what the name says")
    (folder / "down" / "photo.jfif").write_bytes(JPEG)
    (folder / "down" / "photo.JPG").write_bytes(JPEG)
    (folder / "down" / "empty.png").touch()
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "1.png").write_bytes(picture("down", 1))
    (folder / "down" / ".DS_Store").write_bytes(JPEG)
    with (folder / "down" / "large.png").open("wb") as large:
        large.truncate(images.LARGEST + 1)
    (folder / "down" / "again").symlink_to(folder)
    (folder / "down" / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "down" / "itself.png").symlink_to(folder / "down" / "itself.png")
    (folder / "other").symlink_to(folder / "checks")
    os.mkfifo(folder / "down" / "pipe.png")
    (folder / os.fsdecode(b"\xff")).mkdir()
    (folder / os.fsdecode(b"\xff") / "1.png").write_bytes(picture("down", 1))

    result = call("upload", folder, "--json")
    assert result.exit_code == 0, result.output
    found = told(result)
    assert {one["file"]: one["why"] for one in found["skipped"]} == {
        "down/broken.png": images.NO_IMAGE,
        "down/photo.jfif": images.OTHER_NAME,
        "down/empty.png": images.EMPTY,
        ".hidden/": images.HIDDEN,
        "down/.DS_Store": images.HIDDEN,
        "down/large.png": images.TOO_LARGE,
        "down/again/": images.LOOP,
        "down/gone.png": images.NOWHERE,
        "down/itself.png": images.NOWHERE,
        "down/pipe.png": images.NO_FILE,
        "\\udcff/1.png": images.NO_TEXT,
    }
    assert found["labels"] == {"across": 3, "checks": 3, "down": 4, "other": 3}
    assert f"  {images.NO_IMAGE}: down/broken.png" in call("upload", folder).stdout


@pytest.mark.usefixtures("there")
def test_an_interrupted_upload_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for number in range(100):
        (folder / "down" / f"more-{number}.png").write_bytes(picture("down", 100 + number, 16))
    with monkeypatch.context() as patched:
        patched.setattr(upload, "wait", interrupt)
        result = call("upload", folder)
    assert result.exit_code == 130
    done = int(result.stderr.removeprefix("Interrupted: ").split()[0])
    assert 0 < done < 100
    assert "of 109 files are at s3://" in result.stderr
    assert "The same command again goes on" in result.stderr
    found = told(call("upload", folder, "--json"))
    assert (found["unchanged"], found["uploaded"]) == (done, 109 - done)


def test_another_address_and_a_bucket_that_the_stack_may_not_read(there: Deployed, folder: Path) -> None:
    there.s3.create_bucket(Bucket="elsewhere")
    result = call("upload", folder, "--to", "s3://elsewhere/parts")
    assert "may not read s3://elsewhere: name the bucket in its parameter ImageBuckets" in result.stdout
    assert "--training s3://elsewhere/parts/" in result.stdout
    found = there.s3.list_objects_v2(Bucket="elsewhere")["Contents"]
    assert {one["Key"] for one in found} == {f"parts/{label}/{n}.png" for label in LABELS for n in range(3)}


@pytest.mark.usefixtures("there")
def test_a_folder_without_labels_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(JPEG)
    result = call("upload", tmp_path, "--project", f"{PROJECT}-flat")
    assert result.exit_code == 0, result.output
    assert "There are no label folders, so no image has a label" in result.stdout
    assert f"--project {PROJECT}-flat" in result.stdout
    refused = call("run", tmp_path)
    assert refused.exit_code == 2
    assert f"FOLDER {str(tmp_path)!r} cannot be trained on. There are no label folders" in refused.stderr


@pytest.mark.usefixtures("there")
def test_mistakes_are_told_in_a_sentence(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    for arguments, code, said in (
        (["upload", tmp_path / "nowhere"], 2, "nowhere' is not there: give a folder that holds"),
        (["upload", tmp_path / "text" / "notes.txt"], 2, "notes.txt' is a file: give a folder"),
        (["upload", tmp_path / "empty"], 2, "empty' holds nothing to upload"),
        (["upload", folder, "--to", "bucket/prefix"], 2, "--to 'bucket/prefix' is no address"),
        (["upload", folder, "--to", "s3://absent-bucket/"], 3, "There is no bucket absent-bucket: give --to"),
        (["upload", "/"], 2, "has no name of its own: say with --to"),
        (["run", folder, "--training", "s3://b/"], 2, "FOLDER and --training both say what to train on"),
        (["run", folder, "--input", "{"], 2, "--input is not JSON"),
    ):
        result = call(*arguments)
        assert (result.exit_code, said in result.stderr) == (code, True), f"{arguments}: {result.stderr}"
    nothing = call("upload", tmp_path / "text")
    assert nothing.exit_code == 1
    assert "The folder holds no image" in nothing.stdout


# --- refusals of S3 -----------------------------------------------------------------------------------------


class Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def refusing(refuse: Callable[[str], int | None], monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The cloud of the environment, whose S3 answers a PutObject with the status that `refuse` gives."""
    cloud = connect(False)

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        status = refuse(request.url)
        if status is None:
            return None
        code = {403: "AccessDenied", 503: "SlowDown"}[status]
        text = f"<Error><Code>{code}</Code><Message>Not now.</Message></Error>"
        return AWSResponse(request.url, status, {}, Body(text.encode()))

    cloud.client("s3").meta.events.register("before-send.s3.PutObject", answer)
    monkeypatch.setattr(desk, "connect", lambda *_: cloud)
    return cloud


@pytest.mark.usefixtures("there")
def test_a_file_that_fails_is_named_and_the_next_command_sends_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        refusing(lambda url: 403 if url.endswith("/down/1.png") else None, patched)
        result = call("upload", folder, "--json")
        assert result.exit_code == 11
        found = told(result)
        why = "Not now: use credentials that may call PutObject"
        assert found["failed"] == [{"file": "down/1.png", "why": why}]
        assert (found["uploaded"], found["labels"]["down"]) == (8, 2)
        not_started = call("run", folder)
        assert not_started.exit_code == 11
        assert "1 file could not be uploaded:\n  Not now: use" in not_started.stdout
        assert "The run was not started." in not_started.stdout
    assert told(call("upload", folder, "--json"))["uploaded"] == 1


@pytest.mark.usefixtures("there")
def test_a_refusal_that_passes_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = [503]
    refusing(lambda _url: statuses.pop() if statuses else None, monkeypatch)
    assert told(call("upload", folder, "--json"))["uploaded"] == 9


@pytest.mark.usefixtures("there")
def test_file_after_file_that_fails_ends_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        (folder / "down" / f"more-{number}.png").write_bytes(JPEG)
    asked: list[str] = []

    def refuse(url: str) -> int:
        asked.append(url)
        return 403

    cloud = refusing(refuse, monkeypatch)
    to = upload.Address(BUCKET, f"images/{PROJECT}/{folder.name}/")
    with pytest.raises(FailedError, match=r"files one after another could not be uploaded to s3://.*goes on\."):
        upload.send(cloud, folder, upload.Sent(to))
    assert len(asked) < 100
    assert call("upload", folder).exit_code == 1


# --- ETags that are no MD5 ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("etag", ["d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e-2"])
def test_the_sha_256_decides_where_the_etag_is_no_md5(
    folder: Path, monkeypatch: pytest.MonkeyPatch, etag: str
) -> None:
    address = f"s3://{BUCKET}/etags/{len(etag)}"
    call("upload", folder, "--to", address)
    (folder / "down" / "1.png").write_bytes(picture("down", 77))
    listed = upload.stored
    monkeypatch.setattr(upload, "stored", lambda *given: dict.fromkeys(listed(*given), etag))
    found = told(call("upload", folder, "--to", address, "--json"))
    assert (found["unchanged"], found["uploaded"]) == (8, 1)


def test_an_object_in_parts_without_a_checksum_is_sent_again(there: Deployed, folder: Path) -> None:
    key, body = f"images/{PROJECT}/{folder.name}/down/1.png", picture("down", 1)
    started = there.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = there.s3.upload_part(Bucket=BUCKET, Key=key, UploadId=started, PartNumber=1, Body=body)
    there.s3.complete_multipart_upload(
        Bucket=BUCKET,
        Key=key,
        UploadId=started,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert told(call("upload", folder, "--json"))["uploaded"] == 9
    assert told(call("upload", folder, "--json"))["unchanged"] == 9


def test_a_key_that_is_too_long_is_named(there: Deployed, folder: Path) -> None:
    sent = upload.Sent(upload.Address(BUCKET, "long/" * 204))
    upload.send(connect(False), folder, sent)
    assert {why for _, why in sent.skipped} == {images.LONG_NAME}
    assert sent.images + len(sent.skipped) == 9


# --- from a folder to a model -------------------------------------------------------------------------------


def test_a_run_of_a_folder_trains_to_the_end(there: Deployed, tmp_path: Path) -> None:
    write(tmp_path / "parts" / "train", range(8))
    write(tmp_path / "parts" / "test", range(100, 103))
    result = call("run", tmp_path / "parts", "--name", "folder", "--minimum", "0.6", "--json")
    assert result.exit_code == 0, result.output
    ended = told(result)
    assert (ended["status"], ended["output"]["outcome"]) == ("SUCCEEDED", "promoted")
    assert there.versions() == {"folder": "RUNNING"}
    where = f"s3://{BUCKET}/images/{PROJECT}/parts"
    described = there.cloud.client("stepfunctions").describe_execution(executionArn=ended["executionArn"])
    assert json.loads(described["input"]) == {
        "training": {"folder": f"{where}/train/"},
        "testing": {"folder": f"{where}/test/"},
        "gate": {"minimum": 0.6},
    }
    trained = {entry["source-ref"] for entry in there.entries("TRAIN")}
    assert trained == {f"{where}/train/{label}/{number}.png" for label in LABELS for number in range(8)}
    assert "33 images uploaded" in result.stderr
    assert "train/down" in result.stderr
