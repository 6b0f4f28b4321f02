"""What runs in worker processes: describing images, training a model, and detection with it.

Arguments and results pickle; a Store's file is the way by which features get from one step to the next.
"""

import functools
import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from local.rekognition.classifier import Classifier
from local.rekognition.evaluation import evaluate
from local.rekognition.features import LENGTH, VERSION, Vector, describe
from local.rekognition.images import decode
from local.rekognition.store import Store
from local.rekognition.tasks import ImageFault, Learned, Limits, Picture, Task

_models: OrderedDict[str, dict[str, Any]] = OrderedDict()


def prepare(store: Path, pictures: Sequence[Picture], limits: Limits) -> list[tuple[str | None, str]]:
    """Store the features of images; for each its digest, or None and what is wrong with it."""
    digests = [hashlib.sha256(picture.data).hexdigest() for picture in pictures]
    results: list[tuple[str | None, str]] = []
    with Store(store, _version(limits)) as cache:
        known = cache.known(digests)
        made: dict[str, bytes] = {}
        objects = []
        for picture, digest in zip(pictures, digests, strict=True):
            try:
                if digest not in known and digest not in made:
                    made[digest] = describe(decode(picture.data, limits)[0]).tobytes()
            except ImageFault as fault:
                results.append((None, fault.message))
                continue
            results.append((digest, ""))
            objects.append((picture.bucket, picture.key, picture.etag, digest))
        cache.add(made, objects)
    return results


def known(store: Path, bucket: str, etags: dict[str, str], limits: Limits) -> dict[str, str]:
    """The digests of those S3 objects of `bucket` (key → ETag) whose features are stored."""
    with Store(store, _version(limits)) as cache:
        return cache.digests(bucket, etags)


def fit(task: Task, limits: Limits) -> Learned:
    """Train on the training images, evaluate on the test images, write the model's file."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # images that are all alike have no variance to divide by
        with Store(task.store, _version(limits)) as cache:
            train = _rows(cache, [digest for digest, _ in task.train])
            test = _rows(cache, [digest for digest, _ in task.test])
        classifier = Classifier(train, _truth(task.train, len(task.labels)), task.seed)
        scores = classifier(test)
    evaluation = evaluate(task.labels, _truth(task.test, len(task.labels)), scores, task.ties, task.confusion)
    joblib.dump({"labels": task.labels, "classifier": classifier}, task.model)
    return Learned(evaluation, scores.tolist())


def load(model: str, keep: int) -> None:
    """Have a model's file in memory, for the first detection to be quick."""
    _model(model, keep)


def detect(model: str, data: bytes, limits: Limits, keep: int) -> list[tuple[str, float]]:
    """Every label of the model with its probability for the image, best first; or ImageFault."""
    trained = _model(model, keep)
    vector = describe(decode(data, limits)[0])
    scores = trained["classifier"](vector[None, :])[0]
    found = zip(trained["labels"], scores.tolist(), strict=True)
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _model(file: str, keep: int) -> dict[str, Any]:
    if file not in _models:
        _limit_threads()
        _models[file] = joblib.load(file)
        while len(_models) > keep:
            _models.popitem(last=False)
    _models.move_to_end(file)
    return _models[file]


@functools.cache
def _limit_threads() -> None:
    threadpool_limits(1)


def _version(limits: Limits) -> int:
    """The version of stored features; what turns an image gives other features."""
    return VERSION * 2 + limits.exif_rotation


def _rows(cache: Store, digests: list[str]) -> Vector:
    vectors = cache.vectors(list(dict.fromkeys(digests)))
    rows = np.empty((len(digests), LENGTH), dtype=np.float32)
    for row, digest in zip(rows, digests, strict=True):
        row[:] = np.frombuffer(vectors[digest], dtype=np.float32)
    return rows


def _truth(images: list[tuple[str, list[int]]], labels: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    truth = np.zeros((len(images), labels), dtype=np.bool_)
    for row, (_, indices) in zip(truth, images, strict=True):
        row[indices] = True
    return truth
