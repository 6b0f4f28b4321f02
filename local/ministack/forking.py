"""Lambda: Python functions start as forks of a process that has imported boto3, in a fifth of the time.

ministack starts an interpreter for each function, and most of a cold start is the same imports. A function that
brings a boto3 or layers of its own, or changes what Python reads at its start, has an interpreter of its own as
before; so have all where the system is not Linux, which alone is known to fork such a process safely.

Run as a program, this file is that process: it takes requests from the socket that it is given as a number.
"""

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

LARGEST = 1 << 18  # bytes of a request; the most that Linux passes at once by such a socket is a little less
USED = ("rekognition", "s3", "dynamodb", "stepfunctions", "sns", "events", "cloudwatch")  # by our functions
OWN = ("boto3", "botocore")  # that a package may bring itself


def fork_functions() -> None:
    """Let ministack's Python workers be forked."""
    if sys.platform != "linux":
        return
    from local.ministack.private import module

    runtime, forker = module("core.lambda_runtime"), Forker()

    def start(command: list[str], **options: Any) -> Any:
        if command[0] == sys.executable and is_plain(options["cwd"], options["env"]):
            # It fails where the environment is too large to send, or the process has gone.
            with contextlib.suppress(OSError):
                return forker.start(command[1], options["cwd"], options["env"])
        return subprocess.Popen(command, **options)  # noqa: S603 - ministack's command

    names = ("PIPE", "DEVNULL", "STDOUT", "TimeoutExpired")
    runtime.subprocess = SimpleNamespace(Popen=start, **{name: getattr(subprocess, name) for name in names})


def is_plain(code: str, environment: dict[str, str]) -> bool:
    """Whether a function of this folder and environment starts with what every other does."""
    python = {name for name in {*environment, *os.environ} if name.startswith("PYTHON")}
    return (
        "_LAMBDA_LAYERS_DIRS" not in environment
        and all(environment.get(name) == os.environ.get(name) for name in python)
        and not any(Path(code, name).exists() for name in OWN)
    )


class Forker:
    """The process that is forked, started by the first use, and ended with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place: socket.socket | None = None

    def start(self, script: str, folder: str, environment: dict[str, str]) -> "Forked":
        """Run a Python script in a folder, as subprocess.Popen does with pipes and text; OSError if it cannot."""
        pipes = [os.pipe() for _ in range(3)]
        (stdin, to), (out, stdout), (err, stderr) = pipes
        request = json.dumps({"script": script, "folder": folder, "environment": environment}).encode()
        try:
            with self._lock:
                pid, life = self._ask(request, [stdin, stdout, stderr])
        except OSError:
            for fd in (to, out, err):
                os.close(fd)
            raise
        finally:
            for fd in (stdin, stdout, stderr):
                os.close(fd)
        return Forked(pid, life, (to, out, err))

    def close(self) -> None:
        """End the process; those that it has made go on."""
        if self._place is not None:
            self._place.close()
            self._process.wait()
            self._place = None

    def _ask(self, request: bytes, pipes: list[int]) -> tuple[int, int]:
        place = self._open()
        try:
            socket.send_fds(place, [request], pipes)
            pid, fds, _, _ = socket.recv_fds(place, LARGEST, 1)
            if not fds:
                raise ConnectionResetError("The process that is forked has ended.")
        except ConnectionError:
            self.close()  # the next use starts another
            raise
        return int(pid), fds[0]

    def _open(self) -> socket.socket:
        if self._place is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                command = [sys.executable, __file__, str(theirs.fileno())]
                self._process = subprocess.Popen(  # noqa: S603 - this file
                    command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
                )
            self._place = ours
        return self._place


class Forked:
    """A forked process, with as much of subprocess.Popen as ministack uses; its exit code is not known."""

    def __init__(self, pid: int, life: int, pipes: tuple[int, int, int]) -> None:
        self.pid, self._life = pid, life
        self.returncode: int | None = None
        self.stdin = os.fdopen(pipes[0], "w", buffering=1, encoding="utf-8")
        self.stdout, self.stderr = (os.fdopen(fd, encoding="utf-8", errors="replace") for fd in pipes[1:])

    def poll(self, seconds: float = 0.0) -> int | None:
        """None while it runs."""
        if self.returncode is None:
            look = select.poll()
            look.register(self._life, select.POLLIN)
            if look.poll(seconds * 1000):
                self.returncode = -1
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; subprocess.TimeoutExpired."""
        ended = self.poll(1e6 if timeout is None else timeout)
        if ended is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return ended

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._life, number)

    def __del__(self) -> None:
        os.close(self._life)


def serve(place: socket.socket) -> None:
    """Fork for each request until the other end is closed."""
    _prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's, which its parent answers
    while True:
        request, fds, _, _ = socket.recv_fds(place, LARGEST, 3)
        if not request:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        pid = os.fork()
        if pid == 0:
            place.close()
            _become(json.loads(request), fds)
        life = os.pidfd_open(pid)
        socket.send_fds(place, [str(pid).encode()], [life])
        for fd in (*fds, life):
            os.close(fd)


def _prepare() -> None:
    """Import what functions import, and keep what botocore reads from files."""
    del sys.path[0]  # the folder of this file
    import gc

    import boto3
    from botocore.loaders import JSONFileLoader

    load = cache(partial(JSONFileLoader.load_file, JSONFileLoader()))

    def load_file(_: JSONFileLoader, file_path: str) -> Any:
        return load(file_path)

    JSONFileLoader.load_file = load_file  # type: ignore[method-assign, assignment]
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    for name in USED:
        boto3.client(name, **keys)  # type: ignore[call-overload]
    boto3.resource("dynamodb", **keys)  # type: ignore[call-overload]
    boto3.DEFAULT_SESSION = None
    gc.collect()
    gc.freeze()


def _become(request: dict[str, Any], fds: list[int]) -> NoReturn:
    """Go on as the script that is asked for, as an interpreter of its own would."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    os.closerange(3, max(fds) + 1)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    sys.argv = [request["script"]]
    sys.path.insert(0, str(Path(request["script"]).parent))
    status = 1
    try:
        runpy.run_path(request["script"], run_name="__main__")
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
