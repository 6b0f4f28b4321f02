"""Operations on project versions: train, describe, start, stop, copy, delete."""

from dataclasses import replace
from typing import Any

from local.rekognition import outputs
from local.rekognition.datasets import s3_object
from local.rekognition.engine import Call, Operation
from local.rekognition.errors import (
    AccessDenied,
    InvalidParameter,
    LimitExceeded,
    ResourceInUse,
    ResourceNotFound,
    ServiceQuotaExceeded,
    by_code,
)
from local.rekognition.paging import page
from local.rekognition.policies import may_copy
from local.rekognition.projects import CUSTOM_LABELS
from local.rekognition.resources import Dataset, Outcome, Pending, Project, Space, Training, Version, moment
from local.rekognition.tags import first_tags
from local.rekognition.training import Plan, Source, train


def create_project_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Train a model, from the project's datasets, or from given manifests where the project has none."""
    with call.space() as space:
        project = _trainable(space, request["ProjectArn"])
        _check_new(call, project, request)
        training, testing = _sources(call, project, request)
        busy = sum(version.status == "TRAINING_IN_PROGRESS" for version in space.versions())
        if busy >= call.settings.concurrent_trainings:
            raise LimitExceeded(f"{busy} trainings are in progress, and no more are allowed at a time.")
        version = _new(call, space, project, request, "TRAINING_IN_PROGRESS")
        output = request["OutputConfig"]
        plan = Plan(
            arn=version.arn,
            project=project.name,
            version=version.name,
            bucket=output["S3Bucket"],
            prefix=output.get("S3KeyPrefix"),
            training=training,
            testing=testing,
        )
        fault = call.engine.faults.next("training")
        failed = Outcome("TRAINING_FAILED", message=fault or "An internal error occurred during training.")
        version.pending = Pending(call.now() + call.settings.training_minimum_seconds, failed)
        if fault is None:
            version.pending.job = call.engine.submit(lambda: train(call.engine, plan))
    return {"ProjectVersionArn": version.arn}


def describe_project_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Versions by name or all, newest first; an unknown name is left out."""
    names = request.get("VersionNames")
    with call.space() as space:
        project = space.project(request["ProjectArn"])
        found = [version for version in project.versions.values() if names is None or version.name in names]
        found.sort(key=lambda version: version.created, reverse=True)
        part, token = page(found, request, 100)
        described = [_described(project, version) for version in part]
    return {"ProjectVersionDescriptions": described, **({"NextToken": token} if token else {})}


def start_project_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Start a trained model; while it starts, its file is loaded, so that the first detection is quick."""
    least, most = request["MinInferenceUnits"], request.get("MaxInferenceUnits")
    settings = call.settings
    with call.space() as space:
        _, version = space.version(request["ProjectVersionArn"])
        startable = (*Version.TRAINED, *(("FAILED",) if settings.start_from_failed else ()))
        if version.status not in startable or version.training is None or version.training.model is None:
            raise by_code(settings.wrong_start_error, f"The model is {version.status}: it cannot be started.")
        if most is not None and most < least:
            raise by_code(settings.wrong_units_error, "MaxInferenceUnits is below MinInferenceUnits.")
        if max(least, most or 0) > settings.inference_units_quota:
            raise LimitExceeded(f"A model has at most {settings.inference_units_quota} inference units.")
        using = ("STARTING", "RUNNING", *(("STOPPING",) if settings.stopping_counts_as_running else ()))
        if sum(one.status in using for one in space.versions()) >= settings.running_models_quota:
            raise LimitExceeded(f"{settings.running_models_quota} models are running, and no more are allowed.")
        version.status, version.message = "STARTING", "The model is starting."
        version.min_units, version.max_units = least, most
        fault = call.engine.faults.next("start")
        due, model = call.now() + settings.start_seconds, version.training.model
        failed = Outcome("FAILED", message=fault or "An internal error occurred while the model started.")
        version.pending = Pending(due, failed)
        if fault is None:
            version.pending.job = call.engine.submit(lambda: _load(call, model))
    return {"Status": version.status}


def stop_project_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Stop a running model, and a starting one unless the settings forbid it."""
    with call.space() as space:
        _, version = space.version(request["ProjectVersionArn"])
        stoppable = ("RUNNING", *(("STARTING",) if call.settings.stop_while_starting else ()))
        if version.status not in stoppable:
            raise by_code(call.settings.wrong_stop_error, f"The model is {version.status}: it cannot be stopped.")
        version.status, version.message = "STOPPING", "The model is being stopped."
        stopped = Outcome("STOPPED", message="The model is stopped.")
        version.pending = Pending(call.now() + call.settings.stop_seconds, stopped)
    return {"Status": version.status}


def delete_project_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a model that is neither in training, nor running, nor about to be."""
    with call.space() as space:
        _, version = space.version(request["ProjectVersionArn"])
        if version.pending is not None or version.status == "RUNNING":
            raise ResourceInUse(f"The model is {version.status}.")
        version.status, version.message = "DELETING", "The model is being deleted."
        version.pending = Pending(call.now() + call.settings.delete_seconds, Outcome(gone=True))
    return {"Status": version.status}


