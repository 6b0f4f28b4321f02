"""What a deployment sets, read once from the environment; every default stands in the template."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from customlabels.costs import Prices


@dataclass(frozen=True)
class Settings:
    """What every function of the training stack knows."""

    project: str
    data_bucket: str
    state_table: str
    dataset_limit: int  # seconds until a dataset operation is given up
    training_limit: int  # seconds until a training is given up
    model_start_limit: int  # seconds until a model that is STARTING or STOPPING is given up
    service: str  # name in logs and metrics
    namespace: str  # of metrics

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables that `template.yaml` sets; KeyError names a missing one."""
        return cls(
            project=environment["PROJECT"],
            data_bucket=environment["DATA_BUCKET"],
            state_table=environment["STATE_TABLE"],
            dataset_limit=int(float(environment["DATASET_HOURS"]) * 3600),
            training_limit=int(float(environment["TRAINING_HOURS"]) * 3600),
            model_start_limit=int(float(environment["MODEL_START_MINUTES"]) * 60),
            service=environment["POWERTOOLS_SERVICE_NAME"],
            namespace=environment["POWERTOOLS_METRICS_NAMESPACE"],
        )


@dataclass(frozen=True)
class Defaults:
    """What Plan fills in where the input is silent."""

    training_source: str
    testing_source: str
    gate: dict[str, str | float | int]
    model: dict[str, str | int | bool]
    min_new_images: int
    keep_versions: int

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Defaults":
        """Read the variables that `template.yaml` sets for Plan; KeyError names a missing one."""
        return cls(
            training_source=environment["TRAINING_SOURCE"],
            testing_source=environment["TESTING_SOURCE"],
            gate={
                "metric": environment["GATE_METRIC"],
                "minimum": float(environment["GATE_MINIMUM"]),
                "perLabelMinimum": float(environment["GATE_PER_LABEL_MINIMUM"]),
                "minimumTestImages": int(float(environment["GATE_MINIMUM_TEST_IMAGES"])),
                "maxRegression": float(environment["GATE_MAX_REGRESSION"]),
            },
            model={
                "minUnits": int(environment["MIN_UNITS"]),
                "maxUnits": int(environment["MAX_UNITS"]),
                "strategy": environment["SWITCH_STRATEGY"],
                "keepRunning": environment["KEEP_RUNNING"] == "true",
                "smokeImages": int(float(environment["SMOKE_IMAGES"])),
            },
            min_new_images=int(float(environment["MIN_NEW_IMAGES"])),
            keep_versions=int(float(environment["KEEP_VERSIONS"])),
        )


@dataclass(frozen=True)
class Quotas:
    """The account's quotas of the service, as far as a run can hit them."""

    trainings: int  # under way at once
    running_models: int  # at once
    versions: int  # of one project

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Quotas":
        """Read the variables that `template.yaml` sets for CheckQuotas; KeyError names a missing one."""
        return cls(
            trainings=int(float(environment["TRAINING_QUOTA"])),
            running_models=int(float(environment["RUNNING_MODEL_QUOTA"])),
            versions=int(float(environment["VERSION_QUOTA"])),
        )


@dataclass(frozen=True)
class Thrift:
    """What bounds the spending on trainings."""

    minimum_hours: float  # between the beginnings of two trainings

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Thrift":
        """Read the variable that `template.yaml` sets for CompareData; KeyError names a missing one."""
        return cls(minimum_hours=float(environment["MIN_HOURS_BETWEEN_RUNS"]))


@dataclass(frozen=True)
class Checking:
    """How much of the data Preflight reads, and the prices it reckons with."""

    read_share: float  # of the images, 0 to 1
    training_hours: float  # that a training is expected to take
    prices: Prices

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Checking":
        """Read the variables that `template.yaml` sets for Preflight; KeyError names a missing one."""
        return cls(
            read_share=float(environment["READ_SHARE"]),
            training_hours=float(environment["EXPECTED_TRAINING_HOURS"]),
            prices=read_prices(environment),
        )


@dataclass(frozen=True)
class Limits:
    """How long a model may run; a limit of no length is none, but for `orphan`."""

    idle: timedelta  # of a live model, without a request
    running: timedelta  # of a live model
    orphan: timedelta  # of a model that is not live and that nobody holds

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """Read the variables that `template.yaml` sets for WatchModels; KeyError names a missing one."""
        return cls(
            idle=timedelta(minutes=float(environment["IDLE_MINUTES"])),
            running=timedelta(hours=float(environment["MAX_RUNNING_HOURS"])),
            orphan=timedelta(minutes=float(environment["ORPHAN_MINUTES"])),
        )


@dataclass(frozen=True)
class Units:
    """Inference units of a model of which Rekognition does not say on how many it ran last."""

    least: int
    most: int

    @property
    def given(self) -> dict[str, int]:
        """As StartProjectVersion takes them."""
        return {"MinInferenceUnits": self.least, "MaxInferenceUnits": self.most}

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Units":
        """Read the variables that `template.yaml` sets for KeepOfficeHours; KeyError names a missing one."""
        return cls(least=int(environment["MIN_UNITS"]), most=int(environment["MAX_UNITS"]))


@dataclass(frozen=True)
class Batching:
    """How fast a batch asks, and in which pieces."""

    per_unit: float  # calls a second for each inference unit of the model
    chunk_images: int  # that one call of Detect asks about

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Batching":
        """Read the variables that `template.yaml` sets for batches; KeyError names a missing one."""
        return cls(
            per_unit=float(environment["DETECTIONS_PER_UNIT"]),
            chunk_images=int(float(environment["CHUNK_IMAGES"])),
        )


@dataclass(frozen=True)
class Topic:
    """Where people are told."""

    arn: str

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Topic":
        """Read the variable that `template.yaml` sets for who stops models; KeyError names a missing one."""
        return cls(arn=environment["OUTCOME_TOPIC"])


def read_prices(environment: Mapping[str, str] = os.environ) -> Prices:
    """Read the variables that `template.yaml` sets for functions that tell costs; KeyError names a missing one."""
    return Prices(float(environment["TRAINING_PRICE"]), float(environment["INFERENCE_PRICE"]))


def read_key(environment: Mapping[str, str] = os.environ) -> str | None:
    """The key of what Rekognition copies for a training, None for AWS's own; KeyError names a missing variable."""
    return environment["KMS_KEY_ARN"] or None
