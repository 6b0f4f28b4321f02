"""Promotion: a version of another project is copied, judged and made live, and nothing is trained."""

import json
import subprocess
import sys

import pytest
from customlabels.records import history

from cli.stack import configured_name
from local.cloud import environment
from local.rekognition import versions
from tests.stack import BUCKET, PROJECT, TABLE
from tests.templates import ROOT
from tests.workflow.worlds import name_of

PRODUCTION = f"{PROJECT}-production"


@pytest.fixture
def source(trained, world):
    """The stack, and the ARN of a version of the development project; the production project begins as it was."""
    world.teardown.run({"project": PRODUCTION, "force": True})
    world.rekognition.stop_project_version(
        ProjectVersionArn=trained[1]["one"]
    )  # the account runs two models at once
    world.cloud.clock.advance(3600)
    while world.told() or world.published():
        pass
    return world, trained[1]["two"]


def of_production(stack):
    """Each version's status by name, and the name of the live one."""
    found = stack.rekognition.describe_projects(ProjectNames=[PRODUCTION])["ProjectDescriptions"]
    item = stack.table.get_item(Key={"project": PRODUCTION, "item": "live"}).get("Item")
    if not found:
        return {}, None
    listed = stack.rekognition.describe_project_versions(ProjectArn=found[0]["ProjectArn"])
    statuses = {name_of(v["ProjectVersionArn"]): v["Status"] for v in listed["ProjectVersionDescriptions"]}
    return statuses, name_of(item["projectVersionArn"]) if item else None


def promote(stack, arn, **given):
    asked = {"project": PRODUCTION, "copyFrom": arn, "gate": {"minimum": 0.6}, **given}
    name = given.pop("name", None)
    asked.pop("name", None)
    return stack.run(asked, name=name)


def test_a_version_is_copied_judged_and_live(source):
    stack, arn = source
    before = stack.versions()
    result = promote(stack, arn, name="first")
    assert result.status == "SUCCEEDED", result.cause
    output = result.output
    assert (output["outcome"], output["version"], output["previous"]) == ("promoted", "first", None)
    assert output["verdict"]["accepted"] is True
    assert output["metrics"]["f1"] >= 0.6
    assert output["cost"]["trainingSeconds"] is None
    assert output["report"].startswith(f"s3://{BUCKET}/reports/{PRODUCTION}/first/")
    assert of_production(stack) == ({"first": "RUNNING"}, "first")
    assert not {"TrainModel", "ReadEntries", "Preflight", "NoReport"} & set(result.states)
    assert stack.versions() == before, "the development project is left as it was"
    (event,) = stack.published()
    assert (event["outcome"], event["trainingSeconds"]) == ("promoted", None)
    (record,) = history(stack.table, PRODUCTION, 5)
    assert record["smoke"]["asked"] == 5, "the source's test images"
    again = promote(stack, arn, name="second")
    assert (again.status, again.output["outcome"]) == ("SUCCEEDED", "promoted"), again.cause
    assert again.output["verdict"]["comparison"] == "measured again", "the live copy, on the source's test images"
    assert of_production(stack) == ({"first": "STOPPED", "second": "RUNNING"}, "second")
    assert name_of(again.output["previous"]) == "first"
    back = stack.run({"project": PRODUCTION, "switchTo": "previous"})
    assert (back.status, back.output["version"]) == ("SUCCEEDED", "first"), back.cause


def test_the_gate_refuses_a_copy_that_is_not_good_enough(source):
    stack, arn = source
    result = promote(stack, arn, gate={"minimumTestImages": 500}, name="refused")
    assert (result.status, result.error) == ("FAILED", "ModelRejected"), result.cause
    assert "9 test images are fewer than the minimum 500" in result.cause
    assert of_production(stack) == ({"refused": "COPYING_COMPLETED"}, None)


def test_a_copy_that_fails_leaves_nothing_running(source, monkeypatch):
    def fail(*_):
        raise OSError("no space")

    stack, arn = source
    with monkeypatch.context() as patch:
        patch.setattr(versions, "_copy", fail)
        result = promote(stack, arn, name="failed")
    assert (result.status, result.error) == ("FAILED", "TrainingFailed"), result.cause
    assert (
        "Version failed is COPYING_FAILED: An internal error occurred while the model was copied." in result.cause
    )
    assert of_production(stack) == ({"failed": "COPYING_FAILED"}, None)
    after = promote(stack, arn, name="after", keepVersions=1)
    assert after.status == "SUCCEEDED", after.cause
    assert of_production(stack) == ({"after": "RUNNING"}, "after"), "the next run deletes what is not kept"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("first", "copyFrom is 'first'; accepted is the ARN of a project version."),
        (":123456789012:", "accepted is a version in this Region, us-east-1, and account, 123456789012."),
        (":us-east-1:", "accepted is a version in this Region, us-east-1, and account, 123456789012."),
        (
            "project/",
            "names a version of project others; accepted is one whose name begins with 'custom-labels', the",
        ),
        ("/version/two/", "has no such version."),
    ],
)
def test_what_cannot_be_copied_is_refused_in_a_sentence(source, given, says):
    stack, arn = source
    other = {
        "first": "first",
        ":123456789012:": arn.replace(":123456789012:", ":123456789013:"),
        ":us-east-1:": arn.replace(":us-east-1:", ":eu-west-1:"),
        "project/": arn.replace(f"project/{PROJECT}/", "project/others/"),
        "/version/two/": arn.replace("/version/two/", "/version/none/"),
    }[given]
    result = promote(stack, other)
    assert (result.status, result.error) == ("FAILED", "InvalidInput"), result.cause
    assert says in result.cause


