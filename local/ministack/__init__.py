"""The local cloud's server: ministack with the Custom Labels service in it, kept on loopback.

`python -m local.ministack` serves in the foreground; `local.cloud` starts and stops it in the background.
ministack has no plug-in mechanism, so what is added and mended here goes through private names: the version
is pinned, `check` says which name is missing, and docs of the AWS services are the rule followed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from local.ministack.functions import name_lambda_errors
from local.ministack.gateway import import_gateway_responses
from local.ministack.private import check
from local.ministack.rekognition import Rekognition, add_service
from local.ministack.states import end_executions, judge_as_aws, run_branches

if TYPE_CHECKING:
    from local.rekognition.service import Service


def plug(create: "Callable[[], Service]") -> Rekognition:
    """Add the service to ministack and mend what it does otherwise than AWS."""
    check()
    rekognition = Rekognition(create)
    add_service(rekognition)
    name_lambda_errors()
    end_executions()
    run_branches()
    judge_as_aws()
    import_gateway_responses()
    return rekognition
