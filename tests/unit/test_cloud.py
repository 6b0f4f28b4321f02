"""The local cloud: how it starts and ends, what it lets through, and what its engines do as AWS does."""

import importlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import cloud, moto
from local.ministack import private
from local.ministack.metrics import Datum, embedded
from local.ministack.rekognition import sdk_error

ROLE = "arn:aws:iam::000000000000:role/test"
REKOGNITION = "arn:aws:states:::aws-sdk:rekognition:"
CODE = """
import json, time
class TrainingFailed(Exception):
    pass
def refuse(event, context):
    raise TrainingFailed("no images in " + event.get("folder", "it"))
def sleep(event, context):
    time.sleep(event["sleep"])
    return {"slept": event["sleep"]}
def measure(event, context):
    told = {"Namespace": "Shop", "Dimensions": [["shop"], ["shop", "till"]], "Metrics": [{"Name": "Sales"}]}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [told]}
    print(json.dumps({"_aws": about, "shop": "corner", "till": "1", "Sales": event["sales"]}))
    print("no metric")
"""


@dataclass(frozen=True)
class Up:
    """A local cloud that is up, with three Lambda functions."""

    place: cloud.Place
    pid: int
    functions: dict[str, str]

    def client(self, name: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(name, endpoint_url=self.place.endpoint, region_name="us-east-1", **keys)

    def machine(self, definition: dict[str, Any], name: str | None = None) -> str:
        """The ARN of a new state machine."""
        created = self.client("stepfunctions").create_state_machine(
            name=name or f"machine-{time.monotonic_ns()}", definition=json.dumps(definition), roleArn=ROLE
        )
        arn: str = created["stateMachineArn"]
        return arn

    def start(self, definition: dict[str, Any], payload: Any = None) -> str:
        """The ARN of an execution that was just started."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.machine(definition), input=json.dumps(payload or {})
        )
        arn: str = started["executionArn"]
        return arn

    def ended(self, execution: str) -> dict[str, Any]:
        """DescribeExecution's answer at the end."""
        client = self.client("stepfunctions")
        return until(
            lambda: (
                found
                if (found := client.describe_execution(executionArn=execution))["status"] != "RUNNING"
                else None
            )
        )

    def run(self, state: dict[str, Any], payload: Any = None, **others: Any) -> dict[str, Any]:
        """Run a machine of the state `Only`, and of `Caught`, to which it may go."""
        states = {"Only": state, "Caught": {"Type": "Succeed"}}
        return self.ended(self.start({"StartAt": "Only", "States": states, **others}, payload))

    def entered(self, execution: str) -> list[str]:
        """The states that an execution has entered."""
        events = self.client("stepfunctions").get_execution_history(executionArn=execution, maxResults=1000)[
            "events"
        ]
        return [
            event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event
        ]


def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "It did not come to be in time."
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    place = cloud.Place(cloud.free_port(), tmp_path_factory.mktemp("cloud"))
    cloud.up(place.port, place.base)
    try:
        pid = cloud.running(place)
        assert pid is not None
        opened = Up(place, pid, {})
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handlers.py", CODE)
        opened.client("iam").create_role(RoleName="test", AssumeRolePolicyDocument="{}")
        for name in ("refuse", "sleep", "measure"):
            created = opened.client("lambda").create_function(
                FunctionName=name,
                Role=ROLE,
                Runtime="python3.11",
                Handler=f"handlers.{name}",
                Timeout=30,
                Code={"ZipFile": code.getvalue()},
            )
            opened.functions[name] = created["FunctionArn"]
        yield opened
    finally:
        cloud.down(place.port, place.base)


# Starting and ending


def test_it_comes_up_once_and_goes_down_whole(tmp_path: Path) -> None:
    port = cloud.free_port()
    place = cloud.Place(port, tmp_path)
    assert cloud.up(port, tmp_path) == f"http://127.0.0.1:{port}"
    try:
        pid = cloud.running(place)
        assert pid is not None
        cloud.up(port, tmp_path)
        assert cloud.running(place) == pid
        assert cloud.healthy(place)
        assert os.getpgid(pid) == pid, "it has a session of its own, so that Ctrl-C in the terminal spares it"
    finally:
        assert cloud.down(port, tmp_path)
    assert cloud.running(place) is None
    assert not cloud.healthy(place)
    assert not cloud.down(port, tmp_path)
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    assert sorted(path.name for path in place.folder.iterdir()) == ["lock", "log.txt", "rekognition"]
    left = {path.name.partition("-")[0] for path in (place.folder / "rekognition").iterdir()}
    assert left == {"features.sqlite"}, "features of images are kept, nothing else"


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(cloud.CloudError, match=r"taken by another program.*LOCAL_CLOUD_PORT"):
            cloud.up(other.getsockname()[1], tmp_path)


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho the reason\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(cloud.CloudError, match=r"The local cloud ended; the end of .*log\.txt:\nthe reason"):
        cloud.up(cloud.free_port(), tmp_path)


def test_a_process_that_has_the_id_by_chance_is_left_alone(tmp_path: Path) -> None:
    place = cloud.Place(cloud.free_port(), tmp_path)
    place.folder.mkdir()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        place.process.write_text(json.dumps({"pid": stranger.pid, "born": "earlier"}))
        assert cloud.running(place) is None
        assert not cloud.down(place.port, tmp_path)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_command_says_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_CLOUD_PORT", str(cloud.free_port()))
    monkeypatch.setenv("LOCAL_CLOUD_FOLDER", str(tmp_path))
    assert cloud.main(["status"]) == 1
    assert "is down" in capsys.readouterr().out
    try:
        assert cloud.main(["up"]) == 0
        assert "The local cloud is up at http://127.0.0.1:" in capsys.readouterr().out
        assert cloud.main(["up"]) == 0
        assert "was already up" in capsys.readouterr().out
        assert cloud.main(["status"]) == 0
    finally:
        assert cloud.main(["down"]) == 0
    assert cloud.main(["down"]) == 0
    assert "was not up" in capsys.readouterr().out
    monkeypatch.setenv("LOCAL_CLOUD_PORT", "many")
    assert cloud.main(["up"]) == 1
    assert "LOCAL_CLOUD_PORT" in capsys.readouterr().err


def test_ministack_is_pinned_and_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "VERSION", "0.0.0")
    with pytest.raises(RuntimeError, match=r"needs ministack 0\.0\.0, and .* is installed"):
        private.check()


