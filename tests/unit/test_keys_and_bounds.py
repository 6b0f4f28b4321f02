"""The templates with and without a key and a permissions boundary of the operator's."""

import json

import pytest

from tests.proof.roles import KEY
from tests.templates import NAMES, conditional

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
REF = {"Ref": "KmsKeyArn"}


def of_type(resources, kind):
    return {name: of.get("Properties", {}) for name, of in resources.items() if of["Type"] == kind}


def granted(resources, name):
    """The actions that a role's own policies allow, and the managed policies of this template that it has."""
    role = of_type(resources, "AWS::IAM::Role")[name]
    actions = set()
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            given = statement["Action"]
            actions |= set([given] if isinstance(given, str) else given)
    attached = {of["Ref"] for of in role.get("ManagedPolicyArns", []) if isinstance(of, dict) and "Ref" in of}
    return actions, attached


@pytest.mark.parametrize("name", NAMES)
def test_without_a_key_nothing_speaks_of_kms(name):
    resources = conditional(name)
    # What Plan is told is the parameter itself.
    text = json.dumps(resources).replace('"KMS_KEY_ARN": {"Ref": "KmsKeyArn"}', "")
    assert [
        word for word in ("kms:", "KmsKeyArn", "KmsKeyId", "KMSMasterKeyI", "KmsMasterKeyId") if word in text
    ] == []


@pytest.mark.parametrize("name", NAMES)
def test_with_a_key_every_log_group_has_it(name):
    groups = of_type(conditional(name, KmsKeyArn=KEY, AccessLogs="ENABLED"), "AWS::Logs::LogGroup")
    assert groups
    for group, of in groups.items():
        assert of["KmsKeyId"] == REF, f"{group} in {name} needs KmsKeyId: !If [Key, !Ref KmsKeyArn, …]"


def test_the_bucket_the_table_and_the_topics_have_the_key():
    resources = conditional("template.yaml", KmsKeyArn=KEY)
    for bucket in of_type(resources, "AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": REF}
        assert rule["BucketKeyEnabled"] is True
    for table in of_type(resources, "AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": REF}
    for topic in of_type(resources, "AWS::SNS::Topic").values():
        assert topic["KmsMasterKeyId"] == REF


def test_without_a_key_the_bucket_and_the_table_are_encrypted_all_the_same():
    resources = conditional("template.yaml")
    for bucket in of_type(resources, "AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    for table in of_type(resources, "AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True}
    for topic in of_type(resources, "AWS::SNS::Topic").values():
        assert not topic


@pytest.mark.parametrize("name", NAMES)
def test_a_role_may_use_the_key_for_what_it_does_and_for_nothing_more(name):
    resources = conditional(name, KmsKeyArn=KEY, ImageBuckets="elsewhere", WakeOnRequest="ENABLED")
    for role in of_type(resources, "AWS::IAM::Role"):
        actions, attached = granted(resources, role)
        needed = set()
        if {"s3:PutObject", "sns:Publish"} & actions:
            needed = {"WriteWithKey"}
        elif any(action == "s3:GetObject" or action.startswith("dynamodb:") for action in actions):
            needed = {"ReadWithKey"}
        assert attached & {"ReadWithKey", "WriteWithKey"} == needed, (
            f"The policies of {role} in {name} need {needed or 'neither ReadWithKey nor WriteWithKey'}, "
            f"as - !If [Key, !Ref …WithKey, !Ref AWS::NoValue]"
        )
        own = {action for action in actions if action.startswith("kms:")}
        trains = "rekognition:CreateProjectVersion" in actions
        assert own == (
            {f"kms:{n}" for n in ("CreateGrant", "DescribeKey", "GenerateDataKey", "Decrypt")} if trains else set()
        )


@pytest.mark.parametrize("name", NAMES)
def test_rights_on_the_key_are_on_this_one_and_through_services(name):
    managed = of_type(conditional(name, KmsKeyArn=KEY), "AWS::IAM::ManagedPolicy")
    given = {}
    for policy, of in managed.items():
        (statement,) = of["PolicyDocument"]["Statement"]
        assert statement["Resource"] == REF
        through = [
            each["Fn::Sub"].partition(".")[0] for each in statement["Condition"]["StringEquals"]["kms:ViaService"]
        ]
        assert through == ["s3", "dynamodb", *(["sns"] if name == "template.yaml" else [])]
        given[policy] = statement["Action"]
    assert given == {"ReadWithKey": ["kms:Decrypt"], "WriteWithKey": ["kms:Decrypt", "kms:GenerateDataKey"]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", ["", BOUNDARY], ids=["none", "own"])
def test_every_role_has_the_boundary_that_was_given(name, boundary):
    resources = conditional(name, PermissionsBoundary=boundary, WakeOnRequest="ENABLED")
    expected = {"Ref": "PermissionsBoundary"} if boundary else None
    for role, of in of_type(resources, "AWS::IAM::Role").items():
        assert of.get("PermissionsBoundary") == expected, (
            f"{role} in {name} needs PermissionsBoundary: !If [Boundary, !Ref PermissionsBoundary, …], which "
            f"SAM takes from Globals for functions only: machines and schedules have it each for themselves"
        )
