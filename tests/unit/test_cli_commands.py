"""The operator's command as a whole, on the test cloud: what it says, its JSON, and its exit codes."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from customlabels import records
from typer.testing import CliRunner, Result

from cli import estimates, models, stack, watch
from cli.__main__ import app
from cli.errors import FailedError
from cli.exits import Exit
from cli.screen import Screen
from local import moto
from local.rekognition.settings import Settings
from tests.images import LABELS, picture
from tests.templates import defaults, source

OUTPUT = {
    "outcome": "promoted",
    "project": "custom-labels-parts",
    "version": "run-1",
    "verdict": {"accepted": True, "metric": "f1", "value": 0.93, "minimum": 0.85, "reasons": []},
    "metrics": {"worstLabels": [{"label": "bolt", "f1": 0.85, "precision": 0.9, "recall": 0.81}]},
    "report": None,
    "previous": None,
}
MACHINE = {
    "StartAt": "Plan",
    "States": {
        "Plan": {"Type": "Pass", "Next": "Which?"},
        "Which?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.force", "IsPresent": True, "Next": "Rejected"},
                {"Variable": "$.keepVersions", "IsPresent": True, "Next": "Long"},
                {"Variable": "$.switchTo", "IsPresent": True, "Next": "ToWhich?"},
            ],
            "Default": "Both",
        },
        "Rejected": {"Type": "Fail", "Error": "ModelRejected", "Cause": "F1 0.5 is below 0.85."},
        "ToWhich?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.switchTo", "StringEquals": "nothing", "Next": "NoSuch"}],
            "Default": "Switched",
        },
        "NoSuch": {"Type": "Fail", "Error": "InvalidInput", "Cause": "There is no version nothing."},
        "Switched": {
            "Type": "Pass",
            "Parameters": {"outcome": "switched", "project.$": "$.project", "version.$": "$.switchTo"},
            "End": True,
        },
        "Long": {"Type": "Wait", "Seconds": 600, "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}} for name in ("Left", "Right")
            ],
            "Next": "Done",
        },
        "Done": {"Type": "Pass", "Result": OUTPUT, "End": True},
    },
}
PARAMETERS = ("TrainingPrice", "InferencePrice", "MinUnits")  # as the stack has them
PRICES = {name: float(defaults("template.yaml")[name]) for name in PARAMETERS}
TEMPLATE = {
    # moto's CloudFormation makes state machines that moto's interpreter does not know: this one is made before.
    "Parameters": {
        "Project": {"Type": "String", "Default": "custom-labels"},
        "MachineArn": {"Type": "String"},
        **{name: source("template.yaml")["Parameters"][name] for name in PARAMETERS},
    },
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "project", "AttributeType": "S"},
                    {"AttributeName": "item", "AttributeType": "S"},
                ],
                "KeySchema": [
                    {"AttributeName": "project", "KeyType": "HASH"},
                    {"AttributeName": "item", "KeyType": "RANGE"},
                ],
            },
        },
    },
    "Outputs": {
        "StateMachineArn": {"Value": {"Ref": "MachineArn"}},
        "DataBucketName": {"Value": {"Ref": "Bucket"}},
        "StateTableName": {"Value": {"Ref": "Table"}},
    },
}


@pytest.fixture(scope="module")
def deployed() -> Iterator[moto.Cloud]:
    with moto.cloud(Settings(workers=0), wait_scale=1.0) as cloud:
        machine = cloud.client("stepfunctions").create_state_machine(
            name="train", roleArn=cloud.role, definition=json.dumps(MACHINE)
        )
        cloud.client("cloudformation").create_stack(
            StackName=stack.configured_name("default"),
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[{"ParameterKey": "MachineArn", "ParameterValue": machine["stateMachineArn"]}],
        )
        yield cloud


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.usefixtures("deployed")
def test_run_watches_to_the_end() -> None:
    result = call("run", "--name", "first")
    assert result.exit_code == 0, result.output
    for expected in ("Plan", "· Left", "· Right", "SUCCEEDED", "promoted", "accepted: f1 0.930", "bolt"):
        assert expected in result.stdout
    assert f"Nothing bills here. On AWS: Training costs {PRICES['TrainingPrice']:.2f} an hour." in result.stdout
    assert f"about {PRICES['MinUnits'] * PRICES['InferencePrice'] * 24:.2f} a day" in result.stdout


@pytest.mark.usefixtures("deployed")
def test_a_rollback_is_watched_to_its_end() -> None:
    before = call("rollback", "--name", "back-1")
    assert before.exit_code == 0, before.output
    for expected in ("The model that it switches to runs on", "Switched", "SUCCEEDED", "switched", "previous"):
        assert expected in before.stdout
    about = ("--project", "custom-labels-parts", "--name", "back-2", "--json")
    named = json.loads(call("rollback", "--to", "run-1", *about).stdout)
    assert named["output"] == {"outcome": "switched", "project": "custom-labels-parts", "version": "run-1"}
    failed = call("rollback", "--to", "nothing", "--name", "back-3", "--json")
    assert (failed.exit_code, json.loads(failed.stdout)["error"]) == (
        2,
        {"name": "InvalidInput", "message": "There is no version nothing."},
    )


@pytest.mark.usefixtures("deployed")
def test_a_rollback_need_not_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.run.default_name", lambda _now, kind: f"{kind}-unwatched")
    result = call("rollback", "--no-watch", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["executionArn"].endswith(":rollback-unwatched")


@pytest.mark.usefixtures("deployed")
def test_json_holds_nothing_but_json() -> None:
    result = call("run", "--name", "second", "--json", "--input", '{"dryRun": true}')
    assert result.exit_code == 0
    ended = json.loads(result.stdout)
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", OUTPUT)
    assert "Plan" in result.stderr


@pytest.mark.usefixtures("deployed")
def test_a_failed_run_gives_error_and_cause() -> None:
    result = call("run", "--input", '{"force": true}', "--name", "third")
    assert result.exit_code == Exit.ModelRejected.code
    assert "ModelRejected" in result.stdout
    assert "F1 0.5 is below 0.85." in result.stdout
    machine = call("watch", "--json")
    assert machine.exit_code == Exit.ModelRejected.code
    assert json.loads(machine.stdout.splitlines()[-1])["error"] == {
        "name": "ModelRejected",
        "message": "F1 0.5 is below 0.85.",
    }


@pytest.mark.usefixtures("deployed")
def test_a_name_that_is_taken() -> None:
    assert call("run", "--no-watch", "--name", "taken").exit_code == 0
    result = call("run", "--no-watch", "--name", "taken", "--minimum", "0.5")
    assert result.exit_code == 2
    assert "'taken' exists already: give another --name" in result.stderr


def test_leaving_does_not_stop_the_execution(deployed: moto.Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    shown: list[str] = []
    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=interrupt))
    monkeypatch.setattr(Screen, "progress", lambda _self, text: shown.append(text))
    monkeypatch.setattr(estimates, "expected", lambda *_: estimates.Estimate(3600, 4))
    result = call("run", "--name", "long", "--input", '{"keepVersions": 3}')
    assert "The 4 such runs before this took 1:00:00 (median)." in result.stdout
    (live,) = shown  # the states that the machine is in, since when, and what is left
    assert re.fullmatch(r"0:00:\d\d  .+ \(for 0:00:\d\d\); about (1:00:00|0:59:\d\d) left", live)
    assert result.exit_code == 130
    assert "the execution goes on" in result.stderr
    arn = result.stderr.partition("watch ")[2].partition("`")[0]
    assert watch.describe(stack.connect(False), arn)["status"] == "RUNNING"
    deployed.client("stepfunctions").stop_execution(executionArn=arn)
    assert call("watch", arn).exit_code == 1


@pytest.mark.usefixtures("deployed")
def test_mistakes_are_told_in_a_sentence() -> None:
    for arguments, code, said in (
        (["run", "--input", "{"], 2, "--input is not JSON"),
        (["run", "--training", "folder"], 2, "--training 'folder' is no source"),
        (["run", "--minimum", "2"], 2, "--minimum"),
        (["watch", "nothing"], 3, "'nothing' is no execution"),
        (["status", "--stack", "absent"], 3, "There is no stack absent at http://127.0.0.1"),
        (["start", "--project", "absent"], 3, "There is no project absent"),
        (["stop", "--project", "absent"], 3, "There is no project absent"),
        (["fly"], 2, "fly"),
    ):
        result = call(*arguments)
        assert (result.exit_code, said in result.stderr) == (code, True), f"{arguments}: {result.stderr}"


@pytest.mark.usefixtures("deployed")
def test_an_error_is_json_too() -> None:
    result = call("status", "--stack", "absent", "--json")
    assert result.exit_code == Exit.NotFound.code
    error = json.loads(result.stdout)["error"]
    assert error["name"] == "NotFound"
    assert error["message"].startswith("There is no stack absent")


@pytest.mark.usefixtures("deployed")
def test_status_of_a_project_that_does_not_exist_yet() -> None:
    result = call("status", "--project", "custom-labels-new")
    assert result.exit_code == 0
    assert "custom-labels-new does not exist yet" in result.stdout
    found = json.loads(call("status", "--project", "custom-labels-new", "--json").stdout)
    assert (found["exists"], found["live"], found["versions"], found["billing"]) == (False, None, [], [])


PROJECT = TEMPLATE["Parameters"]["Project"]["Default"]


@pytest.fixture(scope="module")
def trained(deployed: moto.Cloud) -> moto.Cloud:
    """The default project with version `one`, recorded as live, and `two`; neither has been started."""
    found = stack.find(stack.connect(False), stack.configured_name("default"))
    bucket, table = found.output("DataBucketName"), found.output("StateTableName")
    rekognition = deployed.client("rekognition")
    project = rekognition.create_project(ProjectName=PROJECT)["ProjectArn"]
    for kind, numbers in (("TRAIN", range(6)), ("TEST", range(50, 52))):
        manifest = {"S3Object": {"Bucket": bucket, "Name": put(deployed, bucket, kind, numbers)}}
        dataset = rekognition.create_dataset(
            ProjectArn=project, DatasetType=kind, DatasetSource={"GroundTruthManifest": manifest}
        )["DatasetArn"]
        until(lambda arn=dataset: dataset_status(deployed, arn) == "CREATE_COMPLETE")
    arns = []
    for name in ("one", "two"):
        output = {"S3Bucket": bucket, "S3KeyPrefix": "out"}
        made = rekognition.create_project_version(ProjectArn=project, VersionName=name, OutputConfig=output)
        arns.append(made["ProjectVersionArn"])
        until(lambda: set(versions(deployed).values()) == {"TRAINING_COMPLETED"})
    item = {"project": PROJECT, "item": "live", "projectVersionArn": arns[0], "since": "2026-11-22T10:00:00Z"}
    deployed.client("dynamodb").put_item(TableName=table, Item={key: {"S": value} for key, value in item.items()})
    return deployed


def put(cloud: moto.Cloud, bucket: str, folder: str, numbers: range) -> str:
    """Upload pictures and a manifest of them; returns the manifest's key."""
    s3, lines = cloud.client("s3"), []
    for label in LABELS:
        for number in numbers:
            key = f"{folder}/{label}/{number}.png"
            s3.put_object(Bucket=bucket, Key=key, Body=picture(label, number))
            metadata = {
                "class-name": label,
                "confidence": 1,
                "type": "groundtruth/image-classification",
                "human-annotated": "yes",
                "creation-date": "2026-11-22T10:00:00",
                "job-name": "labels",
            }
            line = {"source-ref": f"s3://{bucket}/{key}", "label": 1, "label-metadata": metadata}
            lines.append(json.dumps(line))
    s3.put_object(Bucket=bucket, Key=f"{folder}.manifest", Body="\n".join(lines))
    return f"{folder}.manifest"


