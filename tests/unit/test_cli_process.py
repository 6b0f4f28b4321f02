"""Each command as an operator runs it: a process of its own, its exit code, its text and its JSON."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import app
from cli.exits import Exit, exit_of, exit_of_all
from cli.stack import configured_name
from local import manual
from local.docs import COMMANDS
from tests.command import process, run_as_processes
from tests.conftest import TIMES
from tests.images import picture
from tests.rounds import thorough
from tests.stack import BUCKET, PROJECT, TABLE, Stack, deployed
from tests.templates import ROOT, source

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7])m")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The training stack with a live model `first`; a start takes a second, which a process really waits."""
    with deployed(replace(TIMES, start_seconds=1, stop_seconds=1)) as opened:
        outputs = {"DataBucketName": BUCKET, "StateTableName": TABLE, "StateMachineArn": opened.train.arn}
        prices = {
            name: source("template.yaml")["Parameters"][name] for name in ("TrainingPrice", "InferencePrice")
        }
        template = {
            "Parameters": {"Project": {"Type": "String", "Default": PROJECT}, **prices},
            "Resources": {"Anything": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        opened.cloud.client("cloudformation").create_stack(
            StackName=configured_name("default"), TemplateBody=json.dumps(template)
        )
        given = sources(opened)
        assert opened.run(given, name="first").status == "SUCCEEDED"
        yield opened


def sources(stack: Stack) -> dict[str, Any]:
    train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
    return {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}


def documented(command: str) -> set[str]:
    """The keys that docs/cli.md says a command's JSON has."""
    section = COMMANDS.read_text(encoding="utf-8").partition("## JSON")[2].partition("\n## ")[0]
    (row,) = re.findall(rf"^\| [^|\n]*`{command}`[^|\n]* \| ([^;|\n]*)", section, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


# --- each command -------------------------------------------------------------------------------------------


def test_upload(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "parts" / "down").mkdir(parents=True)
    (tmp_path / "parts" / "down" / "1.png").write_bytes(picture("down", 900))
    shown = process("upload", tmp_path / "parts")
    assert (shown.code, "1 image uploaded" in shown.out, shown.err) == (0, True, "")
    again = process("upload", tmp_path / "parts", "--json")
    assert (again.code, again.json["unchanged"], set(again.json)) == (0, 1, documented("upload"))
    assert "Uploading" in again.err


def test_run_and_rollback(stack: Stack) -> None:
    """A second version, the way back, and the same once more as JSON."""
    trained = process(
        "run", "--name", "second", "--input", json.dumps({**sources(stack), "force": True}), "--json"
    )
    assert trained.code == 0, trained.err
    assert (trained.json["output"]["version"], trained.json["error"]) == ("second", None)
    assert set(trained.json) == documented("run")
    for said in ("The one such run before this took ", "TrainModel", "Promote", "promoted"):
        assert said in trained.err
    back = process("rollback", "--name", "back")
    assert back.code == 0, back.err
    assert "SUCCEEDED after" in back.out
    assert stack.live["projectVersionArn"].split("/")[3] == "first"
    unwatched = process("rollback", "--name", "back-2", "--no-watch", "--json")
    assert (unwatched.code, set(unwatched.json)) == (0, documented("run --no-watch"))
    assert process("watch", unwatched.json["executionArn"]).code == 0


def test_runs_that_fail(stack: Stack) -> None:
    folder = stack.put("alone", range(1), ("down",))
    for name, given, end in (
        ("odd", {"odd": 1}, Exit.Usage),
        ("alone", {"training": {"folder": folder}, "force": True}, Exit.DatasetRejected),
    ):
        ended = process("run", "--name", name, "--input", json.dumps(given), "--json")
        error = ended.json["error"]
        assert (ended.code, exit_of(error["name"])) == (end.code, end), ended.err
        assert error["message"].endswith(".")
    taken = process("run", "--name", "odd", "--no-watch", "--json")
    assert (taken.code, taken.json["error"]["name"]) == (2, "Usage")


def test_watch(stack: Stack) -> None:
    shown = process("watch")
    assert re.search(r"^\d:\d\d:\d\d  \w+", shown.out, re.MULTILINE)
    (arn,) = [one["execution"] for one in stack.records() if one["version"] == "first" and one["trainingSeconds"]]
    lines = process("watch", arn, "--json")
    assert lines.code == 0
    states = [line for line in lines.lines if line["event"] == "state"]
    assert [state["state"] for state in states][:2] == ["Input", "Plan"]
    assert all(set(state) == {"event", "at", "seconds", "state", "branch", "visit", "error"} for state in states)
    assert {tuple(state["branch"]) for state in states} >= {(), (1,), (2,)}
    assert lines.lines[-1]["event"] == "end"
    assert set(lines.lines[-1]) - {"event"} == documented("run")
    (alone,) = process("watch", "nothing", "--json").lines
    assert alone["error"]["name"] == "NotFound"


def test_status_and_history(stack: Stack) -> None:
    shown = process("status")
    assert (shown.code, f"Live model of {PROJECT}: " in shown.out) == (0, True)
    assert set(process("status", "--json").json) == documented("status")
    history = process("history")
    assert (history.code, "Runs, newest first" in history.out) == (0, True)
    (newest,) = process("history", "--most", 1, "--json").json
    assert {"execution", "version", "started", "ended", "outcome", "error", "cause", "metrics"} <= set(newest)


def test_stop_and_start(stack: Stack) -> None:
    stopped = process("stop")
    assert (stopped.code, "STOPPED" in stopped.out) == (0, True), stopped.err
    assert process("stop", "--json").json == []
    started = process("start", "--json")
    assert (started.code, set(started.json), started.json["status"]) == (0, documented("start"), "RUNNING")
    assert process("start").code == 0
    (one,) = process("stop", started.json["version"], "--json").json
    assert set(one) == documented("stop")
    assert process("start", started.json["version"]).code == 0


def test_report(stack: Stack, tmp_path: Path) -> None:
    for file, text in (("index.html", "<h1>first</h1>"), ("report.json", '{"version": "first"}')):
        stack.s3.put_object(Bucket=BUCKET, Key=f"reports/{PROJECT}/first/{file}", Body=text)
    shown = process("report", "first", "--output", tmp_path)
    assert shown.code == 0, shown.err
    assert (tmp_path / "report-first.html").read_text() == "<h1>first</h1>"
    assert process("report", "first", "--json").json == {"version": "first"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"] if thorough() else ["bash"])
def test_completion(shell: str, tmp_path: Path) -> None:
    printed = process("completion", shell, cwd=tmp_path)
    assert printed.code == 0, printed.err
    told = process("completion", shell, "--json", cwd=tmp_path)
    assert told.json == {"shell": shell, "name": "clabels", "script": printed.out}
    assert set(told.json) == documented("completion")
    asked = {
        "bash": {"COMP_WORDS": "clabels st", "COMP_CWORD": "1"},
        "zsh": {"_TYPER_COMPLETE_ARGS": "clabels st"},
        "fish": {"_TYPER_COMPLETE_ARGS": "clabels st", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    answered = process(cwd=tmp_path, **asked, _CLABELS_COMPLETE=f"complete_{shell}")
    assert set(re.findall(r"\bst\w+", re.sub(r'":"[^"]*"|\t.*', "", answered.out))) == {"status", "start", "stop"}


def test_bash_completes(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(process("completion", "bash").out)
    lines = (
        f"source {script}",
        'try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))',
        '_clabels_completion clabels; echo "${COMPREPLY[*]}"; }',
        "try clabels review wi",
        "try clabels run --t",
        "clabels completion nothing > /dev/null 2>&1 || echo $?",
    )
    ended = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.splitlines() == ["withdraw", "--training --testing", "2"], ended.stderr


# --- the terminal -------------------------------------------------------------------------------------------


def on_terminal(*arguments: str, **variables: str) -> str:
    """What a command shows on a terminal."""
    leader, follower = pty.openpty()
    known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    command = [sys.executable, "-m", "cli", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env={**known, "TERM": "xterm-256color", **variables}, stdout=follower, stderr=follower
    ) as child:
        os.close(follower)
        shown = b""
        while select.select([leader], [], [], 60)[0]:
            try:
                part = os.read(leader, 65536)
            except OSError:  # Linux's end of a terminal that nobody holds any longer
                break
            if not part:
                break
            shown += part
        assert child.wait(60) == 0, shown.decode()
    os.close(leader)
    return shown.decode()


def test_colours_only_on_a_terminal_that_wants_them(stack: Stack) -> None:
    assert COLOUR.search(on_terminal("status"))
    assert not COLOUR.search(on_terminal("status", NO_COLOR="1"))
    assert "\x1b" not in process("status").out


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_the_history_is_readable_on_narrow_terminals(stack: Stack, columns: int) -> None:
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", on_terminal("history", COLUMNS=str(columns)))
    assert re.search("outcome promoted|first +promoted", shown)  # a paragraph, or a table's row
    assert max(map(len, shown.splitlines())) <= columns


# --- errors and their codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "variables", "end", "said"),
    [
        (["fly"], {}, Exit.Usage, "No such command 'fly'."),
        (["run", "--minimum", "2"], {}, Exit.Usage, "--minimum"),
        (["status", "--stack", "absent"], {}, Exit.NotFound, "There is no stack absent at http://127.0.0.1"),
        (["start", "--project", "absent"], {}, Exit.NotFound, "There is no project absent: `python -m cli run"),
        (["start", "--timeout", "soon"], {}, Exit.Usage, "--timeout"),
        (["upload", ".", "--to", "s3://gone-bucket/"], {}, Exit.NotFound, "There is no bucket gone-bucket"),
        (
            ["status"],
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            Exit.Unreachable,
            "Nothing answers at http://127.0.0.1:1: start the local cloud with `LOCAL_CLOUD_PORT=1 make up`.",
        ),
        (
            ["status"],
            {"AWS_ENDPOINT_URL": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            Exit.NotPermitted,
            "No AWS credentials were found: run `aws configure` or set AWS_PROFILE, or add --local",
        ),
        (["status"], {"AWS_PROFILE": "nowhere"}, Exit.Usage, "AWS_PROFILE must name a profile"),
        (
            ["status"],
            {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
            Exit.Usage,
            "No AWS region is set: set AWS_REGION",
        ),
    ],
)
def test_errors(stack: Stack, arguments: list[str], variables: dict[str, str], end: Exit, said: str) -> None:
    """As a sentence, and with --json as the one document, which has it too."""
    variables = {"AWS_EC2_METADATA_DISABLED": "true", **variables}
    shown = process(*arguments, **variables)
    assert (shown.code, said in shown.err) == (end.code, True), shown
    told = process(*arguments, "--json", **variables)
    assert (told.code, set(told.json)) == (end.code, {"error"})
    assert told.json["error"]["name"] == end.name
    assert said in told.json["error"]["message"]


def test_a_table_that_is_gone(stack: Stack) -> None:
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"StateTableName": {"Value": "gone"}, "StateMachineArn": {"Value": stack.train.arn}},
    }
    stack.cloud.client("cloudformation").create_stack(StackName="broken", TemplateBody=json.dumps(template))
    ended = process("history", "--stack", "broken", "--project", PROJECT)
    assert ended.code == Exit.NotFound.code
    assert "a part of the stack was deleted: deploy it again." in ended.err
    older = process("upload", ".", "--stack", "broken", "--project", PROJECT)
    assert (older.code, "Stack broken has no output DataBucketName" in older.err) == (2, True)


def test_a_fault_of_the_command_is_json_too(stack: Stack) -> None:
    broken = (
        "import cli.models\ncli.models.status = lambda *_: 1 / 0\n"
        "from cli.__main__ import app\napp(['status', '--json'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", broken], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == Exit.Failed.code
    assert json.loads(ended.stdout)["error"] == {
        "name": "Failed",
        "message": "ZeroDivisionError: division by zero",
    }
    assert "Traceback" in ended.stderr


def test_help_and_page_have_every_exit_code() -> None:
    shown, page = process("--help").out, COMMANDS.read_text(encoding="utf-8")
    for one in Exit:
        assert re.search(rf"^ +{one.code}  {one.name} +{re.escape(one.means)}$", shown, re.MULTILINE), one
        assert f"| {one.code} | `{one.name}` | {one.means} |" in page
    assert len({one.code for one in Exit}) == len(Exit)


def test_the_end_for_many() -> None:
    for errors, end in (
        ([], Exit.Done),
        ([None, None], Exit.Done),
        ([None, "InvalidImage"], Exit.SomeFailed),
        (["InvalidImage", "ImageTooLarge"], Exit.Usage),
        (["NotFound", "InvalidImage"], Exit.Failed),
        (["TrainingFailed"], Exit.Failed),
        (["RunInProgress"], Exit.RunInProgress),
    ):
        assert exit_of_all(errors) is end, errors


# --- none is forgotten --------------------------------------------------------------------------------------


def test_every_command_is_run_as_a_process_by_a_test() -> None:
    found = run_as_processes(ROOT / "tests")
    missing = [
        " ".join(one.path)
        for one in manual.entries(app)
        if not any(words == one.path if one.is_group else words[: len(one.path)] == one.path for words in found)
    ]
    assert missing == [], (
        "no test runs these as `process(…)` of tests.command, or as [sys.executable, '-m', 'cli', …]"
    )


def test_a_command_without_a_process_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "import sys\n"
        "def test_own():\n    command = [sys.executable, '-m', 'cli', 'batch', 'start', folder]\n"
        "def helper(*more):\n    return [sys.executable, '-m', \"cli\", 'review', *more]\n"
        "def test_two():\n    helper('list', '--json')\n    helper()\n"
        "def process(*words): pass\n"
        "def test_three():\n    process('promote')\n"
    )
    assert run_as_processes(tmp_path) == {("batch", "start"), ("review", "list"), ("review",)}
    (tmp_path / "test_two.py").write_text("from tests.command import process\nprocess('teardown', '--yes')\n")
    assert ("teardown",) in run_as_processes(tmp_path)


def test_every_command_takes_json_and_has_an_example_that_it_accepts() -> None:
    for one in manual.entries(app):
        assert "--json" in [name for parameter in one.command.params for name in parameter.opts], one.path
        for line in one.examples:
            words = line.removeprefix("python -m cli ").split()
            assert tuple(words[: len(one.path)]) == one.path, line
            if not one.is_group:
                one.command.make_context(" ".join(one.path), words[len(one.path) :])
