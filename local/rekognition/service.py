"""The service: takes a request in botocore's Python shape, answers in it, or raises a ServiceError."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.rekognition import datasets, inference, policies, projects, tags, versions
from local.rekognition.engine import Call, Engine, Operation
from local.rekognition.errors import InternalServer, ServiceError, UnknownOperation
from local.rekognition.faults import Faults
from local.rekognition.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

log = logging.getLogger(__name__)

OPERATIONS: dict[str, Operation] = {
    **projects.OPERATIONS,
    **datasets.OPERATIONS,
    **versions.OPERATIONS,
    **inference.OPERATIONS,
    **policies.OPERATIONS,
    **tags.OPERATIONS,
}
READS = ("Describe", "List", "Detect")  # how operations begin that change nothing
DEFAULTS = Settings()


class Service:
    """Amazon Rekognition Custom Labels for any number of accounts and Regions; thread-safe.

    `s3()` makes the client that reads manifests and images and writes outputs, when it is first needed.
    `state_dir` holds the cache of features (which may outlive the service) and the trained models (which do not).
    With `keep`, a folder, resources and models are written there, and a later service goes on from them;
    RuntimeError if another service has that folder.
    Calls are quick, but CreateDataset and DetectCustomLabels may read from S3, so a host that serves S3 itself
    must not make them on the thread that serves it.
    """

    def __init__(
        self,
        settings: Settings = DEFAULTS,
        *,
        s3: "Callable[[], S3Client]",
        state_dir: Path,
        clock: Callable[[], float] = time.time,
        keep: Path | None = None,
    ) -> None:
        self._engine = Engine(settings, s3, state_dir, clock, keep)

    @property
    def settings(self) -> Settings:
        return self._engine.settings

    @property
    def faults(self) -> Faults:
        """The plan of faults."""
        return self._engine.faults

    @property
    def detections(self) -> dict[str, int]:
        """How often DetectCustomLabels has looked at each image in S3, by its address."""
        return dict(self._engine.detections)

    @property
    def clock(self) -> Callable[[], float]:
        """The service's time, in epoch seconds."""
        return self._engine.clock

    def call(self, operation: str, request: dict[str, Any], *, account: str, region: str) -> dict[str, Any]:
        """Do one operation; the request must fit the API model, which `local.wire` checks."""
        handler = OPERATIONS.get(operation)
        if handler is None:
            served = ", ".join(sorted(OPERATIONS))
            raise UnknownOperation(f"{operation} is not served here: this is Custom Labels only ({served}).")
        self._engine.throttle(account, region, operation, self._rate(operation))
        fault = self._engine.faults.due(operation)
        if fault is not None and fault[1] == "before":
            raise fault[0]
        try:
            answer = handler(Call(self._engine, account, region), request)
        except ServiceError:
            raise
        except Exception as error:
            log.exception("%s failed", operation)
            raise InternalServer(f"{operation} failed: {type(error).__name__}.") from error
        if not operation.startswith(READS):
            self._engine.changed()
        if fault is not None:
            raise fault[0]
        return answer

    def reset(self) -> None:
        """Forget every resource and fault; the cache of features stays."""
        self._engine.reset()

    def close(self) -> None:
        """End worker processes and threads; models are gone unless they are kept, the cache of features stays."""
        self._engine.close()

    def _rate(self, operation: str) -> float:
        if operation in inference.OPERATIONS:
            return self.settings.detections_per_second
        if operation in tags.OPERATIONS:
            return self.settings.tag_requests_per_second
        return self.settings.requests_per_second
