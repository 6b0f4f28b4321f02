"""Operations on datasets."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.rekognition import entries as contents
from local.rekognition.engine import Call, Engine, Operation
from local.rekognition.errors import (
    DatasetError,
    InvalidParameter,
    InvalidS3Object,
    ResourceInUse,
    ResourceNotFound,
    ResourceNotReady,
    by_code,
)
from local.rekognition.lines import INVALID_IMAGE, check
from local.rekognition.paging import page
from local.rekognition.resources import Dataset, Entry, Outcome, Pending, Project, Space, moment
from local.rekognition.splitting import TooFewImages, test_share
from local.rekognition.tags import first_tags

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Busy = type[ResourceInUse] | type[ResourceNotReady]

TOO_FEW_TO_DISTRIBUTE = "The training dataset has too few images per label to distribute."


def create_dataset(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a dataset: empty, from a manifest, or as a copy of another dataset of the account."""
    kind, source = request["DatasetType"], request.get("DatasetSource")
    manifest, origin = _source(source) if source is not None else (None, None)
    with call.space() as space:
        _check_free(call, space, request["ProjectArn"], kind)
    if manifest is not None:
        _check_reachable(call.engine.s3, manifest)
    fault = call.engine.faults.next("dataset")
    with call.space() as space:
        project = _check_free(call, space, request["ProjectArn"], kind)
        tags = first_tags(call, request)
        copied = _copied(space, origin) if origin else None
        created = call.engine.millisecond()
        outcome = Outcome("CREATE_COMPLETE", message="The dataset was created.", code="SUCCESS", entries=copied)
        if fault is not None:
            outcome = Outcome("CREATE_FAILED", message=fault, code="CLIENT_ERROR")
        elif manifest is not None:
            outcome = _lost("CREATE_FAILED")
        pending = Pending(call.now() + call.settings.dataset_seconds, outcome)
        dataset = Dataset(
            arn=space.arn(project.name, "dataset", kind.lower(), str(created)),
            created=created / 1000,
            updated=created / 1000,
            status="CREATE_IN_PROGRESS",
            tags=tags,
            kind=kind,
            pending=pending,
        )
        project.datasets[kind] = dataset
        if manifest is not None and fault is None:
            pending.job = call.engine.submit(lambda: _load(call.engine, manifest))
    return {"DatasetArn": dataset.arn}


