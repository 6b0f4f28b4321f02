"""What a deployment sets, read once from the environment; every default stands in the template."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

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
        )


@dataclass(frozen=True)
class Defaults:
    """What Plan fills in where the input is silent."""

    training_source: str
    testing_source: str
    gate: dict[str, str | float | int]
    min_units: int
    max_units: int
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
            min_units=int(environment["MIN_UNITS"]),
            max_units=int(environment["MAX_UNITS"]),
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


def read_prices(environment: Mapping[str, str] = os.environ) -> Prices:
    """Read the variables that `template.yaml` sets for functions that tell costs; KeyError names a missing one."""
    return Prices(float(environment["TRAINING_PRICE"]), float(environment["INFERENCE_PRICE"]))
