"""What a deployment of the inference stack sets, read once; a module of its own for the sake of the cold start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Serving:
    """What the functions of the inference stack know."""

    project: str
    state_table: str
    data_bucket: str
    cors_origin: str  # that browsers may show answers to; empty for none
    low_confidence: float  # 0 to 100; an answer whose likeliest label is below is counted as uncertain
    service: str  # name in logs and metrics
    namespace: str  # of metrics
    wake_function: str  # that starts a sleeping model; empty where nobody does

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Serving":
        """Read the variables that `inference.yaml` sets; KeyError names a missing one."""
        return cls(
            project=environment["PROJECT"],
            state_table=environment["STATE_TABLE"],
            data_bucket=environment["DATA_BUCKET"],
            cors_origin=environment["CORS_ORIGIN"],
            low_confidence=float(environment["LOW_CONFIDENCE"]),
            service=environment["POWERTOOLS_SERVICE_NAME"],
            namespace=environment["POWERTOOLS_METRICS_NAMESPACE"],
            wake_function=environment.get("WAKE_FUNCTION", ""),  # set for those who may ask it
        )
