"""Projects, datasets and versions: what they hold, their states, and how a state follows another.

A change that takes time is a `Pending` on the resource: what becomes of it, and when. It is applied by the first
look at the resources after that time; nothing runs meanwhile but the work itself.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from local.rekognition.errors import ResourceNotFound


@dataclass(frozen=True)
class Entry:
    """One line of a dataset, as ListDatasetEntries answers it."""

    source_ref: str
    text: str
    labels: tuple[str, ...]
    box_labels: tuple[str, ...]
    is_labeled: bool
    has_errors: bool


@dataclass(frozen=True)
class Counts:
    """How many entries; for each label, by name, the images that use it and those that use it on a box."""

    total: int
    labeled: int
    errors: int
    labels: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, entries: Collection[Entry]) -> Self:
        used = Counter(label for one in entries for label in {*one.labels, *one.box_labels})
        boxed = Counter(label for one in entries for label in one.box_labels)
        return cls(
            total=len(entries),
            labeled=sum(one.is_labeled for one in entries),
            errors=sum(one.has_errors for one in entries),
            labels={label: (used[label], boxed[label]) for label in sorted(used)},
        )


@dataclass
class Outcome:
    """What becomes of a resource; `ended` (epoch seconds) is set where work, not the clock, decides."""

    status: str = ""
    gone: bool = False
    message: str | None = None
    code: str | None = None
    entries: dict[str, Entry] | None = None
    training: "Training | None" = None
    ended: float = 0.0


@dataclass
class Pending:
    """A change under way: due at `due` at the earliest, and not before `job`, which then says what becomes."""

    due: float
    outcome: Outcome
    job: "Future[Outcome] | None" = None

    def settled(self, now: float) -> bool:
        return now >= self.due and (self.job is None or self.job.done())

    def result(self) -> Outcome:
        """The outcome; work that crashed or was lost ends as the prepared outcome, which says so."""
        if self.job is None:
            return self.outcome
        lost = self.job.cancelled() or self.job.exception() is not None
        return self.outcome if lost else self.job.result()


@dataclass
class Training:
    """What a training left, for DescribeProjectVersions and for detection."""

    bucket: str
    keys: dict[str, str] = field(default_factory=dict)  # name of the output file → S3 key
    f1: float | None = None
    thresholds: dict[str, float] = field(default_factory=dict)  # label → assumed threshold, 0 to 1
    model: str | None = None  # file of the trained model
    seconds: float = 0.0


@dataclass
class Resource:
    """What all three have in common."""

    arn: str
    created: float
    status: str
    tags: dict[str, str] = field(default_factory=dict)
    message: str | None = None
    pending: Pending | None = None


@dataclass
class Dataset(Resource):
    """A TRAIN or TEST dataset; `entries` by source-ref, in the order of their first appearance."""

    kind: str = "TRAIN"
    updated: float = 0.0
    code: str | None = None
    entries: dict[str, Entry] = field(default_factory=dict)

    counted: "tuple[dict[str, Entry], Counts] | None" = None

    READY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED")

    def counts(self) -> "Counts":
        """Counts of the entries, made once for each content: `entries` is replaced, never changed."""
        if self.counted is None or self.counted[0] is not self.entries:
            self.counted = (self.entries, Counts.of(self.entries.values()))
        return self.counted[1]

    def become(self, outcome: Outcome, when: float) -> None:
        self.status, self.message, self.code = outcome.status, outcome.message, outcome.code
        self.updated = when
        if outcome.entries is not None:
            self.entries = outcome.entries


@dataclass
class Version(Resource):
    """A project version: a model, from its training to its deletion."""

    name: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    training: Training | None = None
    ended: float | None = None  # end of the training
    min_units: int | None = None
    max_units: int | None = None
    source: str | None = None  # ARN of the version that this is a copy of

    TRAINED = ("TRAINING_COMPLETED", "COPYING_COMPLETED", "STOPPED")

    def become(self, outcome: Outcome, when: float) -> None:
        if self.status in ("TRAINING_IN_PROGRESS", "COPYING_IN_PROGRESS"):
            self.ended = when
        self.status, self.message = outcome.status, outcome.message
        if outcome.training is not None:
            self.training = outcome.training
        if outcome.status in ("STOPPED", "FAILED"):
            self.min_units = self.max_units = None


@dataclass
class Policy:
    """A project policy, which lets another account copy the project's models."""

    name: str
    document: str
    revision: str
    created: float
    updated: float


@dataclass
class Project(Resource):
    """A project with at most one dataset of each kind, and its versions."""

    name: str = ""
    feature: str = "CUSTOM_LABELS"
    auto_update: str | None = None
    datasets: dict[str, Dataset] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    used_names: set[str] = field(default_factory=set)

    def become(self, outcome: Outcome, when: float) -> None:
        self.status, self.message = outcome.status, outcome.message


@dataclass
class Space:
    """The resources of one account in one Region."""

    account: str
    region: str
    projects: dict[str, Project] = field(default_factory=dict)

    def arn(self, *parts: str) -> str:
        """The ARN of `project/<parts>`; the last part is the creation time in epoch milliseconds."""
        return f"arn:{_partition(self.region)}:rekognition:{self.region}:{self.account}:project/{'/'.join(parts)}"

    def versions(self) -> Iterator[Version]:
        for project in self.projects.values():
            yield from project.versions.values()

    def project(self, arn: str) -> Project:
        """The project of that ARN, or ResourceNotFound."""
        if arn not in self.projects:
            raise ResourceNotFound(f"The project {arn} does not exist.")
        return self.projects[arn]

    def dataset(self, arn: str) -> tuple[Project, Dataset]:
        """The dataset of that ARN, and its project; or ResourceNotFound."""
        for project in self.projects.values():
            for dataset in project.datasets.values():
                if dataset.arn == arn:
                    return project, dataset
        raise ResourceNotFound(f"The dataset {arn} does not exist.")

    def version(self, arn: str) -> tuple[Project, Version]:
        """The project version of that ARN, and its project; or ResourceNotFound."""
        for project in self.projects.values():
            if arn in project.versions:
                return project, project.versions[arn]
        raise ResourceNotFound(f"The project version {arn} does not exist.")

    def settle(self, now: float) -> list[Version]:
        """Apply every change that is due by `now`; the versions that are gone by it."""
        gone: list[Version] = []
        for arn, project in list(self.projects.items()):
            for kind, dataset in list(project.datasets.items()):
                if _settle(dataset, now):
                    del project.datasets[kind]
            for version_arn, version in list(project.versions.items()):
                if _settle(version, now):
                    gone.append(project.versions.pop(version_arn))
            if _settle(project, now):
                del self.projects[arn]
        return gone


def _settle(resource: Project | Dataset | Version, now: float) -> bool:
    pending = resource.pending
    if pending is None or not pending.settled(now):
        return False
    outcome = pending.result()
    if outcome.gone:
        return True
    resource.pending = None
    resource.become(outcome, max(pending.due, outcome.ended))
    return False


def _partition(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def moment(epoch: float) -> datetime:
    """A time as the API has it: UTC, to the millisecond."""
    return datetime.fromtimestamp(round(epoch * 1000) / 1000, UTC)
