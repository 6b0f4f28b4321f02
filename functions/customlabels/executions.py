"""What Step Functions says of an execution that holds something."""

import json
from typing import Any

from botocore.exceptions import ClientError

from customlabels.errors import NAMES


def is_running(steps: Any, execution: str) -> bool:
    """Whether the execution of this ARN still runs, asked with a client of Step Functions."""
    try:
        described = steps.describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        return False
    return described["status"] in ("RUNNING", "PENDING_REDRIVE")


def ended(steps: Any, execution: str) -> dict[str, Any]:
    """What Step Functions tells of an execution that was ended from outside of its definition.

    `told` says whether it came to its own failure path all the same, and has reported itself.
    """
    described = steps.describe_execution(executionArn=execution)
    return {
        "execution": execution,
        "since": described["startDate"].isoformat(),
        "input": json.loads(described.get("input", "{}")),
        "told": described.get("error") in NAMES,
    }