def dataset_status(cloud: moto.Cloud, arn: str) -> str:
    return cloud.client("rekognition").describe_dataset(DatasetArn=arn)["DatasetDescription"]["Status"]


def versions(cloud: moto.Cloud) -> dict[str, str]:
    rekognition = cloud.client("rekognition")
    (project,) = rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    found = rekognition.describe_project_versions(ProjectArn=project["ProjectArn"])["ProjectVersionDescriptions"]
    return {one["ProjectVersionArn"].split("/")[3]: one["Status"] for one in found}


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def leases(cloud: moto.Cloud) -> dict[str, datetime]:
    """The leases in the state table: until when, by name."""
    table = stack.find(stack.connect(False), stack.configured_name("default")).output("StateTableName")
    items = cloud.client("dynamodb").scan(TableName=table)["Items"]
    found = {item["item"]["S"]: item["until"]["S"] for item in items if item["item"]["S"].startswith("lease#")}
    return {name: datetime.fromisoformat(until) for name, until in found.items()}


def test_starting_and_stopping_by_hand(trained: moto.Cloud) -> None:
    live = call("start")
    assert live.exit_code == 0, live.output
    assert "version one RUNNING" in live.stdout  # whether it is seen to be STARTING is a matter of speed
    assert "one runs. Nothing bills here. On AWS it would be 1 inference unit" in live.stdout
    assert "guard" not in live.stdout
    assert leases(trained) == {}, "the live version needs none"
    assert versions(trained) == {"one": "RUNNING", "two": "TRAINING_COMPLETED"}
    named = json.loads(call("start", "two", "--units", "2", "--json").stdout)
    assert (named["version"], named["status"]) == ("two", "RUNNING")
    (until,) = leases(trained).values()
    assert abs(until - datetime.fromisoformat(named["until"])) < timedelta(seconds=1)
    assert timedelta(hours=7.9) < until - datetime.now(UTC) < timedelta(hours=8)
    again = call("start", "two", "--hours", "20")  # runs already
    assert again.exit_code == 0
    assert "It is not live: at " in again.stdout
    (longer,) = leases(trained).values()
    assert timedelta(hours=19.9) < longer - datetime.now(UTC) < timedelta(hours=20)

    shown = call("status")
    assert f"Live model of {PROJECT}: one (RUNNING)" in shown.stdout
    per_day = 3 * 24 * PRICES["InferencePrice"]
    assert f"On AWS it would be 3 inference units, which cost about {per_day:.2f} a day" in shown.stdout
    found = json.loads(call("status", "--json").stdout)
    assert sorted(found["billing"]) == ["one", "two"]
    assert found["cost"] == {"inferenceUnits": 3, "perDay": per_day, "trainingSeconds": 0, "training": 0.0}
    assert [(one["name"], one["live"], one["minUnits"]) for one in found["versions"]] == [
        ("two", False, 2),
        ("one", True, 1),
    ]
    assert all(one["f1"] > 0.5 for one in found["versions"])

    assert call("stop", "two").exit_code == 0
    assert versions(trained) == {"one": "RUNNING", "two": "STOPPED"}
    assert leases(trained) == {}
    assert json.loads(call("stop", "--json").stdout) == [{"version": "one", "status": "STOPPED"}]
    assert "nothing to stop" in call("stop").stdout
    assert "answers no requests: `python -m cli start" in call("status").stdout


