"""The command `predict`: files, folders and S3, through the API and without it, and what becomes of failures."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from cli import asking, pictures, predict
from cli.__main__ import app
from cli.asking import Unanswered, Wanted
from cli.exits import Exit
from cli.pictures import Ready
from cli.screen import Screen
from cli.stack import configured_name
from tests.command import process
from tests.conftest import TIMES
from tests.images import picture
from tests.pages import gateway
from tests.pages.gateway import KEY, Gateway
from tests.stack import BUCKET, PROJECT, TABLE, Stack, deployed
from tests.templates import ROOT
from tests.unit.test_cli_pictures import turned

BUSY = (429, {"Retry-After": "1"}, {"code": "TooManyRequests", "message": "More requests came than are allowed."})


@pytest.fixture(scope="module")
def cloud() -> Iterator[Stack]:
    """The training stack with a live model `first`, and no inference stack."""
    with deployed(replace(TIMES, start_seconds=1, stop_seconds=1)) as opened:
        outputs = {"DataBucketName": BUCKET, "StateTableName": TABLE, "StateMachineArn": opened.train.arn}
        create(opened, configured_name("default"), outputs)
        train, test = opened.put("train", range(8)), opened.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
        assert opened.run(given, name="first").status == "SUCCEEDED"
        yield opened


@pytest.fixture(scope="module")
def served(cloud: Stack) -> Iterator[tuple[Gateway, str]]:
    """The API of that model, and the id of its key."""
    with gateway.opened(PROJECT) as opened:
        made = cloud.cloud.client("apigateway").create_api_key(name="key", value=KEY, enabled=True)
        yield opened, made["id"]


@pytest.fixture
def api(cloud: Stack, served: tuple[Gateway, str]) -> Iterator[Gateway]:
    """The API as the inference stack that `samconfig.toml` names."""
    opened, key = served
    name = configured_name("inference")
    create(cloud, name, {"ApiUrl": opened.url, "ApiKeyId": key})
    yield opened
    cloud.cloud.client("cloudformation").delete_stack(StackName=name)
    opened.refusals.clear()


def create(stack: Stack, name: str, outputs: dict[str, str]) -> None:
    template = {
        "Parameters": {"Project": {"Type": "String", "Default": PROJECT}},
        "Resources": {f"Queue{name.replace('-', '')}": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    stack.cloud.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures in two folders, and a file that is none."""
    for label in ("down", "across"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "in" / label / f"{number}.png").write_bytes(picture(label, 500 + number))
    (tmp_path / "in" / "notes.txt").write_text("no image")
    return tmp_path / "in"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def told(result: Result) -> Any:
    """The JSON document, among the log lines that the API's functions print in this process."""
    return json.JSONDecoder().raw_decode(result.stdout[result.stdout.index("{\n") :])[0]


def first_labels(told: dict[str, Any]) -> list[str]:
    return [one["predictions"][0]["Name"] for one in told["images"]]


# --- one image, a folder, S3 --------------------------------------------------------------------------------


def test_one_image_as_a_process(api: Gateway, folder: Path) -> None:
    shown = process("predict", folder / "down" / "0.png", COLUMNS="300")
    assert shown.code == 0, shown.err
    assert f"Asking {api.url} about 1 image" in shown.out
    assert "1 of 1 image answered by first; latency" in shown.out
    heads, row = [line.split() for line in shown.out.splitlines()[2:4]]
    assert heads == list(predict.COLUMNS)
    assert row[:2] == [str(folder / "down" / "0.png"), "down"]
    assert float(row[2]) > 0


