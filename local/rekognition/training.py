"""One training, from manifests to a model, its evaluation and the files that document it.

Runs in a thread; what costs CPU time runs in worker processes.
"""

import json
import logging
import math
import uuid
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.rekognition import manifests, outputs
from local.rekognition.engine import Engine
from local.rekognition.entries import text_lines
from local.rekognition.errors import DatasetError, TrainingError
from local.rekognition.gathering import gather, limits
from local.rekognition.lines import Line
from local.rekognition.manifests import Manifest, Pair
from local.rekognition.resources import Outcome, Training
from local.rekognition.tasks import Learned, Task

log = logging.getLogger(__name__)

Source = list[str] | dict[str, Any]  # lines of a dataset, or an S3 object as boto3 names it


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
        if pair.training.use_case == manifests.OBJECT:
            self._write_validation(pair)
            raise TrainingError(manifests.NO_DETECTOR)
        digests = gather(self.engine, [*pair.training.usable(), *pair.testing.usable()])
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
        index = {label: number for number, label in enumerate(labels)}
        train, test = pair.training.usable(), manifests.limit_test_images(pair.testing, self.settings)

        def images(manifest: Manifest, lines: list[Line]) -> list[tuple[str, list[int]]]:
            return [
                (
                    digests[line.source_ref or ""],
                    [index[label] for label in manifest.labels_of(line) if label in index],
                )
                for line in lines
            ]

        model = self.engine.models_dir / f"{uuid.uuid4().hex}.joblib"
        task = Task(
            store=self.engine.features_file,
            model=model,
            labels=labels,
            train=images(pair.training, train),
            test=images(pair.testing, test),
            seed=self.settings.seed,
            ties=self.settings.threshold_ties,
            confusion=self.settings.confusion_matrix,
        )
        learned: Learned = self.engine.training.call("local.rekognition.learning:fit", task, limits(self.settings))
        self._write_evaluation(pair, train, test, learned)
        self.result.model = str(model)
        self.result.f1 = learned.evaluation.f1
        self.result.thresholds = learned.evaluation.thresholds
        self.result.seconds = math.ceil(max(1, self.engine.clock() - self.started))

    def _write_validation(self, pair: Pair) -> None:
        for name, manifest in (
            (outputs.TRAINING_VALIDATION, pair.training),
            (outputs.TESTING_VALIDATION, pair.testing),
        ):
            self._write(name, outputs.json_lines(line.annotated("errors", "warnings") for line in manifest.lines))
        self._write(outputs.SUMMARY, json.dumps(pair.summary(self.settings.error_index_base)).encode())

    def _write_evaluation(self, pair: Pair, train: list[Line], test: list[Line], learned: Learned) -> None:
        ended, evaluation = self.engine.clock(), learned.evaluation
        labels, when = list(evaluation.thresholds), outputs.naive(ended)
        summary = outputs.evaluation_summary(self.plan.arn, ended, len(train), len(test), evaluation)
        self._write(
            outputs.TRAINING_TRUTH,
            outputs.json_lines(
                outputs.truth_line(line.source_ref or "", pair.training.labels_of(line), labels, when)
                for line in train
            ),
        )
        self._write(
            outputs.TESTING_TRUTH,
            outputs.json_lines(
                outputs.judged_line(
                    line.source_ref or "",
                    pair.testing.labels_of(line),
                    dict(zip(labels, scores, strict=True)),
                    evaluation.thresholds,
                    when,
                )
                for line, scores in zip(test, learned.scores, strict=True)
            ),
        )
        self._write(outputs.EVALUATION, json.dumps(summary).encode())

    def _write(self, name: str, body: bytes) -> None:
        key = outputs.key(self.plan.prefix, name, self.plan.project, self.plan.version)
        try:
            self.engine.s3.put_object(Bucket=self.plan.bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError):
            raise TrainingError(manifests.NOT_WRITABLE, "ERROR_CANNOT_WRITE_OUTPUT_S3_BUCKET") from None
        self.result.keys[name] = key