def test_a_start_that_is_refused_leaves_no_lease(trained: moto.Cloud) -> None:
    trained.service.faults.add("StartProjectVersion", "LimitExceededException", call=None)
    result = call("start", "two")
    trained.service.faults.clear()
    assert result.exit_code == Exit.QuotaExceeded.code
    assert "was not started (LimitExceededException)" in result.stderr
    assert leases(trained) == {}


def test_status_tells_what_the_runs_were_billed_for(trained: moto.Cloud) -> None:
    table = stack.connect(False).table(
        stack.find(stack.connect(False), stack.configured_name("default")).output("StateTableName")
    )
    record = {
        "execution": "arn:aws:states:us-east-1:123456789012:execution:train:billed",
        "version": "billed",
        "started": "2026-11-22T10:00:00+00:00",
        "ended": "2026-11-22T12:30:00+00:00",
        "outcome": "promoted",
        "projectVersionArn": "arn:billed",
        "trainingSeconds": 7200,
    }
    records.write(table, PROJECT, record)
    cost = 2 * PRICES["TrainingPrice"]
    assert f"Trainings of these runs: 2:00:00. On AWS it would cost about {cost:.2f} at" in call("status").stdout
    found = json.loads(call("status", "--json").stdout)["cost"]
    assert (found["trainingSeconds"], found["training"]) == (7200, cost)