def copy_project_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Copy a trained model within the Region; from another account, a project policy must allow it."""
    source_arn, version_arn = request["SourceProjectArn"], request["SourceProjectVersionArn"]
    with call.engine.spaces() as spaces, call.space() as space:
        owners = [one for one in spaces if one.region == call.region and source_arn in one.projects]
        if not owners:
            raise ResourceNotFound(f"The project {source_arn} does not exist.")
        owner = owners[0]
        source_project, source = owner.version(version_arn)
        if source_project.arn != source_arn:
            raise ResourceNotFound(f"The project has no version {version_arn}.")
        if owner.account != call.account and not may_copy(source_project, call.account, version_arn):
            raise AccessDenied(f"No project policy lets the account {call.account} copy {version_arn}.")
        if source.status == "DELETING":
            raise ResourceInUse("The model to copy is DELETING.")
        if source.training is None or source.training.model is None:
            raise InvalidParameter(f"The model to copy is {source.status}.")
        project = _trainable(space, request["DestinationProjectArn"])
        if project.arn == source_arn:
            raise InvalidParameter("A model is copied to another project, not within its own.")
        _check_new(call, project, request)
        version = _new(call, space, project, request, "COPYING_IN_PROGRESS")
        version.source = version_arn
        output = request["OutputConfig"]
        copied = replace(source.training, bucket=output["S3Bucket"])
        failed = Outcome("COPYING_FAILED", message="An internal error occurred while the model was copied.")
        version.pending = Pending(call.now() + call.settings.copy_seconds, failed)
        bucket = source.training.bucket
        version.pending.job = call.engine.submit(lambda: _copy(call, version, project.name, copied, bucket))
    return {"ProjectVersionArn": version.arn}


def _trainable(space: Space, arn: str) -> Project:
    project = space.project(arn)
    if project.status != "CREATED":
        raise ResourceInUse(f"The project {project.name} is {project.status}.")
    if project.feature != CUSTOM_LABELS:
        raise InvalidParameter(f"This service serves {CUSTOM_LABELS} projects only, not {project.feature}.")
    return project


def _check_new(call: Call, project: Project, request: dict[str, Any]) -> None:
    name = request["VersionName"]
    present = {version.name for version in project.versions.values()}
    if name in present or (name in project.used_names and not call.settings.deleted_name_reusable):
        raise by_code(call.settings.duplicate_version_error, f"The version name {name} is in use.")
    if len(project.versions) >= call.settings.models_quota:
        raise ServiceQuotaExceeded(f"A project has at most {call.settings.models_quota} models.")
    if not request["OutputConfig"].get("S3Bucket"):
        raise InvalidParameter("OutputConfig needs S3Bucket.")
    if request.get("FeatureConfig"):
        raise InvalidParameter("FeatureConfig is not for projects with the feature CUSTOM_LABELS.")


def _new(call: Call, space: Space, project: Project, request: dict[str, Any], status: str) -> Version:
    tags = first_tags(call, request)
    created = call.engine.millisecond()
    name = request["VersionName"]
    version = Version(
        arn=space.arn(project.name, "version", name, str(created)),
        created=created / 1000,
        status=status,
        tags=tags,
        message="The model is being trained." if status.startswith("TRAINING") else "The model is being copied.",
        name=name,
        request=request,
    )
    project.versions[version.arn] = version
    project.used_names.add(name)
    return version


def _sources(call: Call, project: Project, request: dict[str, Any]) -> tuple[Source, Source | None]:
    """Where the training and the test lines come from; None for the test lines asks for a split."""
    given, test = request.get("TrainingData"), request.get("TestingData")
    if given is None and test is None:
        return _dataset_sources(call, project)
    if given is None or test is None:
        raise InvalidParameter("TrainingData and TestingData need each other.")
    if project.datasets:
        raise by_code(
            call.settings.data_and_datasets_error, "The project has datasets: TrainingData is not allowed."
        )
    training, testing = _asset("TrainingData", given), _asset("TestingData", test)
    if training is None:
        raise by_code(call.settings.no_training_data_error, "TrainingData has no asset.")
    if (testing is None) != bool(test.get("AutoCreate")):
        raise InvalidParameter("TestingData needs exactly one of an asset and AutoCreate.")
    return training, testing


def _asset(member: str, data: dict[str, Any]) -> dict[str, Any] | None:
    assets = data.get("Assets") or []
    if len(assets) > 1:
        raise InvalidParameter(f"{member} has more than one asset.")
    return s3_object((assets[0].get("GroundTruthManifest") or {}).get("S3Object")) if assets else None


def _dataset_sources(call: Call, project: Project) -> tuple[Source, Source | None]:
    train_set, test_set = project.datasets.get("TRAIN"), project.datasets.get("TEST")
    if train_set is None:
        raise by_code(call.settings.no_training_data_error, "The project has no training dataset.")
    if test_set is None and not call.settings.split_without_test:
        raise by_code(call.settings.no_training_data_error, "The project has no test dataset.")
    for dataset in (train_set, test_set):
        if dataset is not None and dataset.pending is not None:
            raise ResourceInUse(f"The {dataset.kind} dataset is {dataset.status}.")
        if dataset is not None and dataset.status not in Dataset.READY:
            raise InvalidParameter(f"The {dataset.kind} dataset is {dataset.status}.")
    return _texts(train_set), _texts(test_set) if test_set is not None else None


def _texts(dataset: Dataset) -> list[str]:
    return [entry.text for entry in dataset.entries.values()]


def _load(call: Call, model: str) -> Outcome:
    call.engine.detection.call("local.rekognition.learning:load", model, call.settings.models_in_memory)
    return Outcome("RUNNING", message="The model is running.")


def _copy(call: Call, version: Version, project: str, training: Training, source: str) -> Outcome:
    """Copy the evaluation summary to the new output location; the model's file is shared."""
    s3, output = call.engine.s3, version.request["OutputConfig"]
    keys = {}
    for name in (outputs.EVALUATION,):
        if name in training.keys:
            keys[name] = outputs.key(output.get("S3KeyPrefix"), name, project, version.name)
            s3.copy_object(
                Bucket=training.bucket,
                Key=keys[name],
                CopySource={"Bucket": source, "Key": training.keys[name]},
            )
    copied = replace(training, keys=keys)
    return Outcome("COPYING_COMPLETED", message="The model is ready to run.", training=copied)


