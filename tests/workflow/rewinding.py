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
    """What puts a stack back to how it is now, when nothing is at work."""
    buckets = module("s3.models").s3_backends[ACCOUNT]["aws"].buckets
    tables = module("dynamodb.models").dynamodb_backends[ACCOUNT][REGION].tables
    service = stack.cloud.service._engine
    spaces, models = service._spaces, {file: file.read_bytes() for file in service.models_dir.glob("*")}
    machines = module("stepfunctions.parser.models").stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
    with service.spaces():  # after every change that is due
        now = deepcopy((buckets, tables, spaces))
    executions = {machine.arn: list(machine.executions) for machine in machines}
    ended = set(stack.cloud.ended)

    def rewind() -> None:
        stop_executions()
        for changed, was in zip((buckets, tables, spaces), deepcopy(now), strict=True):
            changed.clear()
            changed.update(was)
        for file, content in models.items():
            file.write_bytes(content)
        for machine in machines:
            machine.executions[:] = executions[machine.arn]
        stack.cloud.ended.intersection_update(ended)
        stack.cloud.service.faults.clear()
        while stack.told() or stack.published():
            pass

    return rewind
