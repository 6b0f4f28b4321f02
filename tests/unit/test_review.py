"""The command `review`: what waits, what becomes of it when it is accepted, and what nobody should be led into."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from customlabels import feedback
from typer.testing import CliRunner, Result

from cli import review as reviewing
from cli import review_commands
from cli.__main__ import app
from cli.errors import CommandError
from cli.review import Broken, plain, said_text
from tests import waiting
from tests.conftest import TIMES
from tests.images import picture
from tests.stack import BUCKET, PROJECT, Stack, deployed
from tests.templates import ROOT
from tests.waiting import BOX, NOW, OTHER, keys, put_item, send

HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.fixture(scope="module")
def world() -> Iterator[Stack]:
    with deployed(TIMES) as made:
        waiting.describe(made)
        yield made


@pytest.fixture
def stack(world: Stack) -> Stack:
    """The stack with no project and no feedback."""
    waiting.empty(world)
    return world


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["review", *arguments])


def told(*arguments: str) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def accepted(stack: Stack) -> list[feedback.Reviewed]:
    return list(feedback.reviewed(stack.table, PROJECT))


def test_what_waits_is_listed_oldest_first(stack: Stack) -> None:
    first = send(stack, {"labels": ["down", "bent"]}, picture("down", 1), "Look at\nthe edge.")
    second = send(stack, {"boxes": [BOX, BOX]}, picture("down", 2))
    third = send(stack, {"labels": []}, picture("down", 3))
    shown = call()
    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.stdout.splitlines() if line[:1].isdigit()][:3] == [
        first,
        second,
        third,
    ]
    for expected in ("64 x 64 pixels", "shows:   down, bent", "comment: Look at the edge.", "2 boxes: 2 x bolt"):
        assert expected in shown.stdout
    assert "shows:   nothing is there" in shown.stdout
    assert f"3 images of {PROJECT}. In the browser: `python -m cli review page" in shown.stdout
    assert call("list").stdout == shown.stdout
    found = told("list")
    assert [one["id"] for one in found] == [first, second, third]
    assert found[0]["said"] == {"labels": ["down", "bent"]}
    assert found[0]["image"] == f"s3://{BUCKET}/feedback/{PROJECT}/{first}.png"


@pytest.mark.usefixtures("stack")
def test_nothing_waits() -> None:
    assert f"Nothing of {PROJECT} waits" in call().stdout
    assert told() == []
    assert told("accepted") == []
    assert told("accept", "--all", "--yes") == []


def test_what_is_accepted_becomes_a_line_of_the_next_run(stack: Stack) -> None:
    waiting.dataset(stack, waiting.labelled(stack, OTHER))
    data = picture("down", 1)
    identity = send(stack, {"labels": ["down"]}, data)
    (result,) = told("accept", identity)
    digest = hashlib.sha256(data).hexdigest()
    key = f"images/reviewed/{PROJECT}/{digest}.png"
    assert result["image"] == f"s3://{OTHER}/{key}", "where the other training images are"
    assert result["notes"] == []
    copied = stack.s3.get_object(Bucket=OTHER, Key=key)
    assert (copied["Body"].read(), copied["ContentType"]) == (data, "image/png")
    (one,) = accepted(stack)
    assert (one.digest, one.reference, one.feedback) == (digest, result["image"], identity)
    assert one.by.startswith("arn:aws:sts::123456789012:")
    line = json.loads(one.line)
    assert (line["source-ref"], line["label-metadata"]["class-name"]) == (result["image"], "down")
    assert list(feedback.waiting(stack.table, PROJECT)) == []
    assert keys(stack, "feedback/") == []


def test_before_there_is_a_dataset_the_data_bucket_is_taken(stack: Stack) -> None:
    first = send(stack, {"boxes": [BOX]}, picture("down", 1))
    assert told("accept", first)[0]["image"].startswith(f"s3://{BUCKET}/images/reviewed/")
    assert json.loads(accepted(stack)[0].line)["boxes"]["annotations"][0]["left"] == 16
    second = send(stack, {"labels": ["down"]}, picture("down", 2))
    result = call("accept", second)
    assert (result.exit_code, "says labels, but the training images have boxes" in result.stderr) == (2, True)


def test_what_does_not_fit_the_dataset_is_refused_until_it_is_corrected(stack: Stack) -> None:
    waiting.dataset(stack, waiting.labelled(stack))
    identity = send(stack, {"boxes": [BOX]}, picture("down", 1))
    refused = call("accept", identity)
    assert refused.exit_code == 2
    assert "the training images have labels of whole images: say what it shows with --labels" in refused.stderr
    assert accepted(stack) == []
    assert keys(stack, "images/") == []
    (made,) = told("accept", identity, "--labels", "down, across")
    assert made["labels"] == ["across", "down"]


def test_boxes_are_corrected_by_json_or_a_file(stack: Stack, tmp_path: Path) -> None:
    waiting.dataset(stack, waiting.boxed(stack))
    first = send(stack, {"labels": ["bolt"]}, picture("down", 1))
    assert "have boxes: say what it shows with --boxes" in call("accept", first).stderr
    (made,) = told("accept", first, "--boxes", json.dumps([BOX]))
    assert made["labels"] == ["bolt"]
    second = send(stack, {"boxes": []}, picture("down", 2))
    assert "nothing is on the image" in call("accept", second).stderr
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps({"boxes": [{**BOX, "Name": "nut"}]}))
    (made,) = told("accept", second, "--boxes", str(file))
    assert made["labels"] == ["nut"]
    assert made["notes"] == [
        "'nut' is a label that no training image has yet: withdraw the image if that is a slip."
    ]


def test_a_label_that_was_accepted_before_is_known(stack: Stack) -> None:
    waiting.dataset(stack, waiting.labelled(stack))
    notes = []
    for number in range(2):
        notes.append(told("accept", send(stack, {"labels": ["bent"]}, picture("down", number)))[0]["notes"])
    assert [len(one) for one in notes] == [1, 0]


def test_a_later_word_on_the_same_image_replaces_the_earlier_one(stack: Stack) -> None:
    for label in ("down", "across"):
        (made,) = told("accept", send(stack, {"labels": [label]}, picture("down", 1)))
    assert made["notes"] == ["The same image was accepted before: what is said now replaces what was said then."]
    assert [json.loads(one.line)["label-metadata"]["class-name"] for one in accepted(stack)] == ["across"]


def test_no_one_accepts_while_nobody_can_read_the_dataset(stack: Stack) -> None:
    arn = waiting.dataset(stack, waiting.labelled(stack))
    identity = send(stack, {"labels": ["down"]}, picture("down", 1))
    changes = {"GroundTruth": waiting.labelled(stack)[0].encode()}
    stack.rekognition.update_dataset_entries(DatasetArn=arn, Changes=changes)
    result = call("accept", identity)
    assert (result.exit_code, "is UPDATE_IN_PROGRESS: accept when that has ended" in result.stderr) == (2, True)
    stack.cloud.clock.advance(60)
    assert call("accept", identity).exit_code == 0


@pytest.mark.parametrize(
    "data", [HTML, SVG, b"GIF89a" + HTML, b"\x89PNG\r\n\x1a\n" + HTML, b"", b"\xff\xd8" + HTML]
)
def test_what_is_no_image_is_refused_whatever_it_is_called(stack: Stack, data: bytes) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 1))
    stack.s3.put_object(
        Bucket=BUCKET, Key=f"feedback/{PROJECT}/{identity}.png", Body=data, ContentType="image/png"
    )
    for command in ("accept", "show"):
        result = call(command, identity)
        assert result.exit_code == 2
        assert f"The image of feedback {identity}" in result.stderr
    assert accepted(stack) == []
    assert keys(stack, "images/") == []
    assert call("discard", identity).exit_code == 0
    assert keys(stack, "feedback/") == []


def test_the_bytes_tell_the_type_and_size_not_who_stored_them(stack: Stack) -> None:
    identity = send(stack, {"boxes": [BOX]}, picture("down", 1))
    larger = picture("down", 2, side=128)
    stack.s3.put_object(
        Bucket=BUCKET, Key=f"feedback/{PROJECT}/{identity}.png", Body=larger, ContentType="text/html"
    )
    (made,) = told("accept", identity)
    assert stack.s3.get_object(Bucket=BUCKET, Key=made["image"].removeprefix(f"s3://{BUCKET}/"))[
        "ContentType"
    ] == ("image/png")
    assert json.loads(accepted(stack)[0].line)["boxes"]["image_size"][0]["width"] == 128


@pytest.mark.parametrize("key", [f"images/{PROJECT}/train/1.png", "manifests/secret.json", "feedback/other/1.png"])
def test_an_item_that_names_another_object_neither_reads_nor_deletes_it(stack: Stack, key: str) -> None:
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=picture("down", 1))
    identity = feedback.new_id(NOW)
    said = json.dumps({"labels": ["down"]})
    put_item(stack, identity, at=NOW.isoformat(), key=key, width=64, height=64, said=said)
    for command in ("accept", "show"):
        assert "which is not its own image" in call(command, identity).stderr
    assert call("discard", identity).exit_code == 0
    assert keys(stack, key) == [key]
    assert told() == []


BROKEN = {
    "no JSON": {"said": "{"},
    "too deep": {"said": "[" * 100_000},
    "another kind": {"said": json.dumps({"labels": "down"})},
    "no said": {},
    "odd sizes": {"said": json.dumps({"labels": ["down"]}), "width": "wide"},
    "an odd time": {"said": json.dumps({"labels": ["down"]}), "at": "\x1b[31mnow"},
    "no time": {"said": json.dumps({"labels": ["down"]}), "at": None},
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_hides_nothing_and_can_be_discarded(stack: Stack, name: str) -> None:
    whole = {"at": NOW.isoformat(), "key": "feedback/1.png", "width": 64, "height": 64}
    put_item(stack, "20260101-\x1b[2Jodd", **{**whole, **BROKEN[name]})
    good = send(stack, {"labels": ["down"]}, picture("down", 1))
    shown = call()
    assert shown.exit_code == 0
    assert "20260101-\N{REPLACEMENT CHARACTER}[2Jodd  cannot be read" in shown.stdout
    assert good in shown.stdout
    assert "\x1b" not in shown.stdout
    broken, other = told()
    assert (broken["id"], other["id"], broken["error"]["message"].endswith(".")) == (
        "20260101-\x1b[2Jodd",
        good,
        True,
    )
    assert "cannot be read" in call("accept", broken["id"]).stderr
    assert call("discard", broken["id"]).exit_code == 0
    assert [one["id"] for one in told()] == [good]


def test_a_terminal_is_told_nothing_that_it_would_obey(stack: Stack) -> None:
    said = json.dumps({"labels": ["down"]})
    identity = feedback.new_id(NOW)
    comment = "\x1b]0;title\x07 \u202eturned [bold]x[/bold]"
    place = {"key": feedback.image_key(PROJECT, identity, "png"), "at": NOW.isoformat()}
    put_item(stack, identity, **place, width=64, height=64, said=said, comment=comment)
    shown = call().stdout
    assert "comment: \ufffd]0;title\ufffd \ufffdturned [bold]x[/bold]" in shown
    assert not any(one in shown for one in "\x1b\x07\u202e")
    assert told()[0]["comment"] == comment


def test_the_counts_of_a_day_are_no_feedback(stack: Stack) -> None:
    put_item(stack, f"{feedback.COUNTS}2026-11-22", count=3)
    assert told() == []
    for command in ("accept", "discard", "show"):
        result = call(command, f"{feedback.COUNTS}2026-11-22")
        assert (result.exit_code, "waits" in result.stderr) == (3, True)
    assert len(stack.table.scan()["Items"]) == 1


def test_all_needs_a_yes(stack: Stack) -> None:
    ids = [send(stack, {"labels": ["down"]}, picture("down", number)) for number in range(3)]
    for command in ("accept", "discard"):
        result = call(command, "--all")
        assert (result.exit_code, "--all means 3 images: add --yes" in result.stderr) == (2, True)
        for odd in (call(command), call(command, ids[0], "--all", "--yes")):
            assert (odd.exit_code, "Either name what is meant by its ID" in odd.stderr) == (2, True)
    assert len(told()) == 3
    assert [one["feedback"] for one in told("accept", "--all", "--yes")] == ids
    again = send(stack, {"labels": ["down"]}, picture("down", 9))
    assert told("discard", "--all", "--yes") == [{"id": again, "error": None}]
    assert (told(), keys(stack, "feedback/")) == ([], [])


def test_what_cannot_be_accepted_does_not_hold_up_the_others(stack: Stack) -> None:
    good = send(stack, {"labels": ["down"]}, picture("down", 1))
    bad = send(stack, {"labels": []}, picture("down", 2))
    result = call("accept", bad, "absent", good, "--json")
    assert result.exit_code == 11
    first, second, third = json.loads(result.stdout)
    assert (first["id"], "nothing is on the image" in first["error"]["message"]) == (bad, True)
    assert second["error"]["name"] == "NotFound"
    assert second["error"]["message"].startswith("No feedback absent of ")
    assert third["feedback"] == good
    assert [one["id"] for one in told()] == [bad]


STEPS = ("put_object", "accept", "remove", "delete_object")


@pytest.mark.parametrize("step", STEPS)
def test_an_accept_that_is_interrupted_is_finished_by_the_next(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 1))
    review = waiting.review()

    class Stop(Exception):
        pass

    def stop(*_: Any, **__: Any) -> None:
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(
            review.cloud.client("s3") if step in ("put_object", "delete_object") else feedback, step, stop
        )
        with pytest.raises(Stop):
            review.accept(identity)
    done = STEPS.index(step)
    waits = [one.id for one in feedback.waiting(stack.table, PROJECT)]
    assert waits == ([identity] if done < 3 else [])
    assert len(accepted(stack)) == (0 if done < 2 else 1)
    assert keys(stack, "feedback/"), "no step comes before what it relies on"
    assert review.accept(identity).reviewed.feedback == identity
    assert (len(accepted(stack)), keys(stack, "feedback/"), told()) == (1, [], [])


def test_a_discard_that_is_interrupted_is_finished_by_the_next(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 1))
    review = waiting.review()

    def stop(**_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(review.cloud.client("s3"), "delete_object", stop)
        with pytest.raises(KeyboardInterrupt):
            review.discard(identity)
    with pytest.raises(CommandError, match="No feedback"):
        review.discard(identity)
    assert keys(stack, "feedback/") == []


def test_an_image_is_shown_and_written(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = picture("down", 1)
    identity = send(stack, {"labels": ["down"]}, data)
    shown = call("show", identity)
    assert shown.exit_code == 0
    assert (tmp_path / f"feedback-{identity}.png").read_bytes() == data
    assert f"image:   {tmp_path}" in shown.stdout
    assert told("show", identity)["bytes"] == len(data)
    assert told("show", identity, "--output", "one.png")["file"] == str(tmp_path / "one.png")
    absent = call("show", identity, "--output", str(tmp_path / "absent" / "one.png"))
    assert (absent.exit_code, "cannot be written" in absent.stderr) == (2, True)


def test_an_image_that_is_gone_is_told(stack: Stack) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 1))
    stack.s3.delete_object(Bucket=BUCKET, Key=f"feedback/{PROJECT}/{identity}.png")
    assert f"The image of feedback {identity} is gone" in call("accept", identity).stderr


def test_what_was_accepted_can_be_withdrawn(stack: Stack) -> None:
    for number in range(2):
        told("accept", send(stack, {"labels": ["down"]}, picture("down", number)))
    first, second = told("accepted")
    shown = call("accepted").stdout
    assert first["digest"] in shown
    assert "by:      arn:aws:sts::" in shown
    for odd in ("", first["digest"][:7], "f" * 64, "g" * 8):
        result = call("withdraw", odd)
        assert (result.exit_code, "digest of an accepted image" in result.stderr) == (2, True)
    assert told("withdraw", first["digest"][:12])[0]["digest"] == first["digest"]
    assert [one["digest"] for one in told("accepted")] == [second["digest"]]
    assert len(keys(stack, "images/reviewed/")) == 2, "datasets may name it still"


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--labels", "a", "--boxes", "[]"], "Either --labels or --boxes"),
        (["--labels", "x" * 256], "--labels: labels.0 is not a label"),
        (["--labels", "[1]"], "--labels: labels.0 is not a label"),
        (["--labels", "["], "--labels is not JSON"),
        (["--boxes", "[1]"], "--boxes: boxes.0 is not"),
        (["--boxes", '{"labels": ["a"]'], "--boxes is not JSON"),
        (["--boxes", "absent.json"], "--boxes 'absent.json' is no file"),
    ],
)
def test_bad_options_are_told_in_a_sentence(options: list[str], sentence: str) -> None:
    result = call("accept", "20261122T101500123-5f0c1f3e9b7d", *options)
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr


@pytest.mark.usefixtures("stack")
def test_options_before_the_command_are_not_lost_in_silence() -> None:
    result = call("--project", "other", "discard", "--all", "--yes")
    assert (result.exit_code, "options come after the command" in result.stderr) == (2, True)


@pytest.mark.usefixtures("stack")
def test_who_may_not_is_told(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 1))

    def denied(*_: Any, **__: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Not you"}}, "PutItem")

    monkeypatch.setattr(feedback, "accept", denied)
    result = call("accept", identity)
    assert (result.exit_code, "use credentials that may call PutItem" in result.stderr) == (4, True)
    assert [one["id"] for one in told()] == [identity]


def test_texts_for_a_terminal() -> None:
    assert plain("a\x00b\n c\u2066") == "a\ufffdb c\ufffd"
    assert said_text(feedback.read_said({"boxes": [BOX]})) == "1 box: 1 x bolt"
    assert reviewing.labels_of(
        feedback.line_of("s3://b/i.png", feedback.read_said({"labels": ["b", "a"]}), 64, 64, NOW)
    ) == (["a", "b"])
    assert isinstance(Broken("a", "b"), tuple)


def documented() -> str:
    return (ROOT / "docs" / "feedback.md").read_text(encoding="utf-8")


def test_the_documented_rights_are_those_that_are_used(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = json.loads(documented().partition("```json")[2].partition("```")[0])
    allowed = {
        action
        for one in policy["Statement"]
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    waiting.dataset(stack, waiting.labelled(stack))
    first, second = (send(stack, {"labels": ["down"]}, picture("down", number)) for number in range(2))
    used = set()
    plain_call = BaseClient._make_api_call

    def call_and_note(self: Any, name: str, parameters: Any) -> Any:
        used.add(f"{self.meta.service_model.service_name}:{name}")
        return plain_call(self, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call_and_note)
    told()
    told("show", first)
    digest = told("accept", first)[0]["digest"]
    told("discard", second)
    told("accepted")
    told("withdraw", digest)
    assert used - {"sts:GetCallerIdentity"} == allowed, "GetCallerIdentity needs no right"


def test_the_documented_commands_exist() -> None:
    named = set(re.findall(r"`python -m cli review ([a-z]+)", documented()))
    assert named == {command.name for command in review_commands.app.registered_commands} - {"list"}


def test_each_command_runs_as_a_process(stack: Stack, tmp_path: Path) -> None:
    first, second, third = (send(stack, {"labels": ["down"]}, picture("down", number)) for number in range(3))

    def process(*arguments: str) -> str:
        command = [sys.executable, "-m", "cli", "review", *arguments]
        ended = subprocess.run(
            command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert first in process()
    assert [one["id"] for one in json.loads(process("list", "--json"))] == [first, second, third]
    process("show", first, "--output", str(tmp_path / "one.png"))
    assert (tmp_path / "one.png").read_bytes() == picture("down", 0)
    assert "Accepted" in process("accept", first, "--labels", "across")
    assert "Discarded" in process("discard", second)
    assert third in process()
    (one,) = json.loads(process("accepted", "--json"))
    assert one["labels"] == ["across"]
    assert "Withdrew" in process("withdraw", one["digest"])
    assert "Nothing was accepted" in process("accepted")