def _described(project: Project, version: Version) -> dict[str, Any]:
    request, training = version.request, version.training
    described: dict[str, Any] = {
        "ProjectVersionArn": version.arn,
        "CreationTimestamp": moment(version.created),
        "MinInferenceUnits": version.min_units,
        "MaxInferenceUnits": version.max_units,
        "Status": version.status,
        "StatusMessage": version.message,
        "TrainingEndTimestamp": moment(version.ended) if version.ended else None,
        "OutputConfig": request["OutputConfig"],
        "KmsKeyId": request.get("KmsKeyId"),
        "SourceProjectVersionArn": version.source,
        "VersionDescription": request.get("VersionDescription"),
        "Feature": project.feature,
    }
    if version.source is None:
        described |= _results(request, training)
    if training is not None and training.f1 is not None:
        described["BillableTrainingTimeInSeconds"] = int(training.seconds) if version.source is None else None
        summary = _file(training, outputs.EVALUATION)
        described["EvaluationResult"] = {"F1Score": training.f1, **({"Summary": summary} if summary else {})}
    return {key: value for key, value in described.items() if value is not None}


def _results(request: dict[str, Any], training: Training | None) -> dict[str, Any]:
    """Inputs, outputs and validation files of both datasets, as far as they exist."""
    automatic = {"AutoCreate": bool((request.get("TestingData") or {}).get("AutoCreate"))}
    results: dict[str, Any] = {
        "TrainingDataResult": {"Input": request.get("TrainingData") or {}},
        "TestingDataResult": {"Input": {**(request.get("TestingData") or {}), **automatic}},
    }
    if training is None:
        return results
    for member, truth, validation, extra in (
        ("TrainingDataResult", outputs.TRAINING_TRUTH, outputs.TRAINING_VALIDATION, {}),
        ("TestingDataResult", outputs.TESTING_TRUTH, outputs.TESTING_VALIDATION, automatic),
    ):
        for part, name, more in (("Output", truth, extra), ("Validation", validation, {})):
            file = _file(training, name)
            if file is not None:
                results[member][part] = {"Assets": [{"GroundTruthManifest": file}], **more}
    summary = _file(training, outputs.SUMMARY)
    return {**results, **({"ManifestSummary": summary} if summary else {})}


def _file(training: Training, name: str) -> dict[str, Any] | None:
    if name not in training.keys:
        return None
    return {"S3Object": {"Bucket": training.bucket, "Name": training.keys[name]}}


OPERATIONS: dict[str, Operation] = {
    "CreateProjectVersion": create_project_version,
    "DescribeProjectVersions": describe_project_versions,
    "StartProjectVersion": start_project_version,
    "StopProjectVersion": stop_project_version,
    "DeleteProjectVersion": delete_project_version,
    "CopyProjectVersion": copy_project_version,
}
