"""API Gateway: the gateway responses of an OpenAPI body, which ministack reads past."""

from typing import Any

from local.ministack.private import module

EXTENSION = "x-amazon-apigateway-gateway-responses"


def import_gateway_responses() -> None:
    """Take over each response of the body's extension when a REST API is imported, as PutRestApi does."""
    gateway = module("services.apigateway_v1")
    import_rest_api = gateway._import_rest_api

    def import_whole(spec: dict[str, Any], base_data: Any = None) -> str:
        api: str = import_rest_api(spec, base_data)
        for kind, response in (spec.get(EXTENSION) or {}).items():
            gateway._put_gateway_response(api, kind, response)
        return api

    gateway._import_rest_api = import_whole
