"""What the deployment sets for Report, read once from the environment; every default stands in the template."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Where the report is written, where runs are recorded, and the prices it reckons with."""

    data_bucket: str
    state_table: str
    training_price: float  # an hour
    inference_price: float  # an hour and inference unit

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables that `template.yaml` sets for Report; KeyError names a missing one."""
        return cls(
            data_bucket=environment["DATA_BUCKET"],
            state_table=environment["STATE_TABLE"],
            training_price=float(environment["TRAINING_PRICE"]),
            inference_price=float(environment["INFERENCE_PRICE"]),
        )
