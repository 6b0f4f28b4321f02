"""Worker processes: training and detection in them, their number, and their end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from local.rekognition.workers import Workers

from .conftest import Desk, png

HOST = """
import sys, time
from local.rekognition.workers import Workers

if __name__ == "__main__":
    workers = Workers(1)
    print(workers.call("os:getpid"), flush=True)
    workers.submit("time:sleep", 60)
    time.sleep(60)
"""


def alive(process: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(process: int) -> bool:
    """Whether the process ends within 10 seconds."""
    deadline = time.monotonic() + 10
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(process)


def test_training_and_detection_in_processes(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(workers=1)
    project = desk.project()
    for kind, count, start in (("TRAIN", 5, 0), ("TEST", 3, 50)):
        source = desk.manifest(f"{kind}.manifest", desk.pictures(count, "red", "green", start=start))
        desk("CreateDataset", ProjectArn=project, DatasetType=kind, DatasetSource=source)

    def settled(look: Callable[[], str], *under_way: str) -> str:
        desk.wait()
        deadline = time.monotonic() + 60
        while look() in under_way and time.monotonic() < deadline:
            time.sleep(0.02)
        return look()

    def datasets() -> str:
        described = desk("DescribeProjects")["ProjectDescriptions"][0]["Datasets"]
        return ",".join(sorted({dataset["Status"] for dataset in described}))

    under_way = ("CREATE_IN_PROGRESS", "CREATE_COMPLETE,CREATE_IN_PROGRESS")
    assert settled(datasets, *under_way) == "CREATE_COMPLETE"
    arn = desk.train(project)
    assert settled(lambda: desk.version(project)["Status"], "TRAINING_IN_PROGRESS") == "TRAINING_COMPLETED"
    desk("StartProjectVersion", ProjectVersionArn=arn, MinInferenceUnits=1)
    assert settled(lambda: desk.version(project)["Status"], "STARTING") == "RUNNING"
    found = desk("DetectCustomLabels", ProjectVersionArn=arn, Image={"Bytes": png("red", 400)})["CustomLabels"]
    assert found[0]["Name"] == "red"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes by /proc")
def test_workers_end_when_their_host_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "host.py"
    script.write_text(HOST)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    host = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    with host:
        assert host.stdout is not None
        worker = int(host.stdout.readline())
        assert alive(worker)
        host.send_signal(signal.SIGKILL)
        assert ends(worker)


def test_close_ends_what_runs_and_a_lost_worker_is_replaced() -> None:
    workers = Workers(1)
    first = workers.call("os:getpid")
    assert first != os.getpid()
    with pytest.raises(BrokenProcessPool):
        workers.call("os:_exit", 1)
    second = workers.call("os:getpid")
    assert second != first
    running = workers.submit("time:sleep", 60)
    workers.close()
    with pytest.raises((BrokenProcessPool, CancelledError)):
        running.result(timeout=10)
    with pytest.raises(RuntimeError, match="closed"):
        workers.submit("os:getpid")


def test_errors_of_workers_arrive() -> None:
    workers = Workers(0)
    with pytest.raises(ValueError, match="invalid literal"):
        workers.call("builtins:int", "x")


def test_the_host_imports_nothing_heavy() -> None:
    code = "import sys, local.wire; print({'numpy', 'sklearn', 'skimage', 'PIL', 'scipy'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert found.stdout == "set()\n"
