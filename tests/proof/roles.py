"""The roles of both templates, with what their policies grant once everything in them is worked out."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

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


@cache
def roles() -> dict[str, tuple[Statement, ...]]:
    """What each function and each state machine may do, by its logical id; AWS's managed policies left out."""
    found: dict[str, tuple[Statement, ...]] = {}
    for template in NAMES:
        resources = transformed(template)["Resources"]
        for name, of in resources.items():
            if of["Type"] not in ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"):
                continue
            role = of["Properties"].get("Role", of["Properties"].get("RoleArn"))["Fn::GetAtt"][0]
            found[name] = tuple(_statements(template, resources[role]["Properties"]))
    return found


def _statements(template: str, role: dict[str, Any]) -> list[Statement]:
    given = [*resolve(template, role.get("Policies", [])), *resolve(template, role.get("ManagedPolicyArns", []))]
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


def resolve(template: str, value: Any) -> Any:
    """A value with its intrinsic functions worked out; conditions on optional things are taken as met."""
    if isinstance(value, list):
        return [item for item in (resolve(template, each) for each in value) if item is not None]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, given),) = value.items()
        if name == "Ref":
            return _ref(template, given)
        if name == "Fn::GetAtt":
            return _attribute(template, *given)
        if name == "Fn::If":
            return resolve(template, given[1])
        if name == "Fn::Sub":
            text, more = given if isinstance(given, list) else (given, {})
            extra = {key: resolve(template, of) for key, of in more.items()}
            return re.sub(r"\$\{([\w:.]+)\}", lambda found: _named(template, found[1], extra), text)
        if name == "Fn::Join":
            return given[0].join(resolve(template, given[1]))
        if name == "Fn::Split":
            return resolve(template, given[1]).split(given[0])
    return {key: resolve(template, of) for key, of in value.items()}


def _named(template: str, name: str, extra: dict[str, str]) -> str:
    if name in extra:
        return extra[name]
    return str(_attribute(template, *name.split(".", 1)) if "." in name else _ref(template, name))


def _ref(template: str, name: str) -> Any:
    if name == "AWS::NoValue":
        return None
    if name in KNOWN:
        return KNOWN[name]
    if name in defaults(template):
        return defaults(template)[name]
    resource = transformed(template)["Resources"].get(name)
    if resource and resource["Type"] == "AWS::IAM::ManagedPolicy":
        return resolve(template, resource["Properties"])
    if resource and resource["Type"] == "AWS::StepFunctions::StateMachine":
        return _machine(template, resource)
    return name


def _attribute(template: str, name: str, attribute: str) -> str:
    resource = transformed(template)["Resources"][name]
    if resource["Type"] == "AWS::StepFunctions::StateMachine":
        return _machine(template, resource)
    assert attribute == "Arn", f"{name}.{attribute} is not known here"
    return ARNS[resource["Type"]].format(name=name)


def _machine(template: str, resource: dict[str, Any]) -> str:
    name = resolve(template, resource["Properties"]["StateMachineName"])
    return f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
