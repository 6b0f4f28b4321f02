"""The whole path on the local cloud: sam build, sam deploy of both stacks, executions, HTTP."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from samtranslator.yaml_helper import yaml_parse

from cli.screen import Screen
from local import demo, samples
from tests.local.conftest import wait_until
from tests.rounds import takes_long
from tests.templates import ROOT, source

# Bytes unzipped; Lambda's limit is 250 MB, a cold start notices far less.
LARGEST = 25 * 1024 * 1024
WITH_CHARTS = 175 * 1024 * 1024  # the one package with a charting library


def test_a_model_is_trained_gated_and_live(deployed, trained):
    assert trained["metrics"]["f1"] >= 0.9
    assert trained["verdict"]["accepted"] is True
    assert deployed.versions()[trained["version"]] == "RUNNING"
    assert deployed.live() == trained["version"]


@pytest.mark.parametrize("label", ["0", "4", "7"])
def test_the_api_predicts_an_image_that_was_never_seen(deployed, trained, label):
    status, body, _ = deployed.ask("/predictions", samples.unseen(deployed.samples, label).read_bytes())
    assert status == 200
    assert body["Predictions"][0]["Name"] == label
    assert body["Model"] == deployed.live()


def test_json_and_plain_base64_are_the_same_question(deployed, trained):
    image = samples.unseen(deployed.samples, "3").read_bytes()
    text = base64.b64encode(image)
    binary = deployed.ask("/predictions", image)[1]
    assert deployed.ask("/predictions", text, "text/plain")[1] == binary
    everything = json.dumps({"image": text.decode(), "minConfidence": 0, "maxResults": 10}).encode()
    assert len(deployed.ask("/predictions", everything, "application/json")[1]["Predictions"]) == 10


def test_refusals_are_json_with_a_code_and_a_sentence(deployed, trained):
    image = samples.unseen(deployed.samples, "3").read_bytes()

    def ask(*request, **options):
        """The answer, once the usage plan lets the request through: other tests of this stack ask a lot."""
        while (answer := deployed.ask(*request, **options))[0] == 429:
            time.sleep(1)
        return answer

    for expected, answer in {
        (403, "Forbidden"): ask("/predictions", image, key="wrong"),
        (404, "NotFound"): ask("/nothing", image),
        (400, "InvalidImage"): ask("/predictions", b"GIF89a" + bytes(100)),
        (400, "InvalidBase64"): ask("/predictions", b"%%%", "text/plain"),
        (413, "ImageTooLarge"): ask("/predictions", image + bytes(4 * 1024 * 1024)),
        (415, "UnsupportedMediaType"): ask("/predictions", image, "image/gif"),
        (422, "InvalidField"): ask("/predictions", b'{"picture": ""}', "application/json"),
    }.items():
        status, body, _ = answer
        assert (status, body["code"]) == expected, body
        assert body["message"].endswith(".")


def test_a_second_run_with_nothing_new_trains_nothing(deployed, trained):
    outcome = demo.train(deployed.port, deployed.training, deployed.project, Screen())
    assert outcome["output"]["outcome"] == "unchanged"
    assert outcome["output"]["version"] == trained["version"]
    assert list(deployed.versions()) == [trained["version"]]


def test_a_second_run_replaces_the_first(deployed, trained):
    ended = deployed.run("second", {**demo.sources(deployed.bucket, deployed.project), "force": True})
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert [name for name, status in deployed.versions().items() if status == "RUNNING"] == ["second"]
    assert deployed.live() == "second"
    assert output["previous"].split("/")[3] == trained["version"]
    assert output["verdict"]["comparison"] == "same test images"
    page = output["report"].removeprefix(f"s3://{deployed.bucket}/")
    told = deployed.cloud.client("s3").get_object(Bucket=deployed.bucket, Key=page)["Body"].read().decode()
    assert "Accepted" in told
    assert "second" in told


def test_of_two_runs_at_once_one_runs_and_a_stop_frees_the_project(deployed, trained):
    given = {"project": f"{deployed.project}-locked", **demo.sources(deployed.bucket, deployed.project)}
    first, second = (deployed.start(name, given) for name in ("lock-one", "lock-two"))
    steps = deployed.cloud.client("stepfunctions")

    def refused():
        looks = [steps.describe_execution(executionArn=arn) for arn in (first, second)]
        return next((look for look in looks if look.get("error") == "RunInProgress"), None)

    wait_until(refused)
    lost = refused()
    winner = first if lost["executionArn"] == second else second
    assert f"Execution {winner.rsplit(':', 1)[-1]} has been at work on project" in lost["cause"]
    steps.stop_execution(executionArn=winner)
    third = deployed.run("lock-three", {**given, "gate": {"minimum": 0.0}, "model": {"maxUnits": 1}})
    assert third["status"] == "SUCCEEDED", third
    deployed.stop(json.loads(third["output"])["projectVersionArn"])


@takes_long("schedules fire once a minute")
def test_the_schedule_starts_an_execution(deployed, trained):
    steps, machine = deployed.cloud.client("stepfunctions"), deployed.training.output("StateMachineArn")

    def executions():
        found = steps.list_executions(stateMachineArn=machine)["executions"]
        return {one["executionArn"]: one["status"] for one in found}

    before = executions()
    with demo.alone():
        soon = datetime.now(UTC) + timedelta(seconds=30)
        scheduled = {"ScheduleState": "ENABLED", "ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})"}
        demo.deploy_stack("default", deployed.port, scheduled)
    wait_until(lambda: executions().keys() - before.keys(), seconds=90)
    (started,) = executions().keys() - before.keys()
    wait_until(lambda: executions()[started] != "RUNNING")
    assert executions()[started] == "SUCCEEDED"


def test_a_refused_model_ends_the_execution_as_failed(deployed, trained):
    live = deployed.live()
    arn = deployed.start("too-strict", {"gate": {"minimum": 0.9999, "minimumTestImages": 10_000}, "force": True})
    steps = deployed.cloud.client("stepfunctions")
    wait_until(lambda: steps.describe_execution(executionArn=arn)["status"] != "RUNNING")
    ended = steps.describe_execution(executionArn=arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "ModelRejected")
    assert "The gate refused version too-strict" in ended["cause"]
    assert deployed.live() == live
    assert [name for name, status in deployed.versions().items() if status == "RUNNING"] == [live]


def test_a_run_that_is_stopped_is_cleaned_up_by_the_rule(deployed, trained):
    project = f"{deployed.project}-stopped"
    arn = deployed.start(
        "stopped",
        {"project": project, "gate": {"minimum": 0.0}, **demo.sources(deployed.bucket, deployed.project)},
    )
    steps = deployed.cloud.client("stepfunctions")
    wait_until(lambda: deployed.versions(project).get("stopped") in ("STARTING", "RUNNING"))
    steps.stop_execution(executionArn=arn)
    wait_until(lambda: deployed.versions(project)["stopped"] == "STOPPED")
    assert deployed.live(project) is None


def test_each_built_package_is_small_and_holds_only_what_ships(deployed):
    with demo.alone():  # another process may be about to build anew
        for environment, template in demo.TEMPLATES.items():
            functions = {
                name: of["Properties"].get("CodeUri", "functions/")
                for name, of in source(template)["Resources"].items()
                if of["Type"] == "AWS::Serverless::Function"
            }
            place = demo.LOCAL / "build" / environment / "build"
            built = yaml_parse((place / "template.yaml").read_text())["Resources"]
            for name, folder in functions.items():
                package = place / built[name]["Properties"]["CodeUri"]
                files = [file for file in package.rglob("*") if file.is_file()]
                size = sum(file.stat().st_size for file in files)
                assert size < (WITH_CHARTS if name == "Report" else LARGEST), name
                top = {file.relative_to(package).parts[0] for file in files}
                assert {path.name for path in (ROOT / folder).glob("*.py")} <= top
                assert not top & {"local", "cli", "tests", "boto3", "botocore"}
