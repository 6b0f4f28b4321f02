"""WatchModels and KeepOfficeHours against the Custom Labels service, with a clock of the test's."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from customlabels import leases
from customlabels.errors import Unexpected
from customlabels.watching import GUARD, REST, STOPS, is_known

from tests.conftest import TIMES
from tests.context import CONTEXT
from tests.stack import PROJECT, TEMPLATE, deployed
from tests.templates import defaults

LIMITS = {"IDLE_MINUTES": "30", "MAX_RUNNING_HOURS": "8", "ORPHAN_MINUTES": "15"}


class House:
    """A stack with a model that is live and runs, and the two functions at a time of the test's own."""

    def __init__(self, stack, monkeypatch):
        self.stack, self.at = stack, datetime.now(UTC).replace(microsecond=0)
        self.modules = [stack.modules[name] for name in ("watch_models", "keep_office_hours")]
        for module in self.modules:
            monkeypatch.setattr(module, "now", lambda: self.at)
        train, test = stack.put("train", range(4)), stack.put("test", range(100, 102))
        images = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0}}
        ended = stack.run(images, name="first")
        assert ended.status == "SUCCEEDED", ended
        self.arn = ended.output["projectVersionArn"]
        self.told()

    def told(self):
        """The events and the messages since the last look."""
        return self.stack.published(), self.stack.told()

    def after(self, **length):
        """Let time pass, and look."""
        self.at += timedelta(**length)
        return self.look()

    def look(self):
        return self.modules[0].handler({}, CONTEXT)

    def hours(self, do):
        return self.modules[1].handler({"do": do}, CONTEXT)["done"]

    def requested(self, **before):
        """Let the API count a request some time before now."""
        datum = {
            "MetricName": "Requests",
            "Dimensions": [{"Name": "project", "Value": PROJECT}],
            "Timestamp": self.at - timedelta(**before),
            "Value": 1,
        }
        self.stack.cloud.client("cloudwatch").put_metric_data(Namespace="CustomLabels", MetricData=[datum])

    @property
    def status(self):
        return self.stack.versions()["first"]

    def settle(self):
        """Let a start or a stop come to its end."""
        self.stack.cloud.clock.advance(TIMES.start_seconds)
        return self.status

    def start(self):
        self.stack.rekognition.start_project_version(ProjectVersionArn=self.arn, MinInferenceUnits=1)
        assert self.settle() == "RUNNING"

    def item(self, name):
        return self.stack.table.get_item(Key={"project": PROJECT, "item": name}).get("Item")

    def put(self, name, **values):
        self.stack.table.put_item(Item={"project": PROJECT, "item": name, **values})

    def forget(self, name):
        self.stack.table.delete_item(Key={"project": PROJECT, "item": name})


def refuse():
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "You may not."}}, "Any")


NOTHING = {"stopped": [], "failed": []}


@pytest.fixture(scope="module")
def stack():
    with deployed(TIMES, **LIMITS) as opened:
        yield opened


@pytest.fixture(scope="module")
def built(stack):
    with pytest.MonkeyPatch.context() as patch:
        yield House(stack, patch)


@pytest.fixture
def house(built):
    """The one house, with its model live and running, and nothing known of it."""
    for item in (GUARD, REST, "lock", "lease#batch"):
        built.forget(item)
    built.put("live", projectVersionArn=built.arn, previous=None)
    built.settle()
    if built.status != "RUNNING":
        built.start()
    built.at += timedelta(days=2)
    built.told()
    return built


def test_an_idle_model_is_stopped_and_told_of(house):
    assert house.look() == NOTHING
    began = house.at.isoformat()
    assert house.after(minutes=29) == NOTHING
    assert house.after(minutes=1) == {"stopped": [house.arn], "failed": []}
    assert house.status == "STOPPING"
    (event,), (message,) = house.told()
    assert event == {
        "version": 1,
        "project": PROJECT,
        "projectVersion": "first",
        "projectVersionArn": house.arn,
        "why": "idle",
        "since": began,
        "stopped": True,
    }
    assert message["Subject"] == f"{PROJECT}: first was stopped"
    notes = house.item(GUARD)
    assert notes["seen"] == {}
    assert notes["stops"] == [{"version": "first", "why": "idle", "when": house.at.isoformat()}]
    assert house.look() == NOTHING
    assert house.told() == ([], [])


def test_a_model_with_requests_runs_on_until_it_has_none(house):
    house.look()
    house.at += timedelta(minutes=45)
    house.requested(minutes=29)
    assert house.look() == NOTHING
    assert house.after(minutes=2)["stopped"] == [house.arn]