def describe_dataset(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Status of the last operation, and counts of the present content."""
    with call.space() as space:
        _, dataset = space.dataset(request["DatasetArn"])
        counts = dataset.counts()
        described = {
            "CreationTimestamp": moment(dataset.created),
            "LastUpdatedTimestamp": moment(dataset.updated),
            "Status": dataset.status,
            "StatusMessage": dataset.message,
            "StatusMessageCode": dataset.code,
            "DatasetStats": {
                "LabeledEntries": counts.labeled,
                "TotalEntries": counts.total,
                "TotalLabels": len(counts.labels),
                "ErrorEntries": counts.errors,
            },
        }
    return {"DatasetDescription": {key: value for key, value in described.items() if value is not None}}


def delete_dataset(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a dataset that no creation, update or deletion is working on."""
    with call.space() as space:
        project, dataset = space.dataset(request["DatasetArn"])
        if dataset.pending is not None:
            raise ResourceInUse(f"The dataset is {dataset.status}.")
        _check_not_training(call, project, ResourceInUse)
        dataset.status = "DELETE_IN_PROGRESS"
        dataset.pending = Pending(call.now() + call.settings.delete_seconds, Outcome(gone=True))
    return {}


def list_dataset_entries(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Entries that pass all filters, in the order of their first appearance; HasErrors=false filters nothing."""
    with call.space() as space:
        _, dataset = space.dataset(request["DatasetArn"])
        _check_readable(call, dataset)
        entries = dataset.entries
    found = [entry for entry in entries.values() if _passes(entry, request)]
    part, token = page(found, request, 100)
    return {"DatasetEntries": [entry.text for entry in part], **({"NextToken": token} if token else {})}


def list_dataset_labels(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Labels by name, and how many images use each; BoundingBoxCount only for labels on boxes."""
    with call.space() as space:
        _, dataset = space.dataset(request["DatasetArn"])
        _check_readable(call, dataset)
        labels = dataset.counts().labels
    part, token = page(list(labels.items()), request, 100)
    described = [
        {"LabelName": label, "LabelStats": {"EntryCount": used, **({"BoundingBoxCount": boxed} if boxed else {})}}
        for label, (used, boxed) in part
    ]
    return {"DatasetLabelDescriptions": described, **({"NextToken": token} if token else {})}


def update_dataset_entries(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace entries by source-ref and append new ones; a failed update leaves the content as it was."""
    changes: bytes = request["Changes"]["GroundTruth"]
    with call.space() as space:
        project, dataset = space.dataset(request["DatasetArn"])
        _check_changeable(call, project, dataset, ResourceInUse)
        present = dataset.entries
        dataset.status = "UPDATE_IN_PROGRESS"
        dataset.pending = Pending(call.now() + call.settings.update_seconds, _lost("UPDATE_FAILED"))
        dataset.pending.job = call.engine.submit(lambda: _update(call.engine, changes, present))
    return {}


def distribute_dataset_entries(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Move a share of the training dataset's labelled entries, of every label alike, to the empty test dataset."""
    first, second = (one["Arn"] for one in request["Datasets"])
    with call.space() as space:
        project, one = space.dataset(first)
        other_project, other = space.dataset(second)
        if project is not other_project or {one.kind, other.kind} != {"TRAIN", "TEST"}:
            raise InvalidParameter("The datasets must be the training and the test dataset of one project.")
        train, test = (one, other) if one.kind == "TRAIN" else (other, one)
        for dataset in (train, test):
            _check_changeable(call, project, dataset, ResourceNotReady)
        if test.entries:
            raise InvalidParameter("The test dataset must be empty.")
        due = call.now() + call.settings.update_seconds
        for dataset, outcome in zip((train, test), _distributed(call, train), strict=True):
            dataset.status = "UPDATE_IN_PROGRESS"
            dataset.pending = Pending(due, outcome)
    return {}


def _source(source: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """The manifest's S3 object, or the ARN to copy: exactly one of them."""
    manifest, origin = source.get("GroundTruthManifest"), source.get("DatasetArn")
    if (manifest is None) == (origin is None):
        raise InvalidParameter("DatasetSource needs exactly one of GroundTruthManifest and DatasetArn.")
    if manifest is None:
        return None, origin
    return s3_object(manifest.get("S3Object")), None


def s3_object(given: dict[str, Any] | None) -> dict[str, Any]:
    """Bucket, Key and VersionId, as boto3 names them; InvalidParameter unless bucket and name are there."""
    if not given or not given.get("Bucket") or not given.get("Name"):
        raise InvalidParameter("S3Object needs Bucket and Name.")
    version = {"VersionId": given["Version"]} if given.get("Version") else {}
    return {"Bucket": given["Bucket"], "Key": given["Name"], **version}


def _check_reachable(s3: "S3Client", manifest: dict[str, Any]) -> None:
    try:
        s3.head_object(**manifest)
    except ClientError:
        raise InvalidS3Object() from None


def _check_free(call: Call, space: Space, arn: str, kind: str) -> Project:
    project = space.project(arn)
    if project.status != "CREATED":
        raise ResourceNotFound(f"The project {project.name} is {project.status}.")
    if kind in project.datasets:
        raise by_code(call.settings.duplicate_dataset_error, f"The project has a {kind} dataset: delete it first.")
    return project


def _check_readable(call: Call, dataset: Dataset) -> None:
    if dataset.status == "UPDATE_IN_PROGRESS" and not call.settings.list_while_updating:
        raise ResourceInUse("The dataset is being updated.")
    if dataset.status in ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
        raise ResourceNotReady(f"The dataset is {dataset.status}.")


def _check_changeable(call: Call, project: Project, dataset: Dataset, busy: Busy) -> None:
    ready = dataset.status in Dataset.READY
    if dataset.status == "CREATE_FAILED" and call.settings.update_after_create_failed:
        ready = True
    if not ready:
        raise busy(f"The {dataset.kind} dataset is {dataset.status}.")
    _check_not_training(call, project, busy)


def _check_not_training(call: Call, project: Project, busy: Busy) -> None:
    training = any(version.status == "TRAINING_IN_PROGRESS" for version in project.versions.values())
    if training and call.settings.training_locks_datasets:
        raise busy("A training is using the dataset.")


def _copied(space: Space, arn: str) -> dict[str, Entry]:
    _, origin = space.dataset(arn)
    if origin.status not in Dataset.READY:
        raise InvalidParameter(f"The dataset to copy is {origin.status}.")
    return dict(origin.entries)


def _passes(entry: Entry, request: dict[str, Any]) -> bool:
    labels = request.get("ContainsLabels")
    return (
        (not labels or any(label in entry.labels or label in entry.box_labels for label in labels))
        and ("Labeled" not in request or entry.is_labeled == request["Labeled"])
        and request.get("SourceRefContains", "") in entry.source_ref
        and (not request.get("HasErrors") or entry.has_errors)
    )


def _lost(status: str) -> Outcome:
    return Outcome(status, message="An internal error occurred.", code="SERVICE_ERROR")


def _load(engine: Engine, manifest: dict[str, Any]) -> Outcome:
    """Read a new dataset's manifest; runs in the background."""
    settings = engine.settings
    try:
        if settings.manifest_extension_required and "." not in manifest["Key"].rsplit("/", 1)[-1]:
            raise DatasetError(contents.INVALID_CONTENTS)
        answer = engine.s3.get_object(**manifest)
        if answer["ContentLength"] > settings.manifest_bytes:
            raise DatasetError(contents.TOO_LARGE)
        loaded = contents.read_entries(contents.text_lines(answer["Body"].iter_chunks(1 << 20)), settings)
        if settings.dataset_checks_images:
            loaded = _with_images_checked(engine, loaded)
    except ClientError:
        return Outcome("CREATE_FAILED", message=contents.NOT_READABLE, code="CLIENT_ERROR", ended=engine.clock())
    except DatasetError as error:
        return Outcome("CREATE_FAILED", message=str(error), code="CLIENT_ERROR", ended=engine.clock())
    message = "The dataset was created."
    return Outcome("CREATE_COMPLETE", message=message, code="SUCCESS", entries=loaded, ended=engine.clock())


def _update(engine: Engine, changes: bytes, present: dict[str, Entry]) -> Outcome:
    try:
        updated = contents.read_entries(contents.text_lines([changes]), engine.settings, present)
    except DatasetError as error:
        return Outcome("UPDATE_FAILED", message=str(error), code="CLIENT_ERROR", ended=engine.clock())
    message = "The dataset was updated."
    return Outcome("UPDATE_COMPLETE", message=message, code="SUCCESS", entries=updated, ended=engine.clock())


def _distributed(call: Call, train: Dataset) -> tuple[Outcome, Outcome]:
    """What becomes of the training and of the test dataset."""
    listed = list(train.entries.values())
    try:
        chosen = test_share(
            [(one.source_ref, tuple(dict.fromkeys((*one.labels, *one.box_labels)))) for one in listed],
            call.settings,
        )
        if not chosen:
            raise TooFewImages("The training dataset has no labelled images.")
    except TooFewImages as error:
        failed = Outcome("UPDATE_FAILED", message=f"{TOO_FEW_TO_DISTRIBUTE} {error}", code="CLIENT_ERROR")
        return failed, failed
    kept = {one.source_ref: one for index, one in enumerate(listed) if index not in chosen}
    moved = {one.source_ref: one for index, one in enumerate(listed) if index in chosen}
    message = "The dataset was updated."
    return (
        Outcome("UPDATE_COMPLETE", message=message, code="SUCCESS", entries=kept),
        Outcome("UPDATE_COMPLETE", message=message, code="SUCCESS", entries=moved),
    )


def _with_images_checked(engine: Engine, loaded: dict[str, Entry]) -> dict[str, Entry]:
    def checked(one: Entry) -> Entry:
        line = check(one.text, 0, engine.settings)
        try:
            engine.s3.head_object(Bucket=line.bucket, Key=line.key)
        except ClientError:
            line.fault(INVALID_IMAGE, "The image is missing or not accessible.", remove=True)
            return contents.entry(line)
        return one

    with ThreadPoolExecutor(engine.settings.s3_concurrency) as pool:
        return {one.source_ref: one for one in pool.map(checked, loaded.values())}


OPERATIONS: dict[str, Operation] = {
    "CreateDataset": create_dataset,
    "DescribeDataset": describe_dataset,
    "DeleteDataset": delete_dataset,
    "ListDatasetEntries": list_dataset_entries,
    "ListDatasetLabels": list_dataset_labels,
    "UpdateDatasetEntries": update_dataset_entries,
    "DistributeDatasetEntries": distribute_dataset_entries,
}
