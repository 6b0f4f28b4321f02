"""What the public documentation leaves open or only suggests, and what the service does, by which setting."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One open question, the answer given here, and the names of the settings that give another."""

    area: str
    question: str
    here: str
    settings: tuple[str, ...] = ()


def _area(name: str, *rows: tuple[str, ...]) -> tuple[Choice, ...]:
    return tuple(Choice(name, question, here, tuple(settings)) for question, here, *settings in rows)


CHOICES: tuple[Choice, ...] = (
    *_area(
        "Protocol",
        ("the texts of errors about states", "a sentence that names the resource's state"),
        ("ThrottlingException as HTTP 400 or 500", "400"),
        ("an empty NextToken", "accepted as none, never sent"),
        ("a NextToken with other parameters than those it came with", "InvalidPaginationToken"),
        ("calls per second of one operation", "unlimited; AWS allows 5", "requests_per_second"),
        ("calls per second of a tag operation", "unlimited; AWS allows 10", "tag_requests_per_second"),
    ),
    *_area(
        "Projects",
        ("CreateProject with a name that exists", "ResourceInUse", "duplicate_project_error"),
        ("the error of the project too many", "LimitExceeded", "projects_quota"),
        ("the state right after CreateProject", "CREATED", "project_seconds"),
        ("the order of DescribeProjects", "newest first", "projects_newest_first"),
        ("DescribeProjects with an unknown name", "it is left out"),
        ("whether datasets forbid DeleteProject", "they do: ResourceInUse", "project_needs_no_datasets_to_delete"),
        ("calls to a project that is not CREATED", "ResourceInUse; CreateDataset: ResourceNotFound"),
        ("the number of tags of a resource", "50, then ServiceQuotaExceeded", "tags_quota"),
        ("which resources have tags", "projects, datasets and versions"),
        ("PutProjectPolicy with a name that exists and no revision", "ResourceAlreadyExists"),
        ("the number of policies of a project", "5, then ServiceQuotaExceeded", "policies_quota"),
    ),
    *_area(
        "Datasets",
        ("a second dataset of a type", "ResourceAlreadyExists", "duplicate_dataset_error"),
        ("a manifest that cannot be reached", "InvalidS3Object from CreateDataset, at once"),
        ("whether a dataset that is CREATE_FAILED keeps its place", "it does, until it is deleted"),
        (
            "a copy of a dataset",
            "lines with their errors, as listed; of the same account only; InvalidParameter unless ready",
        ),
        ("a manifest's key without an extension", "accepted", "manifest_extension_required"),
        ("the encoding of manifests", "UTF-8, with or without a byte order mark"),
        ("images that are missing, at dataset time", "not looked at", "dataset_checks_images"),
        ("the share of faulty entries that fails a dataset", "none does", "dataset_error_ratio"),
        ("warnings in ListDatasetEntries", "not written"),
        ("the order of ListDatasetEntries", "of the first appearance"),
        ("several filters of ListDatasetEntries", "an entry passes all of them"),
        ("listing while a dataset is updated", "ResourceInUse", "list_while_updating"),
        ("listing while a dataset is created or deleted", "ResourceNotReady"),
        ("updating a dataset that is CREATE_FAILED", "ResourceInUse", "update_after_create_failed"),
        ("changing a dataset that another change is working on", "ResourceInUse"),
        ("changing a dataset while its project is in training", "allowed", "training_locks_datasets"),
        ("an update of a known source-ref", "replaces the whole line"),
        ("service keys in an update (cl-metadata, cl-errors)", "ignored"),
        ("the share that DistributeDatasetEntries moves", "20 % of each label", "split_fraction"),
        ("the fewest images of a label to distribute", "2", "split_minimum_images"),
        ("which entries are moved", "drawn by source-ref and seed", "seed"),
        ("the order of the two ARNs", "any"),
    ),
    *_area(
        "Manifest lines",
        ("the longest label, 255 or 256 characters", "255", "label_characters"),
        ("labels that differ in case", "two labels"),
        ("the form of creation-date", "any text"),
        ("job-name of boxes", "optional"),
        ("the kind of a manifest with labels and boxes", "that of more training lines", "mixed_use_case"),
        (
            "the fewest labels of a training",
            "2 image-level, 1 on boxes",
            "image_labels_minimum",
            "object_labels_minimum",
        ),
        ("the number of the first line in the manifest summary", "1", "error_index_base"),
    ),
    *_area(
        "Training",
        ("a version name that exists", "ResourceInUse", "duplicate_version_error"),
        ("the name of a deleted version", "may be used again", "deleted_name_reusable"),
        ("the training too many at a time", "LimitExceeded above 2", "concurrent_trainings"),
        ("the model too many of a project", "ServiceQuotaExceeded above 100", "models_quota"),
        ("TrainingData for a project with datasets", "InvalidParameter", "data_and_datasets_error"),
        ("no training data at all", "InvalidParameter", "no_training_data_error"),
        ("no test dataset", "refused like no training data", "split_without_test"),
        ("a dataset that is not ready", "ResourceInUse while it changes, InvalidParameter if it failed"),
        ("the output prefix", "joined with one slash; empty or missing: none"),
        ("F1Score of DescribeProjectVersions", "the unweighted mean of the labels' F1"),
        ("thresholds with the same F1", "the highest", "threshold_ties"),
        ("the threshold of a label without test images", "0.5", "untested_threshold"),
        ("values of the confusion matrix", "shares of the true label's images", "confusion_matrix"),
        ("the overlap (IoU) at which a box counts as found", "0.5", "box_overlap"),
    ),
    *_area(
        "Models",
        ("StartProjectVersion in a state that forbids it", "ResourceInUse", "wrong_start_error"),
        ("StartProjectVersion of a version that FAILED", "accepted", "start_from_failed"),
        ("StartProjectVersion of a copy", "accepted once COPYING_COMPLETED"),
        ("MaxInferenceUnits below MinInferenceUnits", "InvalidParameter", "wrong_units_error"),
        ("units above the quota", "LimitExceeded above 5", "inference_units_quota"),
        ("the running model too many", "LimitExceeded above 2", "running_models_quota"),
        ("whether a STOPPING model counts as running", "it does not", "stopping_counts_as_running"),
        ("StopProjectVersion in a state that forbids it", "ResourceInUse", "wrong_stop_error"),
        ("StopProjectVersion in STARTING", "accepted", "stop_while_starting"),
        ("DeleteProjectVersion while anything goes on", "ResourceInUse"),
        (
            "CopyProjectVersion of a version without a model",
            "InvalidParameter; of one that is DELETING: ResourceInUse",
        ),
        ("CopyProjectVersion within a project", "InvalidParameter"),
        ("StatusMessage", "a sentence for each state"),
    ),
    *_area(
        "Detection",
        ("a confidence equal to the threshold", "kept", "minimum_confidence_inclusive"),
        ("MaxResults of 0", "no labels", "zero_results_means_all"),
        ("no label above the threshold", "an empty list"),
        ("MinConfidence of 0", "every label of the model"),
        ("an image too small or too long", "InvalidImageFormat", "image_shape_error"),
        ("an image with a side above 4096 pixels", "ImageTooLarge", "image_side_error"),
        ("EXIF orientation", "ignored", "exif_rotation"),
        ("detections per second of an inference unit", "unlimited", "detections_per_unit"),
        ("detections per second of an account", "unlimited; AWS allows 50", "detections_per_second"),
        ("two boxes on one object", "the surer above an overlap of 0.4", "box_suppression"),
        ("the most boxes of an image", "100", "boxes_found"),
    ),
)
