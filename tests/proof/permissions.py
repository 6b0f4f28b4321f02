"""Each call that the tests make is allowed by the role that would make it on AWS, and each permission is used.

moto's evaluator compares actions and resources; the templates' only condition on a call, `dynamodb:LeadingKeys`,
is compared here. What AWS asks of a caller beside the calls themselves stands in IMPLIED, with the reason.
"""

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from moto.iam.access_control import IAMPolicyStatement, PermissionResult

from local.moto import ACCOUNT
from tests.proof import calls
from tests.proof.gather import Table, note, noted, reports
from tests.proof.roles import BUCKET, KEY, PARTITION, REGION, STACK, Statement, roles

# Of the actions that are not named as their operations are.
ACTIONS = {
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "CopyObject"): "s3:PutObject",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPart"): "s3:PutObject",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
    ("s3", "AbortMultipartUpload"): "s3:AbortMultipartUpload",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
}
# Of the key, where the caller's rights on it count: by the action that it goes with, and to train.
KEYED = {
    "s3:GetObject": ("kms:Decrypt",),
    "s3:PutObject": ("kms:Decrypt", "kms:GenerateDataKey"),  # the first to put the parts of an object together
    "sns:Publish": ("kms:Decrypt", "kms:GenerateDataKey"),
}
TRAINING = ("kms:CreateGrant", "kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt")
PREFIXES = {"stepfunctions": "states", "resourcegroupstaggingapi": "tag"}
READS = "Rekognition reads and writes S3 with the caller's credentials"
CHILDREN = "a Distributed Map starts, follows and ends its children with the role of the machine"
DELIVERY = "Step Functions sets up the delivery of its logs with the role of the machine"
# Permissions that no call of ours uses, by action.
IMPLIED = {
    "s3:GetBucketAcl": READS,
    "s3:GetBucketLocation": READS,
    "s3:GetObjectAcl": READS,
    "s3:GetObjectVersion": READS,
    "s3:GetObjectTagging": READS,
    "s3:ListBucket": "without it S3 answers 403, not 404, where an object is missing; Rekognition lists, too",
    "logs:CreateLogDelivery": DELIVERY,
    "logs:GetLogDelivery": DELIVERY,
    "logs:UpdateLogDelivery": DELIVERY,
    "logs:DeleteLogDelivery": DELIVERY,
    "logs:ListLogDeliveries": DELIVERY,
    "logs:PutResourcePolicy": DELIVERY,
    "logs:DescribeResourcePolicies": DELIVERY,
    "logs:DescribeLogGroups": DELIVERY,
}
# The same, of one role.
IMPLIED_FOR = {
    **{("Batch", f"states:{name}"): CHILDREN for name in ("StartExecution", "DescribeExecution", "StopExecution")},
    ("Predict", "lambda:InvokeFunction"): "it calls Wake, in tests/local/test_wake.py",
    (
        "ApiRoutes",
        "lambda:InvokeFunction",
    ): "the route that starts the model calls Wake, in tests/local/test_wake.py",
    (
        "KeepOfficeHours",
        "states:DescribeExecution",
    ): "it asks whether an execution that leases a version still runs",
    ("StopLive", "states:DescribeExecution"): "it asks whether an execution that leases a version still runs",
    ("Train", "rekognition:ListDatasetEntries"): "CreateDataset asks for it where a dataset is copied",
}
# generate_presigned_post names this operation to learn where a bucket is; nothing is called.
NO_CALLS = frozenset({("s3", "CreateBucket")})


