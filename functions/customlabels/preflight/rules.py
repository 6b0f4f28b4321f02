"""The rules that training data is checked by, and Rekognition's limits behind them.

A code that begins with ERROR_ or WARNING_ is the service's own; the others are this project's, for what the
service does not name. The severity speaks of the run: the service drops a bad line and trains without it, so that
alone is a warning; an error is what makes the service refuse the whole dataset or fail the training.
"""

from typing import Literal, NamedTuple

LINES = 250_000  # in one manifest; blank and invalid lines count
MANIFEST_BYTES = 1024**3  # "1 GB", in the reading that refuses nothing good
LINE_CHARACTERS = 100_000
LABEL_CHARACTERS = 255  # of the API's model; the guide once says 256
LABELS = 250  # of one dataset
IMAGE_LABELS_MINIMUM = 2
OBJECT_LABELS_MINIMUM = 1
LABELS_PER_IMAGE = 50
BOXES_PER_IMAGE = 50
INVALID_SHARE = 0.2
OVERLAP_SHARE = 0.5  # common labels ÷ training labels
TEST_IMAGES_PER_LABEL = 1000
RECOMMENDED_IMAGES_PER_LABEL = 10
SPLIT_IMAGES_PER_LABEL = 2  # one to train on and one to test on
SIDE_MINIMUM, SIDE_MAXIMUM = 64, 4096  # pixels
ASPECT = 20
IMAGE_BYTES = 15 * 1024 * 1024
DOWNSCALE_SIDE = 1280  # pixels; the training makes longer sides this long
BOX_MINIMUM = 1  # pixels; a side must be longer, also after the downscale
FORMATS = ("png", "jpeg")
IMBALANCE = 10  # largest label ÷ smallest label; a rule of thumb, not the service's

Severity = Literal["error", "warning"]


class Rule(NamedTuple):
    """How much a breach weighs, and what it is called in a message, in the plural."""

    severity: Severity
    what: str


