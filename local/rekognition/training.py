"""One training, from manifests to a model, its evaluation and the files that document it.

Runs in a thread; what costs CPU time runs in worker processes.
"""

import json
import logging
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.rekognition import manifests, outputs
from local.rekognition.engine import Engine
from local.rekognition.entries import text_lines
from local.rekognition.errors import DatasetError, TrainingError
from local.rekognition.gathering import gather, limits
from local.rekognition.lines import Line
from local.rekognition.manifests import Pair
from local.rekognition.resources import Outcome, Training
from local.rekognition.store import Kind
from local.rekognition.tasks import BoxesLearned, BoxTask, Evaluation, Learned, Placed, Task

log = logging.getLogger(__name__)

Source = list[str] | dict[str, Any]  # lines of a dataset, or an S3 object as boto3 names it
Sides = tuple[list[Line], list[Line]]  # usable lines to train on, and to test on
Written = Callable[[str], dict[str, Any]]  # makes a line of an evaluation manifest, given its creation date
Results = tuple[Evaluation, list[Written], list[Written]]  # the lines of both sides


@dataclass(frozen=True)
class Plan:
    """What a training needs to know; `testing` None splits the training images."""

    arn: str
    project: str
    version: str
    bucket: str
    prefix: str | None
    training: Source
    testing: Source | None


def train(engine: Engine, plan: Plan) -> Outcome:
    """Train; TRAINING_FAILED with the reason for what the caller can mend, or after a fault of the service."""
    run = _Run(engine, plan)
    try:
        run()
    except TrainingError as error:
        log.info("training of %s failed: %s %s", plan.arn, error.code, error.message)
        return Outcome("TRAINING_FAILED", message=error.message, training=run.result, ended=engine.clock())
    except Exception:
        log.exception("training of %s failed", plan.arn)
        message = "An internal error occurred during training."
        return Outcome("TRAINING_FAILED", message=message, training=run.result, ended=engine.clock())
    return Outcome(
        "TRAINING_COMPLETED", message="The model is ready to run.", training=run.result, ended=engine.clock()
    )


