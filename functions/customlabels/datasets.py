"""What becomes of a project's dataset in a run, and the rows written for it."""

import tempfile
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from customlabels.locations import Location
from customlabels.polling import Poll, begin
from customlabels.sources import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READY = ("CREATE_COMPLETE", "UPDATE_COMPLETE")  # an update that succeeded overwrites CREATE_COMPLETE
READABLE = (*READY, "UPDATE_FAILED")  # a failed update leaves what was there before
Action = Literal["keep", "create", "replace"]


def decide(source: Source, refresh: str, existing: dict[str, str] | None) -> Action:
    """Whether the dataset {"arn", "status"} that exists is kept or replaced, or a first one is created."""
    if existing is None:
        return "create"
    if existing["status"] not in READABLE:
        return "replace"
    return "keep" if refresh == "keep" or source.value == existing["arn"] else "replace"


def must_rebuild(existing: dict[str, str] | None) -> bool:
    """Whether a dataset that is kept must be made anew from its own entries, since it is not ready as it is."""
    return existing is not None and existing["status"] not in READY


def to_read(testing: dict[str, Any], training: dict[str, Any], existing: dict[str, Any]) -> list[str]:
    """The ARNs of the datasets whose entries a run must know: those it keeps, splits anew or copies from.

    `testing` and `training` are {"source", "refresh"}, `existing` is {"TEST", "TRAIN": {"arn", "status"} or null}.
    """
    wanted = []
    for part, kind in ((testing, "TEST"), (training, "TRAIN")):
        source, dataset = Source(**part["source"]), existing[kind]
        kept = decide(source, part["refresh"], dataset) == "keep"
        if dataset and dataset["status"] in READABLE and (kept or source.kind == "split"):
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


def branch(
    action: Action, existing: dict[str, str] | None, *, limit: int, empty: bool = False, **facts: Any
) -> dict[str, Any]:
    """What a branch of Datasets reads: its steps, the dataset so far, and its polls (`limit` in seconds)."""
    poll: Poll = begin(3, 120, limit)
    return {
        **facts,
        "action": action,
        "delete": action == "replace",
        "create": "nothing" if action == "keep" else "empty" if empty else "filled",
        "dataset": {"arn": existing["arn"] if existing else None},
        "refused": None,
        "deleted": {"poll": poll},
        "checked": {"poll": poll},
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
