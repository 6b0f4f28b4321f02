"""Every quota, every duration, and every choice that the public documentation leaves open, by name.

A field's `doc` says what it does; `from_environment` reads CUSTOM_LABELS_<FIELD IN CAPITALS>.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, cast


def _field(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Settings:
    """The service's settings; times in seconds, sizes in bytes or pixels, ratios 0 to 1."""

    # Durations: AWS takes minutes to hours, a laptop should not.
    project_seconds: float = _field(0.0, "how long a new project is CREATING")
    dataset_seconds: float = _field(0.5, "shortest time a new dataset is CREATE_IN_PROGRESS")
    update_seconds: float = _field(0.5, "time a dataset is UPDATE_IN_PROGRESS (update and distribute)")
    training_minimum_seconds: float = _field(0.5, "shortest time a version is TRAINING_IN_PROGRESS")
    start_seconds: float = _field(1.0, "shortest time a version is STARTING")
    stop_seconds: float = _field(0.5, "time a version is STOPPING")
    copy_seconds: float = _field(0.5, "time a version is COPYING_IN_PROGRESS")
    delete_seconds: float = _field(0.3, "time a project, dataset or version is DELETING before it is gone")

    # Quotas of an account in a Region.
    projects_quota: int = _field(100, "projects per account (LimitExceeded)")
    models_quota: int = _field(100, "models per project (ServiceQuotaExceeded)")
    concurrent_trainings: int = _field(2, "trainings at a time per account (LimitExceeded)")
    running_models_quota: int = _field(2, "models starting or running per account (LimitExceeded)")
    stopping_counts_as_running: bool = _field(False, "whether a STOPPING model still uses the quota")
    inference_units_quota: int = _field(5, "inference units per started model (LimitExceeded)")
    tags_quota: int = _field(50, "tags per resource (ServiceQuotaExceeded)")
    policies_quota: int = _field(5, "policies per project (ServiceQuotaExceeded)")
    requests_per_second: float = _field(0.0, "rate per control operation and account; AWS: 5; 0: unlimited")
    tag_requests_per_second: float = _field(0.0, "rate per tag operation and account; AWS: 10; 0: unlimited")
    detections_per_second: float = _field(0.0, "DetectCustomLabels per account; AWS: 50; 0: unlimited")
    detections_per_unit: float = _field(
        0.0, "detections a second for each inference unit of a model (ProvisionedThroughputExceeded); 0: unlimited"
    )

    # Limits of manifests, images and labels.
    manifest_bytes: int = _field(1024**3, "largest manifest")
    manifest_lines: int = _field(250_000, "most lines of a manifest, blank and invalid ones counted")
    json_line_characters: int = _field(100_000, "longest JSON line; longer ones are dropped from datasets")
    image_labels_minimum: int = _field(2, "fewest labels of an image-level training")
    object_labels_minimum: int = _field(1, "fewest labels of an object training")
    labels_maximum: int = _field(250, "most labels of a dataset")
    label_characters: int = _field(255, "longest label; one page of the guide says 256")
    labels_per_image: int = _field(50, "most labels of one image")
    boxes_per_image: int = _field(50, "most boxes of one image")
    test_images_per_label: int = _field(1000, "most test images of one label that are evaluated")
    invalid_lines_ratio: float = _field(0.2, "share of invalid lines above which a training fails")
    dataset_error_ratio: float = _field(1.0, "share of faulty entries above which a dataset fails")
    label_overlap: float = _field(0.5, "smallest share of training labels that the test labels must hold")
    image_bytes: int = _field(4 * 1024**2, "largest image sent as Bytes")
    image_s3_bytes: int = _field(15 * 1024**2, "largest image read from S3")
    image_side_minimum: int = _field(64, "shortest side of an image")
    image_side_maximum: int = _field(4096, "longest side of an image")
    image_aspect_maximum: float = _field(20.0, "largest ratio of an image's sides")
    downscale_side: int = _field(1280, "longer sides are scaled to this before a box's size is judged")

    # Choices: the code answered where the documentation names none.
    duplicate_project_error: str = _field("ResourceInUse", "CreateProject with a name that exists")
    duplicate_version_error: str = _field("ResourceInUse", "CreateProjectVersion with a name that exists")
    duplicate_dataset_error: str = _field("ResourceAlreadyExists", "CreateDataset of a type that exists")
    data_and_datasets_error: str = _field("InvalidParameter", "TrainingData for a project with datasets")
    no_training_data_error: str = _field("InvalidParameter", "training without any training data")
    wrong_start_error: str = _field("ResourceInUse", "StartProjectVersion in a state that forbids it")
    wrong_stop_error: str = _field("ResourceInUse", "StopProjectVersion in a state that forbids it")
    wrong_units_error: str = _field("InvalidParameter", "MaxInferenceUnits below MinInferenceUnits")
    image_shape_error: str = _field("InvalidImageFormat", "detection on an image too small or too long")
    image_side_error: str = _field("ImageTooLarge", "detection on an image with a side above the maximum")

    # Choices: behaviour.
    deleted_name_reusable: bool = _field(True, "whether a deleted version's name may be used again")
    stop_while_starting: bool = _field(True, "whether StopProjectVersion is accepted in STARTING")
    start_from_failed: bool = _field(True, "whether a version whose start FAILED may be started again")
    project_needs_no_datasets_to_delete: bool = _field(True, "whether datasets forbid DeleteProject")
    projects_newest_first: bool = _field(True, "direction of DescribeProjects")
    list_while_updating: bool = _field(False, "whether UPDATE_IN_PROGRESS lists the old entries, or is refused")
    update_after_create_failed: bool = _field(False, "whether a CREATE_FAILED dataset accepts updates")
    training_locks_datasets: bool = _field(False, "whether a running training forbids changes of its datasets")
    dataset_checks_images: bool = _field(False, "whether a new dataset lists unreadable images as errors")
    manifest_extension_required: bool = _field(False, "whether a manifest's key needs an extension")
    split_without_test: bool = _field(False, "train without a test dataset by a split, instead of refusing")
    split_fraction: float = _field(0.2, "share that AutoCreate and DistributeDatasetEntries take for testing")
    split_minimum_images: int = _field(2, "fewest images of each label for a split")
    mixed_use_case: str = _field("majority", "kind of a mixed manifest: majority, image or object")
    error_index_base: int = _field(1, "number of the first line in error_json_line_indices")
    minimum_confidence_inclusive: bool = _field(True, "whether a confidence equal to the threshold is kept")
    zero_results_means_all: bool = _field(False, "whether MaxResults=0 returns all labels, or none")
    exif_rotation: bool = _field(False, "whether EXIF orientation turns images; off, it is ignored")
    box_overlap: float = _field(0.5, "smallest overlap (IoU) of a found box with an annotated one that it matches")
    box_suppression: float = _field(0.4, "overlap (IoU) of two found boxes above which only the surer is kept")
    boxes_found: int = _field(100, "most boxes that are found in one image, whatever their confidence")
    threshold_ties: str = _field("highest", "which of several thresholds with the best F1: highest or lowest")
    untested_threshold: float = _field(0.5, "threshold of a label that no test image has")
    confusion_matrix: str = _field("share", "values: share of the true label's images, or count")

    # Machinery.
    workers: int = _field(2, "training processes; 0: everything in the caller's thread (tests)")
    detection_workers: int = _field(1, "detection processes, apart from training's")
    models_in_memory: int = _field(8, "loaded models that a detection process keeps")
    s3_concurrency: int = _field(
        2, "images read from S3 at a time, for each training; more let other calls wait longer"
    )
    seed: int = _field(0, "seed of everything random: splits and training")

    @classmethod
    def from_environment(
        cls, prefix: str = "CUSTOM_LABELS_", environment: Mapping[str, str] | None = None
    ) -> Self:
        """Defaults, overridden by variables; ValueError names a variable that is not a setting or not readable."""
        source = os.environ if environment is None else environment
        known = {f"{prefix}{item.name.upper()}": item for item in fields(cls)}
        chosen: dict[str, Any] = {}
        for variable, text in source.items():
            if not variable.startswith(prefix):
                continue
            if variable not in known:
                raise ValueError(f"{variable} is not a setting; settings: {', '.join(sorted(known))}")
            item = known[variable]
            try:
                chosen[item.name] = _parse(text, cast(type, item.type))
            except ValueError:
                kind = cast(type, item.type).__name__
                raise ValueError(f"{variable}={text!r} is not a valid {kind}: {item.metadata['doc']}") from None
        return cls(**chosen)


def _parse(text: str, kind: type) -> Any:
    if kind is bool:
        lowered = text.strip().lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off"):
            return False
        raise ValueError(text)
    return kind(text)


AT_ONCE = Settings(
    project_seconds=0,
    dataset_seconds=0,
    update_seconds=0,
    training_minimum_seconds=0,
    start_seconds=0,
    stop_seconds=0,
    copy_seconds=0,
    delete_seconds=0,
    workers=0,
    detection_workers=0,
)
"""For tests: everything has ended at the next look, and runs in the caller's thread."""