class _Run:
    def __init__(self, engine: Engine, plan: Plan) -> None:
        self.engine, self.plan, self.settings = engine, plan, engine.settings
        self.result = Training(plan.bucket)
        self.started = engine.clock()

    def __call__(self) -> None:
        self._check_output()
        pair = self._read()
        manifests.check_content(pair, self.settings)
        self._stop_on_errors(pair)
        kind: Kind = "copies" if pair.training.use_case == manifests.OBJECT else "images"
        digests = gather(self.engine, [*pair.training.usable(), *pair.testing.usable()], kind)
        manifests.check_content(pair, self.settings, images_read=True)
        self._stop_on_errors(pair)
        self._write_validation(pair)
        self._learn(pair, digests)

    def _check_output(self) -> None:
        try:
            self.engine.s3.head_bucket(Bucket=self.plan.bucket)
        except (ClientError, BotoCoreError):
            raise TrainingError(manifests.NOT_WRITABLE, "ERROR_CANNOT_WRITE_OUTPUT_S3_BUCKET") from None

    def _read(self) -> Pair:
        training = manifests.read(self._texts(self.plan.training), self.settings)
        if self.plan.testing is None:
            pair = manifests.split(training, self.settings)
        else:
            pair = Pair(training, manifests.read(self._texts(self.plan.testing), self.settings))
        manifests.choose_use_case(pair, self.settings)
        return pair

    def _texts(self, source: Source) -> list[str]:
        if isinstance(source, list):
            return source
        try:
            answer = self.engine.s3.get_object(**source)
            if answer["ContentLength"] > self.settings.manifest_bytes:
                raise TrainingError(manifests.TOO_LARGE, "ERROR_MANIFEST_SIZE_TOO_LARGE")
            return list(text_lines(answer["Body"].iter_chunks(1 << 20)))
        except ClientError:
            raise TrainingError(manifests.NOT_PERMITTED, "ERROR_INVALID_PERMISSIONS_MANIFEST_S3_BUCKET") from None
        except DatasetError:
            code = "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT"
            raise TrainingError(manifests.INACCESSIBLE, code) from None

    def _stop_on_errors(self, pair: Pair) -> None:
        errors = pair.all_errors()
        if errors:
            self._write_validation(pair)
            raise errors[0]

    def _learn(self, pair: Pair, digests: dict[str, str]) -> None:
        labels = pair.training.labels()
        train, test = pair.training.usable(), manifests.limit_test_images(pair.testing, self.settings)
        model = self.engine.models_dir / f"{uuid.uuid4().hex}.joblib"
        learn = self._learn_boxes if pair.training.use_case == manifests.OBJECT else self._learn_labels
        evaluation, trained, tested = learn(labels, (train, test), digests, model)
        ended = self.engine.clock()
        summary = outputs.evaluation_summary(self.plan.arn, ended, len(train), len(test), evaluation)
        when = outputs.naive(ended)
        self._write(outputs.TRAINING_TRUTH, outputs.json_lines(line(when) for line in trained))
        self._write(outputs.TESTING_TRUTH, outputs.json_lines(line(when) for line in tested))
        self._write(outputs.EVALUATION, json.dumps(summary).encode())
        self.result.model = str(model)
        self.result.f1 = evaluation.f1
        self.result.thresholds = evaluation.thresholds
        self.result.seconds = math.ceil(max(1, self.engine.clock() - self.started))

    def _learn_labels(self, labels: list[str], sides: Sides, digests: dict[str, str], model: Path) -> Results:
        index = {label: number for number, label in enumerate(labels)}
        train, test = (
            [
                (digests[line.source_ref or ""], [index[label] for label in line.labels if label in index])
                for line in lines
            ]
            for lines in sides
        )
        settings = self.settings
        task = Task(
            store=self.engine.features_file,
            model=model,
            labels=labels,
            train=train,
            test=test,
            seed=settings.seed,
            ties=settings.threshold_ties,
            confusion=settings.confusion_matrix,
            untested=settings.untested_threshold,
        )
        learned: Learned = self.engine.training.call("local.rekognition.learning:fit", task, limits(settings))
        evaluation = learned.evaluation
        return (
            evaluation,
            [partial(outputs.truth_line, line.source_ref or "", line.labels, labels) for line in sides[0]],
            [
                partial(
                    outputs.judged_line,
                    line.source_ref or "",
                    line.labels,
                    dict(zip(labels, scores, strict=True)),
                    evaluation.thresholds,
                )
                for line, scores in zip(sides[1], learned.scores, strict=True)
            ],
        )

    def _learn_boxes(self, labels: list[str], sides: Sides, digests: dict[str, str], model: Path) -> Results:
        index = {label: number for number, label in enumerate(labels)}
        known = [[[box for box in line.boxes if box.label in index] for line in lines] for lines in sides]
        train, test = (
            [
                (digests[line.source_ref or ""], [Placed(index[box.label], box.share) for box in boxes])
                for line, boxes in zip(lines, placed, strict=True)
            ]
            for lines, placed in zip(sides, known, strict=True)
        )
        settings = self.settings
        task = BoxTask(
            store=self.engine.features_file,
            model=model,
            labels=labels,
            train=train,
            test=test,
            seed=settings.seed,
            ties=settings.threshold_ties,
            untested=settings.untested_threshold,
            overlap=settings.box_overlap,
            suppression=settings.box_suppression,
            most=settings.boxes_found,
        )
        learned: BoxesLearned = self.engine.training.call(
            "local.rekognition.learning:fit_boxes", task, limits(settings)
        )
        return (
            learned.evaluation,
            [partial(outputs.box_truth_line, line.source_ref or "", line.boxes, labels) for line in sides[0]],
            [
                partial(
                    outputs.box_judged_line,
                    line.source_ref or "",
                    line.boxes,
                    boxes,
                    matched,
                    learned.evaluation.thresholds,
                )
                for line, boxes, matched in zip(sides[1], known[1], learned.matched, strict=True)
            ],
        )

    def _write_validation(self, pair: Pair) -> None:
        for name, manifest in (
            (outputs.TRAINING_VALIDATION, pair.training),
            (outputs.TESTING_VALIDATION, pair.testing),
        ):
            self._write(name, outputs.json_lines(line.annotated("errors", "warnings") for line in manifest.lines))
        self._write(outputs.SUMMARY, json.dumps(pair.summary(self.settings.error_index_base)).encode())

    def _write(self, name: str, body: bytes) -> None:
        key = outputs.key(self.plan.prefix, name, self.plan.project, self.plan.version)
        try:
            self.engine.s3.put_object(Bucket=self.plan.bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError):
            raise TrainingError(manifests.NOT_WRITABLE, "ERROR_CANNOT_WRITE_OUTPUT_S3_BUCKET") from None
        self.result.keys[name] = key
