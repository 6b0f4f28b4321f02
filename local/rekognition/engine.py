"""What the operations work with: settings, time, S3, workers, faults, and the resources under one lock."""

import logging
import shutil
import sqlite3
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.rekognition.errors import ProvisionedThroughputExceeded
from local.rekognition.faults import Faults
from local.rekognition.keeping import Keeper, State
from local.rekognition.resources import Outcome, Space, Version
from local.rekognition.settings import Settings
from local.rekognition.store import Store
from local.rekognition.workers import Workers, completed

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

log = logging.getLogger(__name__)

TRAINING_NICENESS = 10  # who waits for an answer goes first

COUNTED = 100_000  # images whose detections are counted
KEEP_SECONDS = 0.5  # changes that follow each other within it are written together


class Engine:
    """Everything that is shared by the calls of one service."""

    def __init__(
        self,
        settings: Settings,
        s3: "Callable[[], S3Client]",
        state_dir: Path,
        clock: Callable[[], float],
        keep: Path | None = None,
    ) -> None:
        self.settings, self.clock, self.faults = settings, clock, Faults()
        self.features_file = state_dir / "features.sqlite"
        self._keeper = Keeper(keep) if keep is not None else None
        self.models_dir = self._keeper.models if self._keeper else state_dir / "models" / uuid.uuid4().hex
        self.models_dir.mkdir(parents=True, exist_ok=True)
        _prepare_store(self.features_file)
        self.training = Workers(settings.workers, TRAINING_NICENESS)
        self.detection = Workers(settings.detection_workers if settings.workers else 0)
        self._make_s3, self._s3_lock = s3, threading.Lock()
        self._s3: S3Client | None = None
        self._lock = threading.RLock()
        self._spaces: dict[tuple[str, str], Space] = {}
        self._last_millisecond = 0
        self._recent: dict[tuple[str, ...], deque[float]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self.detections: Counter[str] = Counter()  # answers for images in S3, by their address
        self._changed, self._closing = threading.Event(), threading.Event()
        self._keeping: threading.Thread | None = None
        if self._keeper is not None:
            self._restore(self._keeper.load())
            self._keeping = threading.Thread(target=self._keep, args=(self._keeper,), daemon=True, name="keeper")
            self._keeping.start()

    @property
    def s3(self) -> "S3Client":
        """The client for manifests, images and outputs, made when first needed."""
        with self._s3_lock:
            if self._s3 is None:
                self._s3 = self._make_s3()
            return self._s3

    @contextmanager
    def space(self, account: str, region: str) -> Iterator[Space]:
        """The resources of an account, with every change applied that is due; others wait meanwhile."""
        with self._lock:
            space = self._spaces.setdefault((account, region), Space(account, region))
            self._settle(space)
            yield space

    @contextmanager
    def spaces(self) -> Iterator[list[Space]]:
        """The resources of every account, for what reaches across accounts."""
        with self._lock:
            for space in self._spaces.values():
                self._settle(space)
            yield list(self._spaces.values())

    def _settle(self, space: Space) -> None:
        gone = {version.training.model for version in space.settle(self.clock()) if version.training}
        if not gone:
            return
        every = [version for one in self._spaces.values() for version in one.versions()]
        gone -= {version.training.model for version in every if version.training}  # copies share the file
        for model in gone:
            if model is not None:
                Path(model).unlink(missing_ok=True)

    def millisecond(self) -> int:
        """Now in epoch milliseconds, never the same twice: ARNs end in it."""
        with self._lock:
            self._last_millisecond = max(self._last_millisecond + 1, int(self.clock() * 1000))
            return self._last_millisecond

    def submit(self, work: Callable[[], Outcome]) -> "Future[Outcome]":
        """Run `work` in a thread (without workers: now); an exception of it is logged and kept."""

        def logged() -> Outcome:
            try:
                return work()
            except Exception:
                log.exception("background work failed")
                raise

        if self.settings.workers == 0:
            return completed(logged)
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(8, thread_name_prefix="custom-labels")
            future = self._threads.submit(logged)
            future.add_done_callback(lambda _: self.changed())
            return future

    def throttle(self, account: str, region: str, operation: str, per_second: float) -> None:
        """ProvisionedThroughputExceeded for a call above `per_second` within one second; 0 is unlimited."""
        if per_second <= 0:
            return
        now = self.clock()
        with self._lock:
            calls = self._recent.setdefault((account, region, operation), deque())
            while calls and calls[0] <= now - 1:
                calls.popleft()
            if len(calls) >= per_second:
                raise ProvisionedThroughputExceeded()
            calls.append(now)

    def detected(self, image: str) -> None:
        """Count an answer for an image in S3; new images are counted up to COUNTED."""
        with self._lock:
            if image in self.detections or len(self.detections) < COUNTED:
                self.detections[image] += 1

    def changed(self) -> None:
        """Have the state written soon, if it is kept."""
        self._changed.set()

    def reset(self) -> None:
        """Forget every resource, fault and count of calls; what is under way ends unseen."""
        with self._lock:
            self._spaces.clear()
            self._recent.clear()
            self.detections.clear()
            self.faults.clear()
        self.changed()

    def close(self) -> None:
        """Write what is kept, end processes and threads, and remove models that nobody can reach any more."""
        self._closing.set()
        self._changed.set()
        if self._keeping is not None:
            self._keeping.join()
        self.training.close()
        self.detection.close()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        if self._keeper is not None:
            self._keeper.close()
        else:
            shutil.rmtree(self.models_dir, ignore_errors=True)

    def _restore(self, state: State | None) -> None:
        if state is None:
            return
        ahead = max(0.0, state.saved - self.clock())  # the clock had been put forward
        self._last_millisecond = state.millisecond
        for space in state.spaces:
            self._spaces[space.account, space.region] = space
            for project in space.projects.values():
                for resource in (project, *project.datasets.values(), *project.versions.values()):
                    if resource.pending is not None:
                        resource.pending.due -= ahead

    def _keep(self, keeper: Keeper) -> None:
        """Write the state after changes, and once more when the service closes."""
        last = False
        while not last:
            self._changed.wait()
            self._changed.clear()  # before the look at the end, or the end's own signal is lost
            last = self._closing.wait(KEEP_SECONDS)
            try:
                with self.spaces() as spaces:
                    prepared = keeper.prepare(State(self.clock(), self._last_millisecond, spaces))
                keeper.write(*prepared)
            except Exception:
                log.exception("the state could not be written to %s", keeper.folder)


def _prepare_store(file: Path) -> None:
    """Make the cache's file before several processes could; one that is broken is only a cache, and made anew."""
    try:
        Store(file, 0).close()
    except sqlite3.DatabaseError:
        log.warning("the cache of features is broken, and is made anew: %s", file)
        file.unlink()
        Store(file, 0).close()


@dataclass(frozen=True)
class Call:
    """One call: who calls, and what it works with."""

    engine: Engine
    account: str
    region: str

    @contextmanager
    def space(self) -> Iterator[Space]:
        with self.engine.space(self.account, self.region) as space:
            yield space

    @property
    def settings(self) -> Settings:
        return self.engine.settings

    def now(self) -> float:
        return self.engine.clock()


Operation = Callable[[Call, dict[str, Any]], dict[str, Any]]
__all__ = ["Call", "Engine", "Operation", "Version"]