def test_a_model_is_not_stopped_for_want_of_a_figure(house, monkeypatch):
    house.look()
    once = Config(retries={"total_max_attempts": 1})
    nowhere = boto3.client("cloudwatch", "us-east-1", endpoint_url="http://127.0.0.1:9", config=once)
    monkeypatch.setattr(house.modules[0], "cloudwatch", nowhere)
    assert house.after(hours=7) == NOTHING
    assert house.after(hours=1)["stopped"] == [house.arn]
    assert house.told()[0][0]["why"] == "maximumTime"


def test_who_holds_a_live_model_keeps_it_running(house):
    house.look()
    steps = house.stack.cloud.client("stepfunctions")
    (run,) = steps.list_executions(stateMachineArn=house.stack.train.arn)["executions"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.modules[0], "is_running", lambda _, arn: arn == run["executionArn"])
        house.put("lock", execution=run["executionArn"], since="2026-11-25T00:00:00+00:00")
        assert house.after(hours=9) == NOTHING
    # the real one has ended: it holds the project no longer
    leases.take(house.stack.table, PROJECT, "batch", house.arn, until=house.at + timedelta(hours=1))
    assert house.after(minutes=59) == NOTHING
    assert house.after(minutes=1)["stopped"] == [house.arn]


def test_an_orphan_is_stopped_once_it_was_seen_for_long_enough(house):
    house.forget("live")
    assert house.look() == NOTHING
    house.put("live", projectVersionArn=house.arn, previous=None)
    assert house.after(minutes=14) == NOTHING
    house.forget("live")
    assert house.after(minutes=1) == NOTHING  # seen so anew
    began = house.at.isoformat()
    assert house.after(minutes=14) == NOTHING
    assert house.after(minutes=1)["stopped"] == [house.arn]
    (event,), _ = house.told()
    assert (event["why"], event["since"]) == ("orphan", began)


def test_a_stop_that_fails_is_shouted_and_tried_again(house, capsys):
    house.look()
    capsys.readouterr()
    fault = {"operation": "StopProjectVersion", "error": "AccessDeniedException"}
    house.stack.cloud.service.faults.add(**fault)
    assert house.after(hours=8) == {"stopped": [], "failed": [house.arn]}
    (counted,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "StopFailures" in line]
    (told,) = counted["_aws"]["CloudWatchMetrics"]
    assert (told["Namespace"], told["Dimensions"]) == ("CustomLabels", [["service"]])
    assert (counted["StopFailures"], counted["service"]) == ([1.0], "custom-labels")
    (event,), (message,) = house.told()
    assert event["stopped"] is False
    assert "AccessDeniedException" in message["Message"]
    assert house.after(minutes=5)["stopped"] == [house.arn]
    assert len(house.item(GUARD)["stops"]) == 1


def test_a_project_that_cannot_be_looked_at_hinders_no_other(house, monkeypatch, capsys):
    house.stack.rekognition.create_project(ProjectName=f"{PROJECT}-a")
    house.stack.table.put_item(Item={"project": f"{PROJECT}-a", "item": "run#once"})
    house.look()
    read = house.modules[0].read_notes
    monkeypatch.setattr(
        house.modules[0], "read_notes", lambda table, name: read(table, name) if name == PROJECT else refuse()
    )
    assert house.after(hours=8)["stopped"] == [house.arn]
    assert "StopFailures" in capsys.readouterr().out


