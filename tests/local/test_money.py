"""What stops running models on the local cloud, each shown with short times: by the schedules and by a call."""

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from local import demo, samples
from tests.local.conftest import wait_until
from tests.rounds import takes_long
from tests.templates import defaults

pytestmark = takes_long("schedules fire once a minute")

SECONDS = 15  # that a model may run at the most
SHORT = {"WatchExpression": "rate(1 minute)", "IdleMinutes": "0.1", "OrphanMinutes": "0.05"}


def say(text):
    """Shown by `pytest -s`."""
    sys.stdout.write(f"{text}\n")


@pytest.fixture(scope="module")
def told(deployed):
    """What the stack tells programs and people, from now on: a function that gives what has come since."""
    queues = deployed.cloud.client("sqs")
    queue = queues.create_queue(QueueName="money")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = deployed.training.output("TopicArn")
    subscribed = deployed.cloud.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    events = deployed.cloud.client("events")
    events.put_rule(Name="money", EventPattern=json.dumps({"source": ["custom-labels"]}))
    events.put_targets(Rule="money", Targets=[{"Id": "queue", "Arn": arn}])

    def received():
        found = []
        while messages := queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield received
    deployed.cloud.client("sns").unsubscribe(SubscriptionArn=subscribed)
    events.remove_targets(Rule="money", Ids=["queue"])
    events.delete_rule(Name="money")


@pytest.fixture(scope="module")
def other(deployed, trained):
    """A second project of the family, whose model runs; when all is over, everything is as it was before."""
    project = f"{deployed.project}-money"
    given = {"project": project, "gate": {"minimum": 0}, **demo.sources(deployed.bucket, deployed.project)}
    ended = deployed.run("money", given)
    assert ended["status"] == "SUCCEEDED", ended
    yield project
    with demo.alone():  # a parameter that is left out would stay as it is
        demo.deploy_stack("default", deployed.port, {name: defaults("template.yaml")[name] for name in SHORT})
    for name, status in deployed.versions(project).items():
        if status in ("RUNNING", "STARTING"):
            deployed.stop(arn_of(deployed, project, name))
    make_run(deployed)


def arn_of(deployed, project, name):
    rekognition = deployed.cloud.client("rekognition")
    (found,) = rekognition.describe_projects(ProjectNames=[project])["ProjectDescriptions"]
    versions = rekognition.describe_project_versions(ProjectArn=found["ProjectArn"], VersionNames=[name])
    return versions["ProjectVersionDescriptions"][0]["ProjectVersionArn"]


def make_run(deployed):
    """Start the live model of the default project unless it runs, and wait until it does."""
    live = deployed.live()
    wait_until(lambda: deployed.versions()[live] in ("RUNNING", "STOPPED", "TRAINING_COMPLETED"))
    if deployed.versions()[live] != "RUNNING":
        deployed.cloud.client("rekognition").start_project_version(
            ProjectVersionArn=deployed.arn(), MinInferenceUnits=1
        )
    wait_until(lambda: deployed.versions()[live] == "RUNNING")
    return live


def function(deployed, name):
    """The name of a deployed function, by its logical id."""
    stack = deployed.training.output("StateMachineArn").rsplit(":", 1)[-1].removesuffix("-train")
    resource = deployed.cloud.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=name
    )
    return resource["StackResourceDetail"]["PhysicalResourceId"]


def watch(deployed):
    """Call the deployed WatchModels as its schedule does, and give its answer."""
    answer = deployed.cloud.client("lambda").invoke(FunctionName=function(deployed, "WatchModels"), Payload=b"{}")
    body = json.load(answer["Payload"])
    assert "FunctionError" not in answer, body
    return body


@contextmanager
def variables(deployed, name, **values):
    """A deployed function with some variables of its environment changed, which is quicker than to deploy."""
    functions, found = deployed.cloud.client("lambda"), function(deployed, name)
    before = functions.get_function_configuration(FunctionName=found)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=found, Environment={"Variables": {**before, **values}})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=found, Environment={"Variables": before})


@contextmanager
def soon(deployed, name):
    """A deployed schedule, by its logical id, that is on and comes once, in a moment."""
    schedules = deployed.cloud.client("scheduler")
    (found,) = [one["Name"] for one in schedules.list_schedules()["Schedules"] if f"-{name}-" in one["Name"]]
    got = schedules.get_schedule(Name=found)
    before = {key: got[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "State", "Target")}
    at = datetime.now(UTC) + timedelta(seconds=2)
    expression = f"at({at:%Y-%m-%dT%H:%M:%S})"
    schedules.update_schedule(**{**before, "State": "ENABLED", "ScheduleExpression": expression})
    try:
        yield
    finally:
        schedules.update_schedule(**before)


