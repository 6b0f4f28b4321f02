"""Functions of the local cloud are forked: each is a process of its own, and finds what it would find anyway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.ministack.forking import Forked, Forker, is_plain

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere functions are not forked")

TELL = """
import json, os, random, sys

said = {
    "name": __name__,
    "file": __file__,
    "arguments": sys.argv,
    "path": sys.path,
    "modules": sorted({"boto3", "pytest", "local"} & set(sys.modules)),
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "random": random.random(),
    "open": sorted(map(int, os.listdir("/proc/self/fd"))),
}
print(json.dumps(said), flush=True)
print("logged", file=sys.stderr)
for line in sys.stdin:
    print(line.strip()[::-1], flush=True)
"""


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    opened = Forker()
    yield opened
    opened.close()


def start(forker: Forker, folder: Path, text: str, **environment: str) -> Forked:
    script = folder / "script" / "_worker.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(text)
    return forker.start(str(script), str(folder), environment)


def ended(process: Forked) -> tuple[str, str]:
    """What a process still says, once it has ended."""
    process.stdin.close()
    process.wait(10)
    with process.stdout, process.stderr:
        return process.stdout.read(), process.stderr.read()


def test_a_script_finds_what_an_interpreter_of_its_own_gives(forker: Forker, tmp_path: Path) -> None:
    process = start(forker, tmp_path, TELL, SAID="größer", TZ="UTC")
    said: dict[str, Any] = json.loads(process.stdout.readline())
    script = str(tmp_path / "script" / "_worker.py")
    assert (said["name"], said["file"], said["arguments"]) == ("__main__", script, [script])
    assert said["path"][0] == str(tmp_path / "script")
    own = subprocess.run(
        [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path))"], capture_output=True
    )
    assert said["path"][1:] == json.loads(own.stdout)[1:]
    assert said["environment"] == {"SAID": "größer", "TZ": "UTC"}
    assert said["folder"] == str(tmp_path)
    assert said["modules"] == ["boto3"]
    assert len(said["open"]) == 4, "its three pipes, and the folder that it lists"
    process.stdin.write("größer\n")
    assert process.stdout.readline() == "reßörg\n"
    assert process.poll() is None
    assert ended(process) == ("", "logged\n")


def test_processes_share_nothing(forker: Forker, tmp_path: Path) -> None:
    both = [start(forker, tmp_path, TELL, NUMBER=str(number)) for number in range(2)]
    said = [json.loads(process.stdout.readline()) for process in both]
    assert said[0]["random"] != said[1]["random"]
    assert [one["environment"] for one in said] == [{"NUMBER": "0"}, {"NUMBER": "1"}]
    both[0].kill()
    assert both[0].wait(10) is not None
    assert both[1].poll() is None
    for process in both:
        ended(process)


def test_a_script_that_fails_says_why(forker: Forker, tmp_path: Path) -> None:
    process = start(forker, tmp_path, "raise ValueError('nothing to do')")
    assert "ValueError: nothing to do" in ended(process)[1]


def test_one_that_runs_on_is_waited_for_no_longer_than_asked(forker: Forker, tmp_path: Path) -> None:
    process = start(forker, tmp_path, TELL)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.terminate()
    ended(process)
    process.terminate()  # of one that has ended is nothing


def test_an_environment_that_cannot_be_sent_is_an_error_and_the_next_one_starts(
    forker: Forker, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="too long"):
        start(forker, tmp_path, TELL, LARGE="x" * 1_000_000)
    ended(start(forker, tmp_path, TELL))


def test_a_process_that_was_killed_is_started_again(tmp_path: Path) -> None:
    forker = Forker()
    ended(start(forker, tmp_path, TELL))
    forker._process.kill()
    forker._process.wait()
    with pytest.raises(ConnectionError):
        start(forker, tmp_path, TELL)
    ended(start(forker, tmp_path, TELL))
    forker.close()


@pytest.mark.parametrize("brought", ["boto3", "botocore"])
def test_a_function_that_brings_its_own_boto3_is_not_forked(tmp_path: Path, brought: str) -> None:
    assert is_plain(str(tmp_path), dict(os.environ))
    (tmp_path / brought).mkdir()
    assert not is_plain(str(tmp_path), dict(os.environ))


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHASHSEED", "_LAMBDA_LAYERS_DIRS"])
def test_a_function_that_asks_for_another_interpreter_is_not_forked(tmp_path: Path, name: str) -> None:
    assert not is_plain(str(tmp_path), {**os.environ, name: "1"})
