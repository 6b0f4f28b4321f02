"""checkov finds nothing in the transformed templates but what was weighed and accepted here."""

import json
import subprocess
from fnmatch import fnmatchcase

import pytest

from local.audit import program
from tests.rounds import takes_long
from tests.templates import NAMES, conditional, transformed

pytestmark = takes_long("installing checkov takes minutes")

FUNCTION = "AWS::Lambda::Function.*"
AT_REST = "encrypted with AWS's own key, at no cost, unless the operator brings a key"
# Parameters that add resources to those of the defaults.
OPTIONAL = {"NotificationEmail": "ops@example.com", "MonthlyBudget": "100", "WakeOnRequest": "ENABLED"}
# Each check that is not met, the resources that do not meet it, and why.
ACCEPTED = {
    ("CKV_AWS_115", FUNCTION): (
        "a reserved concurrency takes from the account's, which may be as small as 10; Step Functions starts one"
        " at a time, and the API is throttled by its stage and its usage plan"
    ),
    ("CKV_AWS_116", FUNCTION): (
        "Step Functions and API Gateway wait for the answer; what a schedule starts, it starts again, and an alarm"
        " on its errors tells"
    ),
    ("CKV_AWS_117", FUNCTION): "they call AWS's own endpoints alone; a VPC adds a NAT gateway's bill, and no wall",
    ("CKV_AWS_173", FUNCTION): "names and numbers of the templates; no variable holds a secret",
    ("CKV_AWS_158", "AWS::Logs::LogGroup.*"): AT_REST,
    ("CKV_AWS_119", "AWS::DynamoDB::Table.StateTable"): AT_REST,
    ("CKV_AWS_26", "AWS::SNS::Topic.OutcomeTopic"): (
        "a topic with AWS's own key drops the alarms of CloudWatch without a word; the messages hold no data"
    ),
    ("CKV_AWS_18", "AWS::S3::Bucket.DataBucket"): (
        "needs a second bucket; CloudTrail tells who read what in an account that asks for it"
    ),
    ("CKV_AWS_76", "AWS::ApiGateway::Stage.ApiStage"): (
        "needs a role of the whole account, which a fresh one lacks: the parameter AccessLogs turns it on"
    ),
    ("CKV_AWS_120", "AWS::ApiGateway::Stage.ApiStage"): "no two images are alike, and a cache is paid by the hour",
    ("CKV_AWS_111", "AWS::IAM::Role.TrainRole"): (
        "the delivery of logs and X-Ray know no resources; tests/proof/permissions.py holds the rest to its calls"
    ),
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """The findings of both templates: pairs of a check's id and a resource."""
    folder = tmp_path_factory.mktemp("transformed")
    for name in NAMES:
        # With each condition decided: checkov guesses at them.
        template = {**transformed(name), "Resources": conditional(name, **OPTIONAL)}
        (folder / name).with_suffix(".json").write_text(json.dumps(template, default=str))
    command = [program("checkov"), "--framework", "cloudformation", "--directory", folder]
    command += [
        "--skip-download",
        "--compact",
        "--quiet",
        "--output",
        "json",
    ]  # its guidelines are on the internet
    ended = subprocess.run(command, capture_output=True, text=True)
    found = json.loads(ended.stdout)
    assert found["summary"]["resource_count"] > 100, ended.stderr
    assert found["summary"]["parsing_errors"] == 0
    return {(one["check_id"], one["resource"]): one["check_name"] for one in found["results"]["failed_checks"]}


def _accepts(rule, finding):
    return rule[0] == finding[0] and fnmatchcase(finding[1], rule[1])


def test_nothing_is_found_that_was_not_accepted(findings):
    new = {
        f"{check} {resource}: {name}"
        for (check, resource), name in findings.items()
        if not any(_accepts(rule, (check, resource)) for rule in ACCEPTED)
    }
    assert new == set()


def test_nothing_is_accepted_that_is_not_found(findings):
    assert {rule for rule in ACCEPTED if not any(_accepts(rule, finding) for finding in findings)} == set()
