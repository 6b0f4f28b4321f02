"""Starts and stops the local cloud: `python -m local.cloud up|down|status`.

The server runs detached, in a session of its own, on 127.0.0.1 only. Everything it writes is in
`.local/cloud/<port>/`: `log.txt`, `process.json`, features of images already seen, and its state, which goes when
it stops. Once started with LOCAL_CLOUD_KEEP=1, it keeps its state in `kept/`, and goes on from there at every
start, until it is started with LOCAL_CLOUD_KEEP=0.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"
REGION = "us-east-1"
SERVICE = "rekognition"  # what our server has and a plain ministack has not
START_SECONDS, STOP_SECONDS = 60.0, 15.0
TAIL_LINES = 15
# A shell may hold a real account's credentials, endpoints of single services, or settings of another ministack.
FOREIGN = ("AWS_", "MINISTACK_", "LOCALSTACK_", "SFN_", "LAMBDA_", "S3_")
FOREIGN_NAMES = frozenset({"AUTH", "EDGE_PORT", "PERSIST_STATE", "PYTHONPATH", "SERVICES", "USE_SSL"})

_children: dict[int, subprocess.Popen[bytes]] = {}  # started by this process, which has to collect their exit


class CloudError(Exception):
    """An error whose text is one sentence for the person at the terminal, with what to do."""


@dataclass(frozen=True)
class Place:
    """Where one local cloud listens and writes, and how fast its Wait states pass."""

    port: int = 4566
    base: Path = ROOT / ".local" / "cloud"
    wait_scale: float = 0.02  # of a Wait state's seconds
    keep: bool = False  # what it holds survives its stop

    @classmethod
    def from_environment(cls) -> "Place":
        """The place that LOCAL_CLOUD_PORT, _FOLDER, _KEEP and LOCAL_WAIT_SCALE name, or CloudError.

        Without LOCAL_CLOUD_KEEP it keeps its state if it has kept some before.
        """
        given = os.environ
        try:
            port = int(given.get("LOCAL_CLOUD_PORT") or cls.port)
            wait_scale = float(given.get("LOCAL_WAIT_SCALE") or cls.wait_scale)
        except ValueError as error:
            raise CloudError(f"LOCAL_CLOUD_PORT and LOCAL_WAIT_SCALE are numbers: {error}.") from None
        if not 1 <= port <= 65535 or not 0 <= wait_scale < float("inf"):
            raise CloudError("LOCAL_CLOUD_PORT is from 1 to 65535, and LOCAL_WAIT_SCALE is 0 or more.")
        keep = given.get("LOCAL_CLOUD_KEEP") or ""
        if keep not in ("", "0", "1"):
            raise CloudError(f"LOCAL_CLOUD_KEEP is 1 (keep what the cloud holds) or 0 (forget it), not {keep!r}.")
        place = cls(port, Path(given.get("LOCAL_CLOUD_FOLDER") or cls.base).resolve(), wait_scale)
        return replace(place, keep=place.kept.exists() if keep == "" else keep == "1")

    @property
    def endpoint(self) -> str:
        """What clients take as AWS_ENDPOINT_URL."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def folder(self) -> Path:
        """Everything that this cloud writes."""
        return self.base / str(self.port)

    @property
    def kept(self) -> Path:
        """What a cloud that keeps its state goes on from: its own, its S3 objects, and the service's."""
        return self.folder / "kept"

    @property
    def log(self) -> Path:
        """What the server said since it was started."""
        return self.folder / "log.txt"

    @property
    def process(self) -> Path:
        """{"pid": …, "born": …} of the server that was started."""
        return self.folder / "process.json"


def environment(port: int = Place.port) -> dict[str, str]:
    """The whole environment for a client of the cloud at `port`: it can reach no other AWS than this one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and name not in FOREIGN_NAMES
    }
    unproxied = [host for host in (kept.get("NO_PROXY") or kept.get("no_proxy") or "").split(",") if host]
    hosts = ",".join(dict.fromkeys([*unproxied, LOOPBACK, "localhost"]))
    return {
        **kept,
        "AWS_ENDPOINT_URL": Place(port).endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_BETA_BUILD_PERFORMANCE": "1",  # builds one folder for all functions that share their code ...
        "SAM_CLI_BETA_PACKAGE_PERFORMANCE": "1",  # ... and zips it once, not for each
        "NO_PROXY": hosts,
        "no_proxy": hosts,
    }


def server_environment(place: Place) -> dict[str, str]:
    """The environment of the server: a client's, and where ministack listens and writes."""
    return {
        **environment(place.port),
        "LOCAL_CLOUD_PORT": str(place.port),
        "LOCAL_CLOUD_FOLDER": str(place.base),
        "LOCAL_WAIT_SCALE": str(place.wait_scale),
        "GATEWAY_PORT": str(place.port),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        "SFN_WAIT_SCALE": str(place.wait_scale),
        "TMPDIR": str(place.folder / "tmp"),
        "LOCAL_CLOUD_KEEP": str(int(place.keep)),
        "PERSIST_STATE": str(int(place.keep)),
        "S3_PERSIST": str(int(place.keep)),
        "STATE_DIR": str((place.kept if place.keep else place.folder) / "state"),
        "S3_DATA_DIR": str((place.kept if place.keep else place.folder) / "s3"),
        # ministack removes containers of other ministacks when it starts: it is shown no Docker.
        "DOCKER_HOST": f"unix://{place.folder / 'no-docker.sock'}",
        # Their listeners do not keep to BIND_HOST.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
    }


