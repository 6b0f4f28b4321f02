"""A stack whose resources are put back to what they were, so that tests can begin with what takes long to make.

That are the objects, the items, and what Rekognition holds; the clock goes on, and messages are taken.
"""

from collections.abc import Callable
from copy import deepcopy

from local.cloud import REGION
from local.moto.private import ACCOUNT, module
from local.moto.states import stop_executions
from tests.stack import Stack


def remembered(stack: Stack) -> Callable[[], None]:
    """What puts a stack back to how it is now; nothing may be at work then, and nothing have been deleted."""
    buckets = module("s3.models").s3_backends[ACCOUNT]["aws"].buckets
    tables = module("dynamodb.models").dynamodb_backends[ACCOUNT][REGION].tables
    spaces = stack.cloud.service._engine._spaces
    machines = module("stepfunctions.parser.models").stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
    now = deepcopy((buckets, tables, spaces))
    executions = {machine.arn: list(machine.executions) for machine in machines}
    ended = set(stack.cloud.ended)

    def rewind() -> None:
        stop_executions()
        for changed, was in zip((buckets, tables, spaces), deepcopy(now), strict=True):
            changed.clear()
            changed.update(was)
        for machine in machines:
            machine.executions[:] = executions[machine.arn]
        stack.cloud.ended.intersection_update(ended)
        stack.cloud.service.faults.clear()
        while stack.told() or stack.published():
            pass

    return rewind
