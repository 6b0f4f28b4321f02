"""What Step Functions says of an execution that holds something."""

from typing import Any

from botocore.exceptions import ClientError


def is_running(steps: Any, execution: str) -> bool:
    """Whether the execution of this ARN still runs, asked with a client of Step Functions."""
    try:
        described = steps.describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        return False
    return described["status"] in ("RUNNING", "PENDING_REDRIVE")
