"""Processes for what costs CPU time, so that the host's event loop and its other threads keep running.

Functions are named ("module:function"), not passed: the host never imports numpy or scikit-learn. Workers are
forks of a process that has imported them (elsewhere than on Linux, where that is not safe, they are spawned), use
one thread each for linear algebra, and end as soon as the host closes its end of a pipe, be it by `close` or by
being killed.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PRELOADED = "local.rekognition.preloaded"


def _run(name: str, *arguments: Any) -> Any:
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)(*arguments)


def one_thread() -> None:
    """Let linear algebra that is not imported yet use one thread."""
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = "1"


def _begin(lifeline: Connection, niceness: int) -> None:
    """First thing in a worker: limit its threads, let others go first, and end with the host."""

    def watch() -> None:
        try:
            lifeline.recv_bytes()
        except (EOFError, OSError):
            os._exit(0)

    one_thread()
    if hasattr(os, "nice"):  # not on Windows
        os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which then ends its workers
    threading.Thread(target=watch, daemon=True, name="lifeline").start()


class Workers:
    """A pool of at most `count` processes, made when first used; with 0, calls run in the caller's thread.

    `niceness` is what Unix calls so: the higher, the more the processes leave to others.
    """

    def __init__(self, count: int, niceness: int = 0) -> None:
        self.count, self._niceness = count, niceness
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None
        self._closed = False

    def submit(self, name: str, *arguments: Any) -> "Future[Any]":
        """Call the function `name` with `arguments` (which must pickle); its result or exception as a Future."""
        if self.count == 0:
            return completed(lambda: _run(name, *arguments))
        with self._lock:
            if self._closed:
                raise RuntimeError("the service is closed")
            try:
                return self._ready().submit(_run, name, *arguments)
            except BrokenProcessPool:
                self._drop()
                return self._ready().submit(_run, name, *arguments)

    def call(self, name: str, *arguments: Any) -> Any:
        """The same, and wait for it."""
        return self.submit(name, *arguments).result()

    def close(self) -> None:
        """End the processes at once, whatever they do."""
        with self._lock:
            self._closed = True
            self._drop()

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
            context.set_forkserver_preload([_PRELOADED])
            theirs, self._lifeline = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(
                self.count, context, initializer=_begin, initargs=(theirs, self._niceness)
            )
        return self._pool

    def _drop(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._lifeline = None


def completed(function: Callable[[], Any]) -> "Future[Any]":
    """A Future of `function`, which ran already."""
    future: Future[Any] = Future()
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)
    return future
