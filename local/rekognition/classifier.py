"""The model for image-level labels: from features to a probability for each label.

The mean of two models that err differently: a support vector machine on the principal components, whose
decisions a logistic regression turns into probabilities, and randomised trees on the features themselves. Where
every training image has one label, the probabilities sum to 1; else each label has a model of its own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA  # type: ignore[import-untyped]
from sklearn.ensemble import ExtraTreesClassifier  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedKFold, cross_val_predict  # type: ignore[import-untyped]
from sklearn.svm import SVC, LinearSVC  # type: ignore[import-untyped]

from local.rekognition.features import SIZES, Vector

Truth = NDArray[np.bool_]  # images x labels
Scores = NDArray[np.float64]  # images x labels, 0 to 1

# What a block of features weighs in distances, chosen on photographs of broken parts and on scanned digits.
WEIGHTS = {"shape": 1.0, "layout": 1.0, "colour": 0.5, "texture": 0.7}
COMPONENTS = 128
TREES = 100
FOLDS = 5
KERNEL_IMAGES = 5_000  # a kernel takes time by the square of this; beyond, the machine is linear


@dataclass
class _Scale:
    """Centres features, and gives each block the share of all distances that WEIGHTS says."""

    mean: Vector
    factor: Vector

    @classmethod
    def of(cls, images: Vector) -> "_Scale":
        mean = images.mean(axis=0)
        factor = np.empty_like(mean)
        start = 0
        for block, size in SIZES.items():
            part = slice(start, start + size)
            energy = float(np.sqrt(((images[:, part] - mean[part]) ** 2).sum(axis=1).mean()))
            factor[part] = WEIGHTS[block] / energy if energy > 1e-6 else 0.0
            start += size
        return cls(mean, factor)

    def __call__(self, images: Vector) -> Vector:
        return np.asarray((images - self.mean) * self.factor)


class _Single:
    """One class an image, out of at least two."""

    def __init__(self, images: Vector, reduced: Vector, classes: NDArray[np.int64], seed: int) -> None:
        self.trees = ExtraTreesClassifier(TREES, random_state=seed).fit(images, classes)
        self.machine: Any = None
        folds = min(FOLDS, int(np.unique(classes, return_counts=True)[1].min()))
        if folds < 2:  # some class has one image: nothing to calibrate with
            return
        machine: Any = SVC(C=10, gamma="scale", decision_function_shape="ovr")
        if len(images) > KERNEL_IMAGES:
            machine = LinearSVC(random_state=seed)
        unseen = cross_val_predict(
            machine,
            reduced,
            classes,
            cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
            method="decision_function",
        )
        self.calibration = LogisticRegression(max_iter=3000).fit(_columns(unseen), classes)
        self.machine = machine.fit(reduced, classes)

    def __call__(self, images: Vector, reduced: Vector) -> Scores:
        """Probabilities in the order of the sorted classes."""
        scores: Scores = self.trees.predict_proba(images)
        if self.machine is None:
            return scores
        decisions = _columns(self.machine.decision_function(reduced))
        return np.asarray((scores + self.calibration.predict_proba(decisions)) / 2)


class Classifier:
    """Trained at once by its constructor; pickled as it is."""

    def __init__(self, images: Vector, truth: Truth, seed: int) -> None:
        """`images`: rows of features; `truth`: which labels each has, at least one for each image and label."""
        self.labels = truth.shape[1]
        self.scale = _Scale.of(images)
        scaled = self.scale(images)
        self.reduction = PCA(min(COMPONENTS, *scaled.shape), svd_solver="randomized", random_state=seed).fit(
            scaled
        )
        reduced = self.reduction.transform(scaled)
        self.models: list[_Single | None]
        self.exclusive = bool((truth.sum(axis=1) == 1).all()) and self.labels > 1
        if self.exclusive:
            self.models = [_Single(scaled, reduced, truth.argmax(axis=1), seed)]
        else:
            self.models = [
                None if column.all() else _Single(scaled, reduced, column.astype(np.int64), seed)
                for column in truth.T
            ]

    def __call__(self, images: Vector) -> Scores:
        """Probabilities of each label for each row of features."""
        scaled = self.scale(images)
        reduced = self.reduction.transform(scaled)
        if self.exclusive:
            assert self.models[0] is not None
            return self.models[0](scaled, reduced)
        columns = [
            np.ones(len(images)) if model is None else model(scaled, reduced)[:, 1] for model in self.models
        ]
        return np.stack(columns, axis=1)


def _columns(decisions: NDArray[Any]) -> NDArray[Any]:
    return decisions[:, None] if decisions.ndim == 1 else decisions