def counted(deployed):
    """The requests of the last minutes that CloudWatch knows of the default project."""
    metric = {
        "Namespace": "CustomLabels",
        "MetricName": "Requests",
        "Dimensions": [{"Name": "project", "Value": deployed.project}],
    }
    asked = {"Id": "requests", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    now = datetime.now(UTC)
    found = deployed.cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=[asked], StartTime=now - timedelta(minutes=30), EndTime=now + timedelta(minutes=1)
    )
    return sum(found["MetricDataResults"][0]["Values"])


def state(deployed, project, item):
    """Table and key of an item of the state table."""
    key = {"project": {"S": project}, "item": {"S": item}}
    return {"TableName": deployed.training.output("StateTableName"), "Key": key}


def by_kind(found):
    """The events' details by project, and the messages' subjects."""
    events = {one["detail"]["project"]: one["detail"] for one in found if "detail" in one}
    return events, sorted(one["Subject"] for one in found if one.get("Type") == "Notification")


def test_the_schedule_stops_an_idle_model_and_an_orphan(deployed, other, told):
    live, before = make_run(deployed), counted(deployed)
    image = samples.unseen(deployed.samples, "3").read_bytes()
    assert deployed.ask("/predictions", image)[0] == 200
    wait_until(lambda: counted(deployed) > before, 10)
    told()  # before it is deployed: the first look may come before sam has ended
    with demo.alone():
        demo.deploy_stack("default", deployed.port, SHORT)
    deployed.cloud.client("dynamodb").delete_item(**state(deployed, other, "live"))
    _, orphan = wait_until(lambda: deployed.versions(other)["money"] in ("STOPPING", "STOPPED"), 150)
    _, idle = wait_until(lambda: deployed.versions()[live] in ("STOPPING", "STOPPED"), 90)
    say(f"orphan stopped {orphan:.0f} s after the deployment, the idle model {idle:.0f} s later")
    found = []
    wait_until(lambda: found.extend(told()) or len(found) >= 4, 10)
    events, subjects = by_kind(found)
    assert {project: of["why"] for project, of in events.items()} == {deployed.project: "idle", other: "orphan"}
    assert all(of["stopped"] for of in events.values())
    assert subjects == sorted([f"{deployed.project}: {live} was stopped", f"{other}: money was stopped"])
    # The API says when to come again; no call is lost to somebody who waits.
    status, body, headers = deployed.ask("/predictions", image)
    assert (status, body["code"]) == (503, "ModelNotRunning")
    assert headers["Retry-After"]


def test_a_model_with_requests_is_stopped_at_its_maximum_time(deployed, other, told):
    live = make_run(deployed)
    image = samples.unseen(deployed.samples, "3").read_bytes()

    def look():
        assert deployed.ask("/predictions", image)[0] == 200  # never idle
        return watch(deployed)["stopped"]

    with variables(deployed, "WatchModels", MAX_RUNNING_HOURS=str(SECONDS / 3600)):
        deployed.cloud.client("dynamodb").delete_item(**state(deployed, deployed.project, "guard"))
        told()
        assert look() == []
        stopped, ran = wait_until(look, 60)
    say(f"stopped at the maximum time, {ran:.0f} s after it was first seen")
    assert ran > SECONDS - 5
    assert [arn.split("/")[3] for arn in stopped] == [live]
    assert by_kind(told())[0][deployed.project]["why"] == "maximumTime"


def test_office_hours_close_and_open(deployed, other, told):
    live = make_run(deployed)
    told()
    with soon(deployed, "KeepOfficeHoursClose"):
        _, closed = wait_until(lambda: deployed.versions()[live] in ("STOPPING", "STOPPED"))
    assert watch(deployed) == {"stopped": [], "failed": []}
    wait_until(lambda: deployed.versions()[live] == "STOPPED")
    with soon(deployed, "KeepOfficeHoursOpen"):
        _, opened = wait_until(lambda: deployed.versions()[live] == "RUNNING")
    say(f"closed after {closed:.0f} s, open after {opened:.0f} s")
    assert by_kind(told())[0][deployed.project]["why"] == "officeHours"