def test_a_folder_as_json(api: Gateway, folder: Path) -> None:
    ended = process("predict", folder, "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    assert (found["via"], found["project"], found["interrupted"]) == ("api", PROJECT, False)
    assert found["skipped"] == ["notes.txt"]
    assert first_labels(found) == ["across"] * 3 + ["down"] * 3
    assert {one["model"] for one in found["images"]} == {"first"}
    assert all(one["seconds"] > 0 and one["tries"] == 1 and one["error"] is None for one in found["images"])
    assert "Asking" in ended.err


def test_an_image_and_a_folder_of_s3(cloud: Stack, api: Gateway) -> None:
    one = told(call(f"s3://{BUCKET}/images/{PROJECT}/test/down/100.png", "--json"))
    assert first_labels(one) == ["down"]
    address = f"s3://{BUCKET}/images/{PROJECT}/test/across"
    for given in (address, f"{address}/"):
        several = told(call(given, "--json"))
        assert [each["image"] for each in several["images"]] == [f"{address}/{n}.png" for n in range(100, 103)]
        assert first_labels(several) == ["across"] * 3


def test_options_reach_the_model(api: Gateway, folder: Path) -> None:
    every = told(call(folder / "down" / "0.png", "--min-confidence", 0, "--json"))
    assert len(every["images"][0]["predictions"]) == 3
    two = told(call(folder / "down" / "0.png", "--min-confidence", 0, "--max-results", 2, "--json"))
    assert len(two["images"][0]["predictions"]) == 2
    none = call(folder / "down" / "0.png", "--min-confidence", 100)
    assert none.exit_code == 0
    assert call("--max-results", 0, folder).exit_code == 2


@pytest.mark.parametrize("deployed", [True, False])
def test_rekognition_itself(cloud: Stack, folder: Path, deployed: bool, request: pytest.FixtureRequest) -> None:
    """Where it is asked for, and where there is no inference stack."""
    if deployed:
        request.getfixturevalue("api")
    options = ["--direct"] if deployed else []
    found = told(call(folder, "--json", "--min-confidence", 0, "--max-results", 1, *options))
    assert (found["via"], found["asked"].split("/")[3]) == ("rekognition", "first")
    assert first_labels(found) == ["across"] * 3 + ["down"] * 3
    assert all(len(one["predictions"]) == 1 for one in found["images"])


def test_another_project_is_not_asked_through_the_api(api: Gateway, folder: Path) -> None:
    result = call(folder, "--project", f"{PROJECT}-new")
    assert result.exit_code == Exit.ModelNotRunning.code
    assert f"answers for project {PROJECT}: Rekognition itself is asked." in result.stdout
    assert f"Project {PROJECT}-new has no live model: train one with `python -m cli run" in result.stderr


# --- what goes wrong ----------------------------------------------------------------------------------------


def test_what_is_no_image_is_named_and_the_others_are_answered(api: Gateway, folder: Path) -> None:
    (folder / "a.png").write_bytes(b"GIF89a" + bytes(100))
    (folder / "b.jpg").write_bytes(b"")
    (folder / "c.png").write_bytes(picture("down", 1, side=32))
    result = call(folder, "--json")
    assert result.exit_code == Exit.SomeFailed.code
    bad = [one for one in told(result)["images"] if one["predictions"] is None]
    good = [one for one in told(result)["images"] if one not in bad]
    assert [one["error"]["name"] for one in bad] == ["InvalidImage"] * 3
    assert "GIF" in bad[0]["error"]["message"]
    assert "is empty" in bad[1]["error"]["message"]
    assert "32" in bad[2]["error"]["message"]
    assert [one["error"] for one in good] == [None] * 6
    shown = call(folder)
    assert "6 of 9 images answered by first" in shown.stdout
    assert f"{folder / 'a.png'}: The image cannot be used: " in shown.stderr


def test_paths_that_lead_nowhere(cloud: Stack, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.gif").write_bytes(b"GIF89a")
    for given, code, said in (
        (tmp_path / "no.png", 3, "no.png' is not there: give an image, a folder of images, or an s3:// address."),
        (tmp_path / "text", 3, "text' holds no image, only 1 other file: a name ends in .png, .jpg, .jpeg."),
        ("s3://Bad/x.png", 2, "'s3://Bad/x.png' is no address"),
        ("s3://absent-bucket/x.png", 3, "There is no bucket absent-bucket"),
        (f"s3://{BUCKET}/nothing.png", 3, f"Nothing is at s3://{BUCKET}/nothing.png"),
    ):
        result = call(given)
        assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    one = tmp_path / "one.png"
    one.write_bytes(b"GIF89a" + bytes(100))
    assert call(one, "--direct").exit_code == Exit.Usage.code
    named = call(one, "--inference-stack", "absent")
    assert (named.exit_code, "There is no stack absent" in named.stderr) == (3, True)


def test_the_pace_that_the_api_asks_for_is_kept(
    api: Gateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[float] = []
    monkeypatch.setattr(predict.Pace, "hold", lambda _self, seconds: held.append(seconds))
    api.refusals += [BUSY, (503, {"Retry-After": "5"}, {"code": "ServiceUnavailable", "message": "Later."})]
    api.most_open = 0
    result = call(folder, "--json")
    assert result.exit_code == 0, result.output
    assert sorted(one["tries"] for one in told(result)["images"])[:4] == [1] * 4
    assert sum(one["tries"] for one in told(result)["images"]) == 8
    assert sorted(held) == [1, 5]
    assert 1 < api.most_open <= predict.AT_ONCE


def test_who_is_told_to_wait_makes_the_others_wait() -> None:
    pace = predict.Pace(time.monotonic() + 60)
    pace.hold(0.2)
    pace.hold(0.1)  # shorter than what is left: the longer holds
    began = time.monotonic()
    assert pace.wait()
    assert time.monotonic() - began >= 0.19
    pace.hold(61)
    assert not pace.wait(), "it would be later than anybody waits"
    pace.ended.set()
    assert not predict.Pace(0, pace.ended).wait()


class Scripted:
    """Somebody who answers as the script says: an error, or None for an answer."""

    via, address = "api", "nowhere"

    def __init__(self, *script: Unanswered | BaseException | None) -> None:
        self.script = list(script)

    def ask(self, _image: Ready, _wanted: Wanted) -> asking.Answer:
        error = self.script.pop(0) if self.script else None
        if error:
            raise error
        return asking.Answer([{"Name": "down", "Confidence": 90.0}], "first")


def ask(asked: Scripted, many: int = 1, seconds: float = 60) -> list[predict.Told]:
    chosen = [pictures.Picture(f"{n}.png", f"{n}.png", lambda: picture("down", 1)) for n in range(many)]
    question = predict.Round(asked, Wanted(), predict.Pace(time.monotonic() + seconds))  # type: ignore[arg-type]
    return predict.ask(chosen, question, Screen())


def test_a_model_that_starts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict.Pace, "hold", lambda _self, _seconds: None)
    starting = [Unanswered("ModelStarting", "It is starting.", 60) for _ in range(20)]
    (one,) = ask(Scripted(*starting))
    assert (one.tries, one.error) == (21, None)
    (late,) = ask(Scripted(*[Unanswered("TimedOut", "Too late.", 5) for _ in range(20)]))
    assert (late.tries, late.error) == (predict.TRIES, {"name": "TimedOut", "message": "Too late."})


def test_a_wait_that_is_longer_than_the_time_is_given_up() -> None:
    (one,) = ask(Scripted(Unanswered("ModelStarting", "It is starting.", 60)), seconds=5)
    assert one.error == {"name": "ModelStarting", "message": "It is starting."}
    assert predict.ended([one]) is Exit.ModelNotRunning


def test_what_every_image_would_be_told_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "AT_ONCE", 1)
    found = ask(Scripted(None, Unanswered("QuotaExceeded", "Used up.", 3600)), many=4)
    assert [one.tries for one in found] == [1, 1, 0, 0]
    assert [one.error and one.error["name"] for one in found] == [None, *["QuotaExceeded"] * 3]
    assert found[3].error == {"name": "QuotaExceeded", "message": "Not asked any more: Used up."}
    assert predict.ended(found) is Exit.SomeFailed
    assert predict.ended(found[1:]) is Exit.QuotaExceeded


def test_a_fault_with_one_image_loses_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "AT_ONCE", 1)
    found = ask(Scripted(None, ZeroDivisionError("division by zero")), many=3)
    assert [one.error for one in found] == [
        None,
        {"name": "Failed", "message": "ZeroDivisionError: division by zero"},
        None,
    ]


