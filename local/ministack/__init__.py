"""The local cloud's server: ministack with the Custom Labels service in it, kept on loopback.

`python -m local.ministack` serves in the foreground; `local.cloud` starts and stops it in the background.
ministack has no plug-in mechanism, so what is added and mended here goes through private names: the version
is pinned, `check` says which name is missing, and docs of the AWS services are the rule followed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from local.limits import Limits
from local.ministack.forking import fork_functions
from local.ministack.functions import limit_invocations, limit_packages, name_lambda_errors, share_code
from local.ministack.gateway import (
    answer_as_aws,
    import_gateway_responses,
    import_integrations,
    read_encoded_settings,
)
from local.ministack.keeping import survive_kills
from local.ministack.metrics import take_metrics
from local.ministack.paths import follow_paths, wait_as_told
from local.ministack.payloads import limit_history, limit_payloads
from local.ministack.private import check
from local.ministack.rekognition import Rekognition, add_admin, add_service
from local.ministack.states import end_executions, judge_as_aws, run_branches, run_maps

if TYPE_CHECKING:
    from local.rekognition.service import Service


def plug(create: "Callable[[], Service]", limits: Limits) -> Rekognition:
    """Add the service to ministack, mend what it does otherwise than AWS, and keep it to AWS's limits."""
    check()
    rekognition = Rekognition(create)
    add_service(rekognition)
    add_admin(rekognition)
    name_lambda_errors()
    share_code()
    fork_functions()
    survive_kills()
    end_executions()
    run_branches()
    run_maps()
    judge_as_aws()
    follow_paths()
    wait_as_told()
    limit_payloads(limits.state_bytes)
    limit_history(limits.history_events)
    limit_invocations(limits)
    limit_packages(limits)
    take_metrics()
    import_gateway_responses()
    import_integrations()
    read_encoded_settings()
    answer_as_aws(limits)
    return rekognition