# Safety


def test_no_client_can_reach_a_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.amazonaws.com")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    known = cloud.environment(4599)
    assert {name: value for name, value in known.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4599",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
    assert "127.0.0.1" in known["NO_PROXY"]
    assert known["SAM_CLI_TELEMETRY"] == "0"


def test_a_test_cloud_leaves_nothing_behind() -> None:
    urls = importlib.import_module("moto.rekognition.urls")
    before, answers = dict(os.environ), dict(urls.url_paths)
    with moto.cloud() as opened:
        assert os.environ["AWS_ENDPOINT_URL"] == opened.endpoint
        opened.client("s3").create_bucket(Bucket="here")
        port = int(opened.endpoint.rpartition(":")[2])
    assert dict(os.environ) == before
    assert urls.url_paths == answers
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with moto.cloud() as opened:
        assert opened.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_it_listens_on_loopback_only(up: Up) -> None:
    held = {os.readlink(link) for link in Path(f"/proc/{up.pid}/fd").iterdir() if link.is_symlink()}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                listening.append(fields[1])
    assert listening == [f"0100007F:{up.place.port:04X}"]


# What its Step Functions and Lambda do


def test_the_service_answers(up: Up) -> None:
    rekognition = up.client("rekognition")
    created = rekognition.create_project(ProjectName="answers")["ProjectArn"]
    assert created.startswith("arn:aws:rekognition:us-east-1:000000000000:project/answers/")
    with pytest.raises(rekognition.exceptions.ResourceInUseException):
        rekognition.create_project(ProjectName="answers")


def test_an_exception_of_a_function_has_its_name_and_a_cause_in_json(up: Up) -> None:
    caught = [{"ErrorEquals": ["TrainingFailed"], "ResultPath": "$.failed.Train", "Next": "Caught"}]
    retried = [{"ErrorEquals": ["TrainingFailed"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]
    state = {"Type": "Task", "Resource": up.functions["refuse"], "Retry": retried, "Catch": caught, "End": True}
    output = json.loads(up.run(state, {"folder": "images/"})["output"])
    assert output["folder"] == "images/"
    assert output["failed"]["Train"]["Error"] == "TrainingFailed"
    cause = json.loads(output["failed"]["Train"]["Cause"])
    assert cause["errorMessage"] == "no images in images/"
    assert cause["errorType"] == "TrainingFailed"
    assert "handlers.py" in cause["stackTrace"][0]


def test_metrics_that_a_function_logs_are_cloudwatchs_and_ring_its_alarms(up: Up) -> None:
    metrics, alarm = up.client("cloudwatch"), {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    over = {"Threshold": 4.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    metrics.put_metric_alarm(AlarmName="many", Namespace="Shop", MetricName="Sales", **alarm, **over)
    for sales in (3, [1, 2.5]):
        up.client("lambda").invoke(FunctionName="measure", Payload=json.dumps({"sales": sales}))

    def counted(**dimensions: str) -> float:
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        metric = {"Namespace": "Shop", "MetricName": "Sales", "Dimensions": named}
        stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
        now = datetime.now(UTC)
        found = metrics.get_metric_data(
            MetricDataQueries=[{"Id": "sales", "MetricStat": stat}],
            StartTime=now - timedelta(minutes=2),
            EndTime=now + timedelta(minutes=2),
        )
        return float(sum(found["MetricDataResults"][0]["Values"]))

    until(lambda: counted(shop="corner") == 6.5)
    assert counted(shop="corner", till="1") == 6.5
    assert counted(shop="market") == counted(till="1") == 0
    assert metrics.describe_alarms(AlarmNames=["many"])["MetricAlarms"][0]["StateValue"] == "ALARM"


@pytest.mark.parametrize(
    "change",
    [
        {"_aws": None},
        {"_aws": {"CloudWatchMetrics": "none"}},
        {"shop": None},
        {"shop": 7},
        {"Sales": "many"},
        {"Sales": True},
        {"Sales": []},
    ],
)
def test_what_is_not_of_the_embedded_format_is_no_metric(change: dict[str, Any]) -> None:
    told = {"Namespace": "Shop", "Dimensions": [["shop"]], "Metrics": [{"Name": "Sales", "Unit": "Count"}]}
    line = {"_aws": {"Timestamp": 1000, "CloudWatchMetrics": [told]}, "shop": "corner", "Sales": 1}
    assert list(embedded(json.dumps(line))) == [Datum("Shop", "Sales", {"shop": "corner"}, "Count", [1.0], 1.0)]
    assert not list(embedded(json.dumps({**line, **change})))
    assert not list(embedded('{"_aws": '))


def test_a_refused_call_has_the_name_that_aws_gives_it(up: Up) -> None:
    create = {"Type": "Task", "Resource": f"{REKOGNITION}createProject", "InputPath": "$.request", "End": True}
    given = {"request": {"ProjectName": "refused"}}
    assert json.loads(up.run(create, given)["output"])["ProjectArn"]
    failed = up.run(create, given)
    assert failed["error"] == "Rekognition.ResourceInUseException"
    assert "(Service: Rekognition, Status Code: 400, Request ID: " in failed["cause"]


def test_names_of_errors_end_in_exception() -> None:
    assert sdk_error("Rekognition.InternalServerError", "m")[0] == "Rekognition.InternalServerErrorException"
    assert "Status Code: 500" in sdk_error("Rekognition.InternalServerError", "m")[1]
    assert sdk_error("Rekognition.ThrottlingException", "m")[0] == "Rekognition.ThrottlingException"
    assert sdk_error("Rekognition.Strange", "m")[0] == "Rekognition.RekognitionException"


def test_dates_of_results_are_strings(up: Up) -> None:
    up.client("rekognition").create_project(ProjectName="dated")
    names = {"ProjectNames": ["dated"]}
    describe = {"Type": "Task", "Resource": f"{REKOGNITION}describeProjects", "Parameters": names, "End": True}
    described = json.loads(up.run(describe)["output"])["ProjectDescriptions"]
    assert described[0]["CreationTimestamp"].endswith("Z")


def test_null_is_present_and_absent_fails_a_choice(up: Up) -> None:
    present = {"Variable": "$.live.arn", "IsPresent": True, "Next": "Caught"}
    choice = {"Type": "Choice", "Choices": [present]}
    assert up.run(choice, {"live": {"arn": None}})["status"] == "SUCCEEDED"
    assert up.run(choice, {"live": {}})["error"] == "States.NoChoiceMatched"
    compared = {"Type": "Choice", "Choices": [{"Variable": "$.live", "IsNull": True, "Next": "Caught"}]}
    assert up.run(compared, {"live": None})["status"] == "SUCCEEDED"
    assert up.run(compared)["error"] == "States.Runtime"


def test_a_branch_that_fails_ends_the_others_and_is_in_the_history(up: Up) -> None:
    refuse = {"Type": "Task", "Resource": up.functions["refuse"], "End": True}
    wait = {"Type": "Wait", "Seconds": 50, "Next": "Never"}
    parallel = {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Wait", "States": {"Wait": wait, "Never": {"Type": "Pass", "End": True}}},
            {"StartAt": "Refuse", "States": {"Refuse": refuse}},
        ],
        "Catch": [{"ErrorEquals": ["TrainingFailed"], "Next": "Caught"}],
        "End": True,
    }
    result = up.run(parallel)
    assert result["status"] == "SUCCEEDED"
    entered = up.entered(result["executionArn"])
    assert sorted(entered) == ["Caught", "Only", "Refuse", "Wait"]


def test_a_stopped_execution_enters_no_further_state(up: Up) -> None:
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Wait"}]
    sleep = {
        "Type": "Task",
        "Resource": up.functions["sleep"],
        "ResultPath": None,
        "Catch": caught,
        "Next": "Wait",
    }
    states = {"Wait": {"Type": "Wait", "Seconds": 10, "Next": "Sleep"}, "Sleep": sleep}
    execution = up.start({"StartAt": "Wait", "States": states}, {"sleep": 0.1})
    until(lambda: len(up.entered(execution)) > 3)
    up.client("stepfunctions").stop_execution(executionArn=execution, error="Operator", cause="enough")
    entered = len(up.entered(execution))
    time.sleep(1)
    assert len(up.entered(execution)) == entered
    found = up.ended(execution)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Operator", "enough")


def test_a_machine_times_out_and_rules_hear_of_every_end(up: Up) -> None:
    heard = up.machine({"StartAt": "Heard", "States": {"Heard": {"Type": "Pass", "End": True}}}, "heard")
    wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 500, "End": True}}}
    watched = {
        "TIMED_OUT": up.machine({**wait, "TimeoutSeconds": 1}, "times-out"),
        "ABORTED": up.machine(wait, "aborted"),
        "FAILED": up.machine({"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "E"}}}, "fails"),
    }
    detail = {"stateMachineArn": list(watched.values()), "status": list(watched)}
    events, states = up.client("events"), up.client("stepfunctions")
    events.put_rule(Name="ended", EventPattern=json.dumps({"source": ["aws.states"], "detail": detail}))
    events.put_targets(Rule="ended", Targets=[{"Id": "heard", "Arn": heard, "RoleArn": ROLE}])
    for status, machine in watched.items():
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps({"for": status}))["executionArn"]
        if status == "ABORTED":
            states.stop_execution(executionArn=arn)

    def told() -> dict[str, Any]:
        executions = states.list_executions(stateMachineArn=heard)["executions"]
        inputs = [states.describe_execution(executionArn=each["executionArn"])["input"] for each in executions]
        details = [json.loads(text)["detail"] for text in inputs]
        return {each["status"]: json.loads(each["input"]) for each in details}

    expected = {status: {"for": status} for status in watched}
    assert until(lambda: found if (found := told()) == expected else None)


def test_a_slow_function_holds_nobody_up(up: Up) -> None:
    executions = [
        up.start(
            {
                "StartAt": "Sleep",
                "States": {"Sleep": {"Type": "Task", "Resource": up.functions["sleep"], "End": True}},
            },
            {"sleep": 1.5},
        )
        for _ in range(4)
    ]
    rekognition, waited = up.client("rekognition"), []
    while any(
        up.client("stepfunctions").describe_execution(executionArn=e)["status"] == "RUNNING" for e in executions
    ):
        began = time.monotonic()
        rekognition.describe_projects()
        waited.append(time.monotonic() - began)
        time.sleep(0.05)
    assert waited
    assert max(waited) < 1