def up(
    port: int = Place.port,
    base: Path = Place.base,
    wait_scale: float = Place.wait_scale,
    keep: bool = Place.keep,
) -> str:
    """Start the cloud unless it is up, wait until it answers, and return its endpoint, or CloudError.

    With `keep` it goes on from what it has kept; without, it starts empty, and what was kept is forgotten.
    """
    place = Place(port, base.resolve(), wait_scale, keep)
    with _alone(place):
        pid = running(place)
        if pid is None:
            if not keep:
                shutil.rmtree(place.kept, ignore_errors=True)
            pid = _start(place)
        _await_health(place, pid)
    return place.endpoint


def down(port: int = Place.port, base: Path = Place.base) -> bool:
    """End the server that `up` started here, and its children; False if there was none, CloudError if it stays.

    What it keeps stays, and so do the features of images.
    """
    place = Place(port, base.resolve())
    with _alone(place):
        pid = running(place)
        if pid is not None:
            _end(pid)
        place.process.unlink(missing_ok=True)
        for name in ("tmp", "state", "s3", f"{SERVICE}/models"):
            shutil.rmtree(place.folder / name, ignore_errors=True)
    return pid is not None


def running(place: Place) -> int | None:
    """The id of the server that was started here, or None if that very process is gone."""
    try:
        noted = json.loads(place.process.read_text())
        pid, born = int(noted["pid"]), noted["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if born is not None and _born(pid) == born:
        return pid
    _collect(pid)
    return None


def healthy(place: Place) -> bool:
    """Whether what answers at the port is the local cloud with the Custom Labels service in it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{place.endpoint}/_ministack/health", timeout=2) as answer:
            return SERVICE in json.load(answer)["services"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Two terminals that start or stop the same cloud do it one after the other."""
    place.folder.mkdir(parents=True, exist_ok=True)
    with (place.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(place: Place) -> int:
    if _taken(place.port):
        raise CloudError(
            f"Port {place.port} is taken by another program: stop that one, "
            "or choose another port with LOCAL_CLOUD_PORT."
        )
    (place.folder / "tmp").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "local.ministack"]
    with place.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            command,
            cwd=ROOT,
            env=server_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    place.process.write_text(json.dumps({"pid": process.pid, "born": _born(process.pid)}))
    return process.pid


def _await_health(place: Place, pid: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not healthy(place):
        ended = running(place) is None
        if ended or time.monotonic() > deadline:
            what = "ended" if ended else f"did not answer within {START_SECONDS:.0f} seconds"
            with suppress(OSError):
                tail = place.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            if not ended:
                _end(pid)
            place.process.unlink(missing_ok=True)
            raise CloudError(f"The local cloud {what}; the end of {place.log}:\n" + "\n".join(tail))
        time.sleep(0.1)


def _end(pid: int) -> None:
    """End a process that is known to be ours, and its group: the workers of the Lambda functions."""
    born = _born(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if _born(pid) != born:
                _collect(pid)
                return
            time.sleep(0.05)
    raise CloudError(f"The local cloud, process {pid}, does not end.")


def _collect(pid: int) -> None:
    """Take the exit of a process that has ended, if this process started it: until then it is a zombie."""
    if pid in _children and _born(pid) is None:
        _children.pop(pid).wait()


def _born(pid: int) -> str | None:
    """When the process started, in a form to compare; None if it is gone. Ids are used again, this is not."""
    if Path("/proc/self/stat").exists():
        try:
            # "pid (command) state …": the start time is the 22nd field, and a command may hold spaces.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    ps = subprocess.run(  # noqa: S603 - elsewhere than on Linux
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, born = ps.stdout.strip().partition(" ")
    return born.strip() or None if state and not state.startswith("Z") else None


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Do one command and say in a sentence what is; 1 if it failed or, for `status`, if the cloud is down."""
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description="The local cloud.")
    parser.add_argument("command", choices=("up", "down", "status"))
    command = parser.parse_args(arguments).command
    try:
        place = Place.from_environment()
        before = running(place)
        if command == "up":
            up(place.port, place.base, place.wait_scale, place.keep)
            already = before is not None and running(place) == before
            _say(f"The local cloud {'was already up' if already else 'is up'} at {place.endpoint}.")
            _say(f"Clients need AWS_ENDPOINT_URL={place.endpoint} and any keys; its log is {_short(place.log)}.")
            if place.keep:
                _say(f"It keeps its state in {_short(place.kept)}; LOCAL_CLOUD_KEEP=0 starts one that forgets it.")
        elif command == "down":
            _say("The local cloud is down." if down(place.port, place.base) else "The local cloud was not up.")
            if place.kept.exists():
                _say(
                    f"What it held is kept in {_short(place.kept)}, and it goes on from there when it is up again."
                )
        elif before is None or not healthy(place):
            _say(f"The local cloud is down (port {place.port}).")
            return 1
        else:
            _say(f"The local cloud is up at {place.endpoint} (process {before}, log {_short(place.log)}).")
    except CloudError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    raise SystemExit(main())
