"""Project policies, which let another account copy a project's models."""

import json
import uuid
from fnmatch import fnmatchcase
from typing import Any

from local.rekognition.engine import Call, Operation
from local.rekognition.errors import (
    InvalidPolicyRevisionId,
    MalformedPolicyDocument,
    ResourceAlreadyExists,
    ResourceNotFound,
    ServiceQuotaExceeded,
)
from local.rekognition.paging import page
from local.rekognition.resources import Policy, Project, moment

COPY = "rekognition:CopyProjectVersion"


def put_project_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Attach a policy, or update the one whose current revision is given."""
    document, revision = request["PolicyDocument"], request.get("PolicyRevisionId")
    statements(document)
    with call.space() as space:
        project = space.project(request["ProjectArn"])
        name = request["PolicyName"]
        old = project.policies.get(name)
        if revision is not None and (old is None or old.revision != revision):
            raise InvalidPolicyRevisionId(f"The revision of the policy {name} is another one.")
        if revision is None and old is not None:
            raise ResourceAlreadyExists(f"The policy {name} exists; give its revision to update it.")
        if old is None and len(project.policies) >= call.settings.policies_quota:
            raise ServiceQuotaExceeded(f"A project has at most {call.settings.policies_quota} policies.")
        now = call.now()
        made = uuid.uuid4().hex
        project.policies[name] = Policy(name, document, made, old.created if old else now, now)
        return {"PolicyRevisionId": made}


def list_project_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Policies with their documents, in the order of their creation."""
    with call.space() as space:
        project = space.project(request["ProjectArn"])
        part, token = page(list(project.policies.values()), request, 5)
        described = [
            {
                "ProjectArn": project.arn,
                "PolicyName": policy.name,
                "PolicyRevisionId": policy.revision,
                "PolicyDocument": policy.document,
                "CreationTimestamp": moment(policy.created),
                "LastUpdatedTimestamp": moment(policy.updated),
            }
            for policy in part
        ]
    return {"ProjectPolicies": described, **({"NextToken": token} if token else {})}


def delete_project_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Detach a policy; a revision that is given must be the current one."""
    with call.space() as space:
        project = space.project(request["ProjectArn"])
        policy = project.policies.get(request["PolicyName"])
        if policy is None:
            raise ResourceNotFound(f"The policy {request['PolicyName']} does not exist.")
        if request.get("PolicyRevisionId", policy.revision) != policy.revision:
            raise InvalidPolicyRevisionId(f"The revision of the policy {policy.name} is another one.")
        del project.policies[policy.name]
    return {}


def statements(document: str) -> list[dict[str, Any]]:
    """The statements of a policy; MalformedPolicyDocument unless each allows or denies copying, and only that."""
    try:
        content = json.loads(document)
        listed = content["Statement"]
    except (ValueError, KeyError, TypeError):
        raise MalformedPolicyDocument("The policy is not a JSON object with a Statement.") from None
    found = listed if isinstance(listed, list) else [listed]
    for statement in found:
        if not isinstance(statement, dict):
            raise MalformedPolicyDocument("A statement is not an object.")
        for key in ("NotAction", "NotResource", "NotPrincipal"):
            if key in statement:
                raise MalformedPolicyDocument(f"{key} is not allowed in a project policy.")
        for key in ("Effect", "Principal", "Action", "Resource"):
            if key not in statement:
                raise MalformedPolicyDocument(f"A statement lacks {key}.")
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Effect"] not in ("Allow", "Deny") or actions != [COPY]:
            raise MalformedPolicyDocument(f"A project policy allows or denies {COPY}, and nothing else.")
    return found


def may_copy(project: Project, account: str, version_arn: str) -> bool:
    """Whether the project's policies let `account` copy the version (conditions are not evaluated)."""
    allowed = False
    for policy in project.policies.values():
        for statement in statements(policy.document):
            if _concerns(statement, account, version_arn):
                if statement["Effect"] == "Deny":
                    return False
                allowed = True
    return allowed


def _concerns(statement: dict[str, Any], account: str, version_arn: str) -> bool:
    principal = statement["Principal"]
    named = principal.get("AWS", []) if isinstance(principal, dict) else principal
    principals = named if isinstance(named, list) else [named]
    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    return any(one in ("*", account) or f":{account}:" in one for one in principals) and any(
        fnmatchcase(version_arn, one) for one in resources
    )


OPERATIONS: dict[str, Operation] = {
    "PutProjectPolicy": put_project_policy,
    "ListProjectPolicies": list_project_policies,
    "DeleteProjectPolicy": delete_project_policy,
}