RULES: dict[str, Rule] = {
    # Lines that the service drops or leaves out.
    "ERROR_INVALID_JSON_LINE": Rule("warning", "Lines that are not one JSON object"),
    "LINE_TOO_LONG": Rule("warning", f"Lines of more than {LINE_CHARACTERS:,} characters"),
    "ERROR_MISSING_SOURCE_REF": Rule("warning", "Lines without a source-ref"),
    "ERROR_INVALID_SOURCE_REF_FORMAT": Rule("warning", "Lines whose source-ref is not s3://bucket/key"),
    "ERROR_NO_LABEL_ATTRIBUTES": Rule("warning", "Lines without a label attribute and its -metadata"),
    "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT": Rule("warning", "Label attributes of the wrong form"),
    "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT": Rule("warning", "Metadata of the wrong form"),
    "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE": Rule("warning", "Boxes without a confidence in objects"),
    "ERROR_MISSING_CLASS_MAP_ID": Rule("warning", "Boxes or labels whose id is not among the named classes"),
    "ERROR_UNSUPPORTED_USE_CASE_TYPE": Rule("warning", "Label attributes of an unsupported type"),
    "ERROR_NO_VALID_LABEL_ATTRIBUTES": Rule("warning", "Lines without any valid label attribute"),
    "ERROR_INVALID_LABEL_NAME_LENGTH": Rule("warning", f"Labels not of 1 to {LABEL_CHARACTERS} characters"),
    "ERROR_INVALID_IMAGE": Rule("warning", "Images that Rekognition cannot use"),
    "ERROR_INVALID_IMAGE_DIMENSION": Rule(
        "warning", f"Images with boxes and a side not of {SIDE_MINIMUM} to {SIDE_MAXIMUM} pixels"
    ),
    "ERROR_INVALID_BOUNDING_BOX": Rule("warning", "Boxes outside of their image"),
    "ERROR_BOUNDING_BOX_TOO_SMALL": Rule(
        "warning", f"Boxes not larger than 1 x 1 pixel once sides over {DOWNSCALE_SIDE} are scaled down"
    ),
    "ERROR_TOO_MANY_BOUNDING_BOXES": Rule("warning", f"Images with more than {BOXES_PER_IMAGE} boxes"),
    "ERROR_NO_VALID_ANNOTATIONS": Rule("warning", "Images all of whose boxes are invalid"),
    "WARNING_UNANNOTATED_RECORD": Rule("warning", "Images without a label"),
    "WARNING_NO_ANNOTATIONS": Rule("warning", "Images that someone looked at and drew no box on"),
    "WARNING_NO_ATTRIBUTE_ANNOTATIONS": Rule("warning", "Box attributes without a box"),
    "DUPLICATE_SOURCE_REF": Rule(
        "warning", "Lines of an image that an earlier line names, dropped without a word"
    ),
    "DUPLICATE_CONTENT": Rule("warning", "Images with the same content as an earlier one"),
    "SAME_CONTENT_OTHER_LABELS": Rule(
        "warning", "Images with the same content as an earlier one and other labels"
    ),
    "IMAGE_SIZE_DIFFERS": Rule("warning", "Images of another size than their boxes were drawn for"),
    "IMAGE_IN_BOTH_DATASETS": Rule("warning", "Images that are trained on and tested with"),
    "CONTENT_IN_BOTH_DATASETS": Rule("warning", "Images whose content is both trained on and tested with"),
    # What a conversion leaves out.
    "INVALID_ROW": Rule("warning", "Rows that cannot be read"),
    "UNKNOWN_IMAGE_SIZE": Rule("warning", "Images with boxes whose size is not known"),
    "FOREIGN_ATTRIBUTE": Rule("warning", "Annotations of a kind that Rekognition does not train on, left out"),
    "SUPERSEDED_ATTRIBUTE": Rule("warning", "Boxes left out for the adjusted ones beside them"),
    "SEVERAL_ANNOTATIONS": Rule("warning", "Tasks annotated more than once, of which the newest counts"),
    "CANCELLED_ANNOTATION": Rule("warning", "Tasks that were only skipped, taken as unlabelled"),
    "CROWD_ANNOTATION": Rule("warning", "Boxes around a crowd, left out"),
    "ROTATED_BOX": Rule("warning", "Rotated boxes, replaced by the upright box around them"),
    # What the service says once it has the dataset.
    "ENTRIES_MISSING": Rule("warning", "Lines that the service dropped without a word"),
    "ENTRY_ERROR": Rule("warning", "Entries that the service found faulty for a reason not named here"),
    # A dataset as a whole.
    "ERROR_EMPTY_MANIFEST": Rule("error", "Datasets without a line"),
    "ERROR_MANIFEST_SIZE_TOO_LARGE": Rule("error", "Manifests that are too large"),
    "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM": Rule("error", "Manifests with too many lines"),
    "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST": Rule("error", "Manifests with too many invalid lines"),
    "MANY_INVALID_IMAGES_READ": Rule("warning", "Datasets whose read images are often unusable"),
    "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS": Rule("error", "Datasets with images in several buckets"),
    "ERROR_MANIFEST_TOO_FEW_LABELS": Rule("error", "Datasets with too few labels"),
    "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS": Rule("error", "Datasets with too few usable labels"),
    "ERROR_MANIFEST_TOO_MANY_LABELS": Rule("error", "Datasets with too many labels"),
    "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE": Rule("error", "Labels with too few images to split"),
    "ERROR_INSUFFICIENT_LABEL_OVERLAP": Rule("error", "Too few labels in both datasets"),
    "ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP": Rule("error", "Too few usable labels in both datasets"),
    "MIXED_LABEL_KINDS": Rule("warning", "Lines of the kind of label that is not trained"),
    "FEW_IMAGES_PER_LABEL": Rule("warning", "Labels with few images"),
    "CLASS_IMBALANCE": Rule("warning", "Labels with far fewer images than another"),
    "SIMILAR_LABELS": Rule("warning", "Labels that differ only in case, spaces or the coding of a letter"),
    "LABEL_NOT_IN_TRAINING": Rule("warning", "Labels that are tested but not trained"),
    "LABEL_NOT_IN_TESTING": Rule("warning", "Labels that are trained but not tested"),
    "MANY_TEST_IMAGES_PER_LABEL": Rule("warning", "Labels with more test images than are used"),
}