def asked(service: str, operation: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    """The permissions that AWS asks for a call: actions with the ARN of what each is for."""
    action = ACTIONS.get((service, operation), f"{PREFIXES.get(service, service)}:{operation}")
    found = [(action, arn) for arn in _resources(service, params)] + _beside(service, operation, params)
    return found + [(of, KEY) for of in _of_key(found)]


def _of_key(found: list[tuple[str, str]]) -> list[str]:
    """What the services ask of the key that encrypts the bucket, the table and the topic."""
    data = f"arn:{PARTITION}:s3:::{BUCKET}/"
    asked = {of for action, arn in found for of in KEYED.get(action, ()) if "s3:" not in action or data in arn}
    asked |= {"kms:Decrypt" for action, _ in found if action.startswith("dynamodb:")}
    return sorted(asked)


def _resources(service: str, params: dict[str, Any]) -> list[str]:
    if service == "s3":
        return [_object(params["Bucket"], params.get("Key"))]
    if service == "dynamodb":
        return [_arn("dynamodb", f"table/{params['TableName']}")]
    if service == "lambda":
        return [_function(params["FunctionName"])]
    if service == "events":
        return [_arn("events", "event-bus/default")]
    if service == "rekognition" and "Datasets" in params:
        return [dataset["Arn"] for dataset in params["Datasets"]]
    names = (
        "ProjectVersionArn",
        "DatasetArn",
        "ResourceArn",
        "DestinationProjectArn",
        "ProjectArn",
        "TopicArn",
        "stateMachineArn",
        "executionArn",
    )
    return [next((_deployed(params[name]) for name in names if name in params), "*")]


def _beside(service: str, operation: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    """What a call needs beside its own action."""
    found: list[tuple[str, str]] = []
    if service == "rekognition" and params.get("Tags") and operation != "TagResource":
        found.append(("rekognition:TagResource", params.get("ProjectArn") or params["DestinationProjectArn"]))
    if operation == "CopyProjectVersion":
        found.append(("rekognition:CopyProjectVersion", params["SourceProjectVersionArn"]))
    if operation == "CopyObject":
        place = params["CopySource"]
        bucket, _, key = place.partition("/") if isinstance(place, str) else (place["Bucket"], "", place["Key"])
        found.append(("s3:GetObject", _object(bucket, key)))
    if operation == "DetectCustomLabels" and "S3Object" in params["Image"]:
        found.append(("s3:GetObject", _object(params["Image"]["S3Object"]["Bucket"], "uploads/image")))
    if operation in ("CreateProjectVersion", "CopyProjectVersion") and "OutputConfig" in params:
        place = params["OutputConfig"]
        found.append(("s3:PutObject", _object(place["S3Bucket"], f"{place['S3KeyPrefix']}x")))
    if operation == "CreateProjectVersion" and "KmsKeyId" in params:
        found.extend((action, params["KmsKeyId"]) for action in TRAINING)
    if operation == "CreateDataset" and "GroundTruthManifest" in params.get("DatasetSource", {}):
        place = params["DatasetSource"]["GroundTruthManifest"]["S3Object"]
        found.append(("s3:GetObject", _object(place["Bucket"], place["Name"])))
    return found


def _object(bucket: str, key: str | None) -> str:
    """An object's ARN, whose last part does not matter: policies name folders, and there are many images."""
    folder = (key or "").rpartition("/")[0]
    return f"arn:{PARTITION}:s3:::{bucket}" + ("" if key is None else f"/{folder}/x" if folder else "/x")


def _arn(service: str, name: str) -> str:
    return f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{name}"


def _function(name: str) -> str:
    return name if name.startswith("arn:") else _arn("lambda", f"function:{name}")


def _deployed(arn: str) -> str:
    """An ARN with the name that a stack's machine has where a test's machine has one of its own."""
    return re.sub(
        r":(stateMachine|execution):(\w+?)-[0-9a-f]{8}(?=:|$)",
        lambda found: f":{found[1]}:{STACK}-{found[2].replace('_', '-')}",
        arn,
    )


@cache
def _allowed(owner: str, project: str | None, action: str, arn: str, key: str | None) -> bool:
    verdicts = [_judge(statement, action, arn, key) for statement in roles(project)[owner]]
    return PermissionResult.PERMITTED in verdicts and PermissionResult.DENIED not in verdicts


def _judge(statement: Statement, action: str, arn: str, key: str | None) -> PermissionResult:
    if key is not None:
        for condition in statement.condition.values():
            patterns = condition.get("dynamodb:LeadingKeys", [])
            if patterns and not any(fnmatchcase(key, pattern) for pattern in patterns):
                return PermissionResult.NEUTRAL
    document = {"Effect": statement.effect, "Action": [*statement.actions], "Resource": [*statement.resources]}
    return IAMPolicyStatement(document).is_action_permitted(action, arn)


def _key(service: str, params: dict[str, Any]) -> str | None:
    """The partition key of a call to the table."""
    if service != "dynamodb":
        return None
    place = params.get("Key") or params.get("Item") or params.get("ExpressionAttributeValues") or {}
    value = place.get("project", place.get(":project"))
    return next(iter(value.values())) if isinstance(value, dict) else value


def check(owner: str, call: calls.Call, project: str | None) -> None:
    """Note what a call uses of its role, and what it lacks."""
    if owner not in roles():
        return
    service, operation, params = call
    if (service, operation) in NO_CALLS:
        return
    for action, arn in asked(service, operation, params):
        if _allowed(owner, project, action, arn, _key(service, params)):
            note("permissions", "used", owner, action)
        else:
            note("permissions", "denied", owner, action, arn)


def _implied(owner: str, action: str) -> bool:
    return action in IMPLIED or (owner, action) in IMPLIED_FOR


def report() -> Table | None:
    """By role: permissions used, implied and unused, and the calls that no permission allows."""
    facts = noted("permissions")
    if not facts:
        return None
    used = {fact[1:] for fact in facts if fact[0] == "used"}
    wrong = [
        f"{f[1]} calls {f[2]} on {f[3]}, which no policy of its role allows."
        for f in sorted(facts)
        if f[0] == "denied"
    ]
    missing: list[str] = []
    counts = {"granted": 0, "used": 0, "implied": 0, "unused": 0}
    for owner, statements in sorted(roles().items()):
        granted = {action for each in statements if each.effect == "Allow" for action in each.actions}
        for action in sorted(granted):
            counts["granted"] += 1
            kind = "used" if (owner, action) in used else "implied" if _implied(owner, action) else "unused"
            counts[kind] += 1
            if kind == "unused":
                missing.append(f"The role of {owner} allows {action}, which no test's call uses.")
    counts["denied"] = sum(fact[0] == "denied" for fact in facts)
    counts["roles"] = len(roles())
    line = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return Table("permissions of the roles", [line], wrong, missing)


calls.heard.append(check)
reports.append(report)
