"""Tags of projects, datasets and versions."""

from typing import Any

from local.rekognition.engine import Call, Operation
from local.rekognition.errors import ResourceNotFound, ServiceQuotaExceeded
from local.rekognition.resources import Resource, Space


def first_tags(call: Call, request: dict[str, Any]) -> dict[str, str]:
    """The Tags of a request that makes a resource."""
    tags: dict[str, str] = dict(request.get("Tags") or {})
    _check(call, tags)
    return tags


def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add tags to a project, dataset or version; a key that is there gets the new value."""
    with call.space() as space:
        resource = _resource(space, request["ResourceArn"])
        tags = {**resource.tags, **request["Tags"]}
        _check(call, tags)
        resource.tags = tags
    return {}


def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags; a key that is not there is no error."""
    with call.space() as space:
        resource = _resource(space, request["ResourceArn"])
        resource.tags = {key: value for key, value in resource.tags.items() if key not in request["TagKeys"]}
    return {}


def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All tags of a project, dataset or version."""
    with call.space() as space:
        return {"Tags": dict(_resource(space, request["ResourceArn"]).tags)}


def _resource(space: Space, arn: str) -> Resource:
    for project in space.projects.values():
        for resource in (project, *project.datasets.values(), *project.versions.values()):
            if resource.arn == arn:
                return resource
    raise ResourceNotFound(f"The resource {arn} does not exist.")


def _check(call: Call, tags: dict[str, str]) -> None:
    if len(tags) > call.settings.tags_quota:
        raise ServiceQuotaExceeded(f"A resource has at most {call.settings.tags_quota} tags.")


OPERATIONS: dict[str, Operation] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
