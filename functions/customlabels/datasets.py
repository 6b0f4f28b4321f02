"""What becomes of a project's dataset in a run, and the rows written for it."""

import tempfile
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from customlabels.locations import Location
from customlabels.polling import Poll, begin
from customlabels.sources import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READY = ("CREATE_COMPLETE", "UPDATE_COMPLETE")  # an update that succeeded overwrites CREATE_COMPLETE
READABLE = (*READY, "UPDATE_FAILED")  # a failed update leaves what was there before
Action = Literal["keep", "create", "replace", "merge"]


def decide(source: Source, refresh: str, existing: dict[str, str] | None) -> Action:
    """What becomes of the dataset {"arn", "status"} that exists, or of the lack of one."""
    if existing is None:
        return "create"
    if existing["status"] not in READABLE:
        return "replace"
    # Rekognition splits into an empty test dataset only: to merge a split into one that is filled is to keep it.
    if refresh == "keep" or is_own(source, existing) or (refresh == "merge" and source.kind == "split"):
        return "keep"
    return "merge" if refresh == "merge" else "replace"


def is_own(source: Source, existing: dict[str, str] | None) -> bool:
    """Whether a run's source is the very dataset that the project has."""
    return existing is not None and source.value == existing["arn"]


def must_rebuild(existing: dict[str, str] | None) -> bool:
    """Whether a dataset that is kept must be made anew from its own entries, since it is not ready as it is."""
    return existing is not None and existing["status"] not in READY


def to_read(testing: dict[str, Any], training: dict[str, Any], existing: dict[str, Any]) -> list[str]:
    """The ARNs of the datasets whose entries a run must know: the project's own, and those it copies from.

    What is kept or merged into is compared with the source, and what is replaced is saved before it is deleted.

    `testing` and `training` are {"source", "refresh"}, `existing` is {"TEST", "TRAIN": {"arn", "status"} or null}.
    """
    wanted = []
    for part, kind in ((testing, "TEST"), (training, "TRAIN")):
        source, dataset = Source(**part["source"]), existing[kind]
        if dataset and dataset["status"] in READABLE:
            wanted.append(dataset["arn"])
        if source.kind == "dataset":
            wanted.append(source.value)
    return list(dict.fromkeys(wanted))


def place_of(project: str, version: str) -> str:
    """The prefix in the data bucket of what a run writes about its data."""
    return f"manifests/{project}/{version}"


def entries_prefix(project: str, version: str, arn: str) -> str:
    """The prefix in the data bucket of the entries that a run has read of a dataset."""
    _, owner, _, kind, created = arn.split("/")
    return f"{place_of(project, version)}/entries/{owner}-{kind}-{created}/"


def stored_key(arn: str, updated: datetime) -> str:
    """The key in the data bucket of what a dataset holds since its last update, stored by the run that made it.

    Whoever updates the dataset by other means makes another key of it, under which nothing is stored.
    """
    _, owner, _, kind, created = arn.split("/")
    return f"manifests/{owner}/datasets/{kind}-{created}/{round(updated.timestamp() * 1000)}.manifest"


def branch(
    action: Action,
    existing: dict[str, str] | None,
    *,
    limit: int,
    empty: bool = False,
    saved: dict[str, str] | None = None,
    changes: dict[str, Any] | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """What a branch of Datasets reads: its steps, the dataset so far, and its polls (`limit` in seconds).

    `saved` is the manifest that the dataset is rebuilt from should its replacement fail, `changes` what
    `Desk.merge` wrote.
    """
    poll: Poll = begin(3, 120, limit)
    chunks = changes["chunks"] if changes and action == "merge" else 0
    return {
        **facts,
        "action": action,
        "delete": action == "replace",
        "create": "nothing" if action in ("keep", "merge") else "empty" if empty else "filled",
        "dataset": {"arn": existing["arn"] if existing else None},
        "saved": saved if action == "replace" else None,
        "merge": {**(changes or {"prefix": None, "lines": 0}), "chunks": chunks, "sent": 0, "done": not chunks}
        | {"poll": poll},
        "refused": None,
        "failed": None,
        "deleted": {"poll": poll},
        "checked": {"poll": poll},
        "restored": {"poll": poll, "created": False},
    }


class Rows:
    """Rows of one S3 object, written through a temporary file so that memory stays bounded.

    The object is written when the block ends well; `count` tells the rows so far.
    """

    def __init__(self, s3: "S3Client", location: Location) -> None:
        self.s3 = s3
        self.location = location
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self.count = 0

    @property
    def object(self) -> dict[str, str]:
        """The place as Rekognition's S3Object."""
        return {"Bucket": self.location.bucket, "Name": self.location.key}

    def write(self, row: str) -> None:
        self.file.write(row.encode() + b"\n")
        self.count += 1

    def __enter__(self) -> "Rows":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.file:
            if kind is None:
                self.file.seek(0)
                self.s3.upload_fileobj(self.file, self.location.bucket, self.location.key)
