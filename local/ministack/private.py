"""What the local cloud uses of ministack that is no public interface: pinned, and checked at each start."""

import importlib
import importlib.metadata
from typing import Any

VERSION = "1.5.33"
NAMES = {
    "app": (
        "SERVICE_REGISTRY",
        "SERVICE_HANDLERS",
        "_build_persistence_save_dict",
        "_loaded_modules",
        "_run_ready_scripts",
        "app",
        "main",
    ),
    "core.concurrency": ("run_reentrant",),
    "core.lambda_runtime": ("_PYTHON_WORKER_SCRIPT", "Worker", "subprocess", "zipfile"),
    "core.persistence": ("PERSIST_STATE", "_json_default", "save_state"),
    "core.responses": ("error_response_json", "get_account_id", "get_region", "now_iso"),
    "core.router": ("SERVICE_PATTERNS",),
    "services.apigateway_v1": (
        "_GatewayError",
        "_call_lambda_raw",
        "_gateway_error_response",
        "_handle_execute_in_scope",
        "_import_operation",
        "_import_rest_api",
        "_invoke_http_proxy_v1",
        "_invoke_lambda_custom_v1",
        "_invoke_lambda_proxy_v1",
        "_lambda_proxy_response",
        "_method_throttle_settings",
        "_put_gateway_response",
        "_put_integration_response",
        "_resources",
    ),
    "services.cloudformation.provisioners": ("_RESOURCE_HANDLERS",),
    "services.cloudwatch": ("_evaluate_all_alarms", "_store_datum"),
    "services.lambda_svc": (
        "_UNZIPPED_LIMIT_BYTES",
        "_create_function",
        "_emit_lambda_logs",
        "_execute_function",
        "_execute_function_warm",
        "_fetch_code_from_s3",
        "_normalize_layer_attachments",
        "_update_code",
        "_validate_total_unzipped_size",
        "handle_request",
    ),
    "services.stepfunctions": (
        "_AWS_SDK_ERROR_PREFIX",
        "_AWS_SDK_SERVICE_MAP",
        "_ExecutionError",
        "_add_event",
        "_apply_catcher",
        "_apply_input_path",
        "_apply_output_path",
        "_apply_parameters",
        "_apply_result_selector",
        "_dispatch_aws_sdk_json",
        "_emit_execution_status_event",
        "_error_matches",
        "_evaluate_rule",
        "_execute_choice",
        "_execute_map",
        "_execute_parallel",
        "_execute_pass",
        "_execute_task",
        "_execute_wait",
        "_executions",
        "_fail_execution",
        "_fail_state_error",
        "_find_matching_catcher",
        "_find_matching_retrier",
        "_invoke_resource",
        "_invoke_with_callback",
        "_parse_jsonpath_tokens",
        "_resolve_params_obj",
        "_resolve_path",
        "_resolve_path_or_ctx",
        "_run_distributed_map",
        "_run_execution",
        "_run_parallel_branches",
        "_run_sub_machine",
        "_start_execution",
        "_start_sync_execution",
        "_state_machines",
        "_state_query_language",
    ),
}

# What the worker of a Python function says of an exception, and what it has to say besides.
RAISED = '"error": str(e), "trace": traceback.format_exc()}'
NAMED = (
    '"error": str(e), "trace": traceback.format_exc(), "error_type": type(e).__name__,'
    ' "stack_trace": traceback.format_tb(e.__traceback__)[1:]}'
)


def module(name: str) -> Any:
    """A module of ministack; imported late, since ministack reads the environment when it is imported."""
    return importlib.import_module(f"ministack.{name}")


def check() -> None:
    """RuntimeError, in a sentence, unless the pinned version is installed and has every name used here."""
    found = importlib.metadata.version("ministack")
    if found != VERSION:
        raise RuntimeError(f"The local cloud needs ministack {VERSION}, and {found} is installed.")
    missing = [
        f"ministack.{name}.{attribute}"
        for name, attributes in NAMES.items()
        for attribute in attributes
        if not hasattr(module(name), attribute)
    ]
    if RAISED not in module("core.lambda_runtime")._PYTHON_WORKER_SCRIPT:
        missing.append("the line that reports an exception in ministack.core.lambda_runtime")
    if missing:
        raise RuntimeError(f"ministack {found} lacks what the local cloud builds on: {', '.join(missing)}.")