def measured(capsys):
    """What was counted of models since the last look at the output: the metrics of each line."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RunningModels" in line]
    for line in lines:
        (told,) = line["_aws"]["CloudWatchMetrics"]
        assert told["Dimensions"] == [["service"], ["service", "project"]]
    return [(line["project"], line["RunningModels"], line["OrphanModels"]) for line in lines]


def test_what_runs_and_what_was_an_orphan_is_counted(house, capsys):
    house.look()
    assert measured(capsys) == [(PROJECT, 1, 0)]
    house.forget("live")
    house.after(minutes=1)
    capsys.readouterr()
    assert house.after(minutes=15)["stopped"] == [house.arn]
    assert measured(capsys) == [(PROJECT, 1, 1)]
    house.after(minutes=30)
    assert measured(capsys) == [], "nothing runs, and nothing is sent"


def test_the_last_stops_only_are_remembered(house):
    former = [
        {"version": str(number), "why": "idle", "when": "2026-11-25T00:00:00+00:00"} for number in range(STOPS)
    ]
    house.put(GUARD, seen={}, stops=former)
    house.look()
    house.after(hours=8)
    stops = house.item(GUARD)["stops"]
    assert [one["version"] for one in stops] == ["first", *(one["version"] for one in former[:-1])]


def test_a_project_without_a_running_model_is_not_written_to(house):
    house.stack.rekognition.stop_project_version(ProjectVersionArn=house.arn)
    assert house.settle() == "STOPPED"
    assert house.look() == NOTHING
    assert house.item(GUARD) is None


def test_office_hours_stop_and_start_the_live_model(house):
    house.look()
    house.at += timedelta(minutes=5)
    assert house.hours("stop") == [house.arn]
    assert house.status == "STOPPING"
    (event,), _ = house.told()
    assert (event["why"], event["stopped"]) == ("officeHours", True)
    assert house.hours("stop") == []
    assert house.settle() == "STOPPED"
    assert house.hours("start") == [house.arn]
    assert house.item(REST) is None
    assert house.hours("start") == []
    assert house.settle() == "RUNNING"


def test_a_model_that_a_request_wakes_runs_on_through_the_night(house):
    house.look()
    house.hours("stop")
    house.settle()
    house.start()  # before any look has found it stopped
    house.requested(minutes=0)
    assert house.after(minutes=5) == NOTHING
    assert house.after(minutes=5) == NOTHING


def test_a_model_that_is_held_at_closing_time_is_stopped_later(house):
    house.look()
    leases.take(house.stack.table, PROJECT, "batch", house.arn, until=house.at + timedelta(minutes=7))
    assert house.hours("stop") == []
    assert house.after(minutes=5) == NOTHING
    assert house.after(minutes=5)["stopped"] == [house.arn]
    (event,), _ = house.told()
    assert event["why"] == "officeHours"


def test_a_model_that_starts_at_closing_time_is_stopped_later(house):
    house.stack.rekognition.stop_project_version(ProjectVersionArn=house.arn)
    house.settle()
    house.stack.rekognition.start_project_version(ProjectVersionArn=house.arn, MinInferenceUnits=1)
    assert house.status == "STARTING"
    assert house.hours("stop") == []
    assert house.settle() == "RUNNING"
    assert house.after(minutes=5)["stopped"] == [house.arn]
    house.settle()
    house.start()
    assert house.after(minutes=5) == NOTHING, "somebody woke it since"


def test_a_project_of_another_stack_is_not_looked_at(house, monkeypatch):
    assert is_known(house.stack.table, PROJECT)
    for item in (GUARD, REST):
        house.stack.table.put_item(Item={"project": "foreign", "item": item})
    assert not is_known(house.stack.table, "foreign")
    house.forget("live")
    monkeypatch.setattr(house.modules[0], "is_known", lambda table, project: False)
    assert house.look() == house.after(minutes=20) == NOTHING


def test_it_starts_on_the_units_that_it_ran_on(house):
    house.stack.rekognition.stop_project_version(ProjectVersionArn=house.arn)
    house.settle()
    units = {"MinInferenceUnits": 2, "MaxInferenceUnits": 3}
    house.stack.rekognition.start_project_version(ProjectVersionArn=house.arn, **units)
    house.settle()
    house.hours("stop")
    house.settle()
    house.hours("stop")  # a second delivery forgets nothing
    house.hours("start")
    assert started_on(house) == units


def test_it_starts_on_the_units_of_the_deployment_where_nobody_knows_the_last(house):
    house.stack.rekognition.stop_project_version(ProjectVersionArn=house.arn)
    house.settle()
    assert house.hours("start") == [house.arn]
    units = {name: int(defaults(TEMPLATE)[name]) for name in ("MinUnits", "MaxUnits")}
    assert started_on(house) == {"MinInferenceUnits": units["MinUnits"], "MaxInferenceUnits": units["MaxUnits"]}


def started_on(house):
    (project,) = house.stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    described = house.stack.rekognition.describe_project_versions(ProjectArn=project["ProjectArn"])
    (found,) = described["ProjectVersionDescriptions"]
    return {key: found.get(key) for key in ("MinInferenceUnits", "MaxInferenceUnits")}


def test_it_leaves_a_start_to_the_run_that_owes_it(house):
    house.hours("stop")
    house.settle()
    house.put(
        "lock",
        execution="arn",
        since="2026-11-25T00:00:00+00:00",
        owes=house.arn,
        owesSince=datetime.now(UTC).isoformat(),
    )
    assert house.hours("start") == []
    assert house.status == "STOPPED"


def test_a_start_that_fails_is_an_error_that_lambda_tries_again(house):
    house.hours("stop")
    house.settle()
    house.stack.cloud.service.faults.add(operation="StartProjectVersion", error="AccessDeniedException")
    with pytest.raises(Unexpected, match=f"start at the office hours' limit failed for project {PROJECT}"):
        house.hours("start")
    assert house.hours("start") == [house.arn]
