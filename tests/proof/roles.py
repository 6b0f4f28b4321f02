"""The roles of both templates, with what their policies grant once everything in them is worked out."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from local.moto import ACCOUNT
from tests.templates import defaults, transformed

REGION, PARTITION, STACK = "us-east-1", "aws", "custom-labels"
NAMES = ("template.yaml", "inference.yaml")
# What a deployment gives: the test cloud's names of things.
BUCKET, TABLE, OTHERS = "data", "state", ["elsewhere", "nowhere"]
KEY = f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/11112222-3333-4444-5555-666677778888"
KNOWN = {
    "AWS::Region": REGION,
    "AWS::Partition": PARTITION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
    "DataBucket": BUCKET,
    "DataBucketName": BUCKET,
    "StateTable": TABLE,
    "StateTableName": TABLE,
    "ImageBuckets": OTHERS,
    "OutcomeTopic": f"arn:{PARTITION}:sns:{REGION}:{ACCOUNT}:outcomes",
    "TopicArn": f"arn:{PARTITION}:sns:{REGION}:{ACCOUNT}:outcomes",
    "KmsKeyArn": KEY,
}
ARNS = {
    "AWS::S3::Bucket": f"arn:{PARTITION}:s3:::{BUCKET}",
    "AWS::DynamoDB::Table": f"arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}",
    "AWS::Lambda::Function": f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{{name}}",
    "AWS::Logs::LogGroup": f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT}:log-group:{{name}}:*",
}


@dataclass(frozen=True)
class Statement:
    """One of a policy's; without a Resource it is no policy of a role."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, Any] = field(default_factory=dict, hash=False)


class Deployment(NamedTuple):
    """A template, and the project that it is deployed for, or None for its own default."""

    template: str
    project: str | None


@cache
def roles(project: str | None = None) -> dict[str, tuple[Statement, ...]]:
    """What each function and each state machine may do, by its logical id; AWS's managed policies left out.

    `project` is the one that the stacks are deployed for, the templates' own unless it is named.
    """
    found: dict[str, tuple[Statement, ...]] = {}
    for template in NAMES:
        at = Deployment(template, project)
        resources = transformed(template)["Resources"]
        for name, of in resources.items():
            if of["Type"] not in ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"):
                continue
            role = of["Properties"].get("Role", of["Properties"].get("RoleArn"))["Fn::GetAtt"][0]
            found[name] = tuple(_statements(at, resources[role]["Properties"]))
    return found


def _statements(at: Deployment, role: dict[str, Any]) -> list[Statement]:
    given = [*resolve(at, role.get("Policies", [])), *resolve(at, role.get("ManagedPolicyArns", []))]
    return [
        Statement(each["Effect"], _listed(each["Action"]), _listed(each["Resource"]), each.get("Condition", {}))
        for policy in given
        if isinstance(policy, dict)  # the others are the names of AWS's managed policies
        for each in policy["PolicyDocument"]["Statement"]
        if each is not None
    ]


def _listed(value: Any) -> tuple[str, ...]:
    flat: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        flat.extend(item if isinstance(item, list) else [item])
    return tuple(flat)


def resolve(at: Deployment, value: Any) -> Any:
    """A value with its intrinsic functions worked out; conditions on optional things are taken as met."""
    if isinstance(value, list):
        return [item for item in (resolve(at, each) for each in value) if item is not None]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, given),) = value.items()
        if name == "Ref":
            return _ref(at, given)
        if name == "Fn::GetAtt":
            return _attribute(at, *given)
        if name == "Fn::If":
            return resolve(at, given[1])
        if name == "Fn::Sub":
            text, more = given if isinstance(given, list) else (given, {})
            extra = {key: resolve(at, of) for key, of in more.items()}
            return re.sub(r"\$\{([\w:.]+)\}", lambda found: _named(at, found[1], extra), text)
        if name == "Fn::Join":
            return given[0].join(resolve(at, given[1]))
        if name == "Fn::Split":
            return resolve(at, given[1]).split(given[0])
    return {key: resolve(at, of) for key, of in value.items()}


def _named(at: Deployment, name: str, extra: dict[str, str]) -> str:
    if name in extra:
        return extra[name]
    return str(_attribute(at, *name.split(".", 1)) if "." in name else _ref(at, name))


def _ref(at: Deployment, name: str) -> Any:
    if name == "AWS::NoValue":
        return None
    if name == "Project" and at.project is not None:
        return at.project
    if name in KNOWN:
        return KNOWN[name]
    if name in defaults(at.template):
        return defaults(at.template)[name]
    resource = transformed(at.template)["Resources"].get(name)
    if resource and resource["Type"] == "AWS::IAM::ManagedPolicy":
        return resolve(at, resource["Properties"])
    if resource and resource["Type"] == "AWS::StepFunctions::StateMachine":
        return _machine(at, resource)
    return name


def _attribute(at: Deployment, name: str, attribute: str) -> str:
    resource = transformed(at.template)["Resources"][name]
    if resource["Type"] == "AWS::StepFunctions::StateMachine":
        return _machine(at, resource)
    assert attribute == "Arn", f"{name}.{attribute} is not known here"
    return ARNS[resource["Type"]].format(name=name)


def _machine(at: Deployment, resource: dict[str, Any]) -> str:
    name = resolve(at, resource["Properties"]["StateMachineName"])
    return f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