def test_a_project_is_not_promoted_to_itself_or_from_nowhere_or_with_what_trains(source):
    stack, arn = source
    for given, says in (
        ({"project": PROJECT}, f"copyFrom names a version of project {PROJECT} itself; switchTo puts live"),
        ({"force": True}, "force stands beside copyFrom, which trains nothing; accepted beside it are project,"),
        ({"switchTo": "one"}, "stands beside switchTo"),
    ):
        assert says in promote(stack, arn, **given).cause
    gone = arn.replace(f"project/{PROJECT}/", f"project/{PROJECT}-gone/")
    assert f"names a version of project {PROJECT}-gone, which does not exist." in promote(stack, gone).cause


def test_one_that_is_not_trained_is_refused(source):
    stack, _ = source
    stack.cloud.service.faults.training("The manifest file is empty.")
    (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    made = stack.rekognition.create_project_version(
        ProjectArn=project["ProjectArn"],
        VersionName="bad",
        OutputConfig={"S3Bucket": BUCKET, "S3KeyPrefix": "bad"},
    )["ProjectVersionArn"]
    stack.cloud.clock.advance(3600)
    result = promote(stack, made)
    assert "copyFrom names version bad, which is TRAINING_FAILED; accepted is a trained one." in result.cause
    stack.rekognition.delete_project_version(ProjectVersionArn=made)
    stack.cloud.clock.advance(3600)


def test_a_quota_that_would_stop_it_is_seen_before_anything_is_copied(source, trained):
    stack, arn = source
    assert promote(stack, arn, name="quota-1").status == "SUCCEEDED"
    stack.rekognition.start_project_version(ProjectVersionArn=trained[1]["one"], MinInferenceUnits=1)
    result = promote(stack, arn, name="quota-2")
    assert (result.status, result.error) == ("FAILED", "QuotaExceeded"), result.cause
    assert "CopyModel" not in result.states
    in_place = promote(stack, arn, name="quota-3", model={"strategy": "in-place"})
    assert in_place.status == "SUCCEEDED", in_place.cause


def test_a_copy_that_takes_effect_and_answers_an_error_is_adopted_and_a_full_quota_is_waited_for(source):
    stack, arn = source
    stack.cloud.service.faults.add("CopyProjectVersion", "InternalServerError", effect="after")
    adopted = promote(stack, arn, name="adopted")
    assert adopted.status == "SUCCEEDED", adopted.cause
    assert "AdoptVersion" in adopted.states
    for call in range(1, 3):
        stack.cloud.service.faults.add("CopyProjectVersion", "LimitExceededException", call=call)
    waited = promote(stack, arn, name="waited")
    assert waited.status == "SUCCEEDED", waited.cause
    assert waited.states.count("CopyOrTrain?") >= 1
    assert of_production(stack)[1] == "waited"


def test_the_command_promotes_by_name_and_watches(source):
    stack, _ = source
    client = stack.cloud.client("cloudformation")
    outputs = {"StateMachineArn": stack.train.arn, "StateTableName": TABLE, "DataBucketName": BUCKET}
    template = {
        "Parameters": {"Project": {"Type": "String", "Default": PROJECT}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client.create_stack(StackName=configured_name("default"), TemplateBody=json.dumps(template))

    def call(*arguments):
        port = int(stack.cloud.endpoint.rpartition(":")[2])
        command = [sys.executable, "-m", "cli", "promote", *arguments, "--project", PRODUCTION]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment(port), check=False
        )

    ended = call(f"{PROJECT}/two", "--name", "told", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["output"]["outcome"] == "promoted"
    assert of_production(stack)[1] == "told"
    for wrong, code, says in (
        ("two", 2, "'two' is no version"),
        (f"{PROJECT}/none", 3, "There is no version 'none'"),
    ):
        refused = call(wrong)
        assert (refused.returncode, says in refused.stderr) == (code, True), refused.stderr
