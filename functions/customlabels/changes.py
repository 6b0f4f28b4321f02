"""What a run's data has that the live version's had not, and whether that is worth a training."""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

DATA_TAG = "data"  # of a version: the digest of all images and labels that it was made of
TESTING_TAG = "testing"  # the digest of those it was measured on, or SPLIT where Rekognition chose them
TEST_DATASET_TAG = "testDataset"  # the ARN of the dataset that held them
SPLIT = "split"
REUSABLE = ("TRAINING_IN_PROGRESS", "TRAINING_COMPLETED")  # trained for a run that did not come to its end


class Data(NamedTuple):
    """What tells the data of two versions apart."""

    digest: str
    testing: str
    test_dataset: str | None  # the ARN of the test dataset that is kept


def digest_of(digests: Iterable[str]) -> str:
    """One digest of a set of images, whatever their order; copies of an image with the same labels count once."""
    return hashlib.sha256("\n".join(sorted(set(digests))).encode()).hexdigest()


def made_of(tags: dict[str, str], data: Data) -> bool:
    """Whether the version with these tags was trained and tested on the same data, divided in the same way."""
    same_test = data.testing not in (SPLIT, "") and tags.get(TESTING_TAG) == data.testing
    kept_test = data.test_dataset is not None and tags.get(TEST_DATASET_TAG) == data.test_dataset
    return tags.get(DATA_TAG) == data.digest and (same_test or kept_test)


def why_not(
    *,
    live: str | None,
    same: bool,
    new: int,
    minimum: int,
    hours: float | None,
    minimum_hours: float,
) -> str | None:
    """Why no training is worth its price, or None where one is.

    `live` is the live version, `same` whether it was made of the same data; `new` counts the images that are
    new or labelled anew, `hours` is the age of the newest training.
    """
    if live is not None and same:
        return f"The data is that of the live version {live}."
    if new < minimum:
        than = f"the live version {live} was made" if live is not None else "any version was made"
        return (
            f"{_images(new)} {'is' if new == 1 else 'are'} new since {than}, fewer than minNewImages, {minimum}."
        )
    if hours is not None and hours < minimum_hours:
        return (
            f"The newest training began {hours:.1f} hours ago; the parameter MinHoursBetweenRuns is "
            f"{minimum_hours:g}."
        )
    return None


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def compared(data: Data, live: str | None, new: int, reason: str | None, reuse: str | None) -> dict[str, Any]:
    """What the definition reads of a comparison with the version `live`."""
    return {
        "liveVersion": live,
        "data": data.digest,
        "testing": data.testing,
        "newImages": new,
        "unchanged": reason is not None,
        "reason": reason,
        "reuse": reuse,
    }
