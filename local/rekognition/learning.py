"""What runs in worker processes: describing images, training a model, and detection with it.

Arguments and results pickle; a Store's file is the way by which features, or copies of images where boxes are
learned, get from one step to the next.
"""

import functools
import hashlib
import io
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from local.rekognition.classifier import Classifier
from local.rekognition.detecting import Example, train
from local.rekognition.detector import WORK_SIDE, Detector, working
from local.rekognition.evaluation import evaluate, evaluate_boxes
from local.rekognition.features import LENGTH, Vector, describe
from local.rekognition.images import decode
from local.rekognition.store import Kind, Store, version
from local.rekognition.tasks import (
    BoxesLearned,
    BoxTask,
    Found,
    ImageFault,
    Learned,
    Limits,
    Picture,
    Placed,
    Task,
)

IMAGES_MOST = (
    4_000  # that boxes are learned from: others of a training only count if one of these lacks their label
)
_AT_A_TIME = 32  # copies in memory

_models: OrderedDict[str, dict[str, Any]] = OrderedDict()


def prepare(store: Path, pictures: Sequence[Picture], limits: Limits, kind: Kind) -> list[tuple[str | None, str]]:
    """Store the features or the copies of images; for each its digest, or None and what is wrong with it."""
    make = shrink if kind == "copies" else _described
    digests = [hashlib.sha256(picture.data).hexdigest() for picture in pictures]
    results: list[tuple[str | None, str]] = []
    with Store(store, version(limits), kind) as cache:
        known = cache.known(digests)
        made: dict[str, bytes] = {}
        objects = []
        for picture, digest in zip(pictures, digests, strict=True):
            try:
                if digest not in known and digest not in made:
                    made[digest] = make(picture.data, limits)
            except ImageFault as fault:
                results.append((None, fault.message))
                continue
            results.append((digest, ""))
            objects.append((picture.bucket, picture.key, picture.etag, digest))
        cache.add(made, objects)
    return results


def _described(data: bytes, limits: Limits) -> bytes:
    return describe(decode(data, limits)[0]).tobytes()


def shrink(data: bytes, limits: Limits) -> bytes:
    """A JPEG of the image at the size at which a detector works on it."""
    file = io.BytesIO()
    working(decode(data, limits, WORK_SIDE)[0]).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


def fit(task: Task, limits: Limits) -> Learned:
    """Train on the training images, evaluate on the test images, write the model's file."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # images that are all alike have no variance to divide by
        with Store(task.store, version(limits)) as cache:
            train = _rows(cache, [digest for digest, _ in task.train])
            test = _rows(cache, [digest for digest, _ in task.test])
        classifier = Classifier(train, _truth(task.train, len(task.labels)), task.seed)
        scores = classifier(test)
    truth = _truth(task.test, len(task.labels))
    evaluation = evaluate(task.labels, truth, scores, task.ties, task.confusion, task.untested)
    _write(task.model, {"labels": task.labels, "classifier": classifier})
    return Learned(evaluation, scores.tolist())


def fit_boxes(task: BoxTask, limits: Limits) -> BoxesLearned:
    """Train a detector on the training images, evaluate it on the test images, write the model's file."""
    chosen = _chosen(task)
    with (
        threadpool_limits(1),
        warnings.catch_warnings(),
        Store(task.store, version(limits), "copies") as cache,
    ):
        warnings.simplefilter("ignore")  # as above
        detector = train(
            lambda: _examples(cache, chosen), len(task.labels), task.seed, task.suppression, task.most
        )
        found = [_found(task.labels, detector, example.image) for example in _examples(cache, task.test)]
    truth = [placed for _, placed in task.test]
    evaluation, matched = evaluate_boxes(task.labels, truth, found, task.ties, task.overlap, task.untested)
    _write(task.model, {"labels": task.labels, "detector": detector})
    return BoxesLearned(evaluation, matched)


def _write(file: Path, model: dict[str, Any]) -> None:
    """Write what joblib.load reads; its own writer takes six times as long for a forest of small trees."""
    file.write_bytes(pickle.dumps(model, protocol=5))


def load(model: str, keep: int) -> None:
    """Have a model's file in memory, for the first detection to be quick."""
    _model(model, keep)


def detect(model: str, data: bytes, limits: Limits, keep: int) -> list[Found]:
    """What is in the image, surest first, or ImageFault: every label of the model, or what a detector finds."""
    trained = _model(model, keep)
    if "detector" in trained:
        return _found(trained["labels"], trained["detector"], decode(data, limits, WORK_SIDE)[0])
    vector = describe(decode(data, limits)[0])
    scores = trained["classifier"](vector[None, :])[0]
    found = [Found(label, score) for label, score in zip(trained["labels"], scores.tolist(), strict=True)]
    return sorted(found, key=lambda one: (-one.score, one.label))


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


def _rows(cache: Store, digests: list[str]) -> Vector:
    vectors = cache.vectors(list(dict.fromkeys(digests)))
    rows = np.empty((len(digests), LENGTH), dtype=np.float32)
    for row, digest in zip(rows, digests, strict=True):
        row[:] = np.frombuffer(vectors[digest], dtype=np.float32)
    return rows


def _chosen(task: BoxTask) -> list[tuple[str, list[Placed]]]:
    """The training images, or of too many a random share that has every label."""
    order = np.random.default_rng(task.seed).permutation(len(task.train)).tolist()
    chosen: list[tuple[str, list[Placed]]] = []
    seen: set[int] = set()
    for index in order:
        labels = {one.label for one in task.train[index][1]}
        if len(chosen) < IMAGES_MOST or not labels <= seen:
            chosen.append(task.train[index])
            seen |= labels
    return chosen


def _examples(cache: Store, images: list[tuple[str, list[Placed]]]) -> Iterator[Example]:
    for start in range(0, len(images), _AT_A_TIME):
        part = images[start : start + _AT_A_TIME]
        copies = cache.vectors(list({digest for digest, _ in part}))
        for digest, placed in part:
            boxes = np.array([one.box for one in placed], dtype=np.float64).reshape(-1, 4)
            labels = np.array([one.label for one in placed], dtype=np.int64)
            yield Example(Image.open(io.BytesIO(copies[digest])), boxes, labels)


def _found(labels: list[str], detector: Detector, image: Image.Image) -> list[Found]:
    indices, scores, boxes = detector(image)
    return [
        Found(labels[index], score, (left, top, right, bottom))
        for index, score, (left, top, right, bottom) in zip(
            indices.tolist(), scores.tolist(), boxes.tolist(), strict=True
        )
    ]


def _truth(images: list[tuple[str, list[int]]], labels: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    truth = np.zeros((len(images), labels), dtype=np.bool_)
    for row, (_, indices) in zip(truth, images, strict=True):
        row[indices] = True
    return truth