@pytest.mark.usefixtures("trained")
def test_a_version_that_does_not_exist() -> None:
    for command in ("start", "stop"):
        result = call(command, "three")
        assert result.exit_code == Exit.NotFound.code
        assert "There is no version 'three'; the newest that exist: two, one." in result.stderr


@pytest.mark.usefixtures("trained")
def test_a_start_that_is_not_waited_for_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    # Whether it is seen to be STARTING is a matter of speed: here it always is.
    monkeypatch.setattr(models, "_is_running", lambda _one: False)
    monkeypatch.setattr(models, "time", SimpleNamespace(sleep=interrupt, monotonic=time.monotonic))
    result = call("start", "one", "--json")
    monkeypatch.undo()
    assert result.exit_code == 130
    assert json.loads(result.stdout)["error"]["name"] == "Interrupted"
    assert "No longer waiting for one; what was asked for goes on" in result.stderr
    assert f"`python -m cli status --project {PROJECT}" in result.stderr
    assert call("stop").exit_code == 0


@pytest.mark.usefixtures("trained")
def test_a_stop_that_takes_too_long() -> None:
    cloud, screen = stack.connect(False), Screen()
    chosen = models.versions(cloud, PROJECT)[:1]
    models.start(cloud, chosen[0], None, 30, screen)
    with pytest.raises(FailedError, match="Given up after 0:00:00"):
        models.stop(cloud, chosen, 0, screen)
    assert models.stop(cloud, chosen, 30, screen)[0].status == "STOPPED"