def test_a_wrong_key_and_a_model_that_sleeps(
    cloud: Stack, api: Gateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(gateway, "KEY", "another")
        refused = call(folder, "--json")
    assert refused.exit_code == Exit.NotPermitted.code
    assert {one["error"]["name"] for one in told(refused)["images"]} == {"Forbidden"}
    api.refusals += [(503, {"Retry-After": "60"}, {"code": "ModelNotRunning", "message": "It is asleep."})] * 6
    asleep = call(folder)
    assert (asleep.exit_code, "It is asleep." in asleep.stderr) == (Exit.ModelNotRunning.code, True)


def test_nobody_answers(cloud: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict.Pace, "hold", lambda _self, _seconds: None)
    api = asking.Api("http://127.0.0.1:1", "key", True)
    monkeypatch.setattr(asking, "whom", lambda *_: api)
    result = call(folder)
    assert (result.exit_code, "gave no usable answer: " in result.stderr) == (Exit.Unreachable.code, True)


def test_ctrl_c_keeps_what_is_answered(api: Gateway, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}.png").write_bytes(picture("down", number))
    # The fifth request and those after it are told to wait for a minute: by then four have their answers.
    plain = gateway.Gateway.count
    wait = (429, {"Retry-After": "60"}, BUSY[2])
    before = api.count("POST", "/predictions")
    command = [sys.executable, "-m", "cli", "predict", str(tmp_path), "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            deadline = time.monotonic() + 60
            while plain(api, "POST", "/predictions") < before + 4 and time.monotonic() < deadline:
                time.sleep(0.005)
            api.refusals += [wait] * 40
            while len(api.refusals) == 40 and time.monotonic() < deadline:
                time.sleep(0.01)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == Exit.Interrupted.code, err
    found = json.loads(out)
    assert found["interrupted"] is True
    assert len(found["images"]) == 40
    answered = [one for one in found["images"] if one["predictions"]]
    assert len(answered) >= 4
    assert {one["error"]["name"] for one in found["images"] if not one["predictions"]} == {"Interrupted"}


# --- drawings -------------------------------------------------------------------------------------------------


def test_labels_and_boxes_are_drawn_upright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = {"BoundingBox": {"Left": 0.25, "Top": 0.5, "Width": 0.5, "Height": 0.25}}
    found = [
        {"Name": "bolt", "Confidence": 98.1, "Geometry": box},
        {"Name": "bolt", "Confidence": 60, "Geometry": {"BoundingBox": {**box["BoundingBox"], "Left": 1.2}}},
        {"Name": "scene", "Confidence": 50.0},
    ]
    monkeypatch.setattr(Scripted, "ask", lambda *_: asking.Answer(found, "first"))
    chosen = [pictures.Picture("a.jpg", "in/a.jpg", lambda: turned(side=200))]
    pace = predict.Pace(time.monotonic() + 60)
    question = predict.Round(Scripted(), Wanted(), pace, tmp_path / "out")  # type: ignore[arg-type]
    (one,) = predict.ask(chosen, question, Screen())
    assert one.error is None
    assert one.drawn == str(tmp_path / "out" / "in" / "a.jpg")
    with Image.open(one.drawn) as image:
        assert (image.format, image.size) == ("JPEG", (200, 400))
        edge, within = image.getpixel((100, 200)), image.getpixel((100, 250))
    assert edge[0] - edge[1] > 100, "the box has the colour of its label"
    assert max(within) < 60
    assert [path.name for path in (tmp_path / "out" / "in").iterdir()] == ["a.jpg"]


def test_drawings_never_take_the_place_of_images(api: Gateway, folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    drawn = call(folder, "--draw", tmp_path / "out")
    assert (drawn.exit_code, "Drawn: 6 images in" in drawn.stdout) == (0, True)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.png")) == sorted(one.name for one in before)
    for target, said in ((folder, "holds the image"), (folder / "notes.txt", "is a file: give a folder")):
        refused = call(folder, "--draw", target)
        assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before


def test_a_key_of_s3_writes_nothing_outside_of_the_folder(cloud: Stack, api: Gateway, tmp_path: Path) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="odd/../../up.png", Body=picture("down", 1))
    refused = call(f"s3://{BUCKET}/odd/", "--draw", tmp_path / "out")
    cloud.s3.delete_object(Bucket=BUCKET, Key="odd/../../up.png")
    assert (refused.exit_code, "would lie outside of --draw" in refused.stderr) == (2, True)
