"""A model that sleeps: what Predict answers, what Wake starts, how often, and what it says.

One model is trained for all of these tests, and runs at the beginning of each.
"""

import base64
import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from customlabels.daily import Daily
from customlabels.models import units_of
from customlabels.refusals import Refusal

from tests.conftest import TIMES
from tests.context import CONTEXT
from tests.images import picture
from tests.stack import BUCKET, PROJECT, TABLE, deployed, start
from tests.templates import defaults, environment

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
APART = timedelta(seconds=30)
LIMIT = int(defaults("inference.yaml")["WakesPerDay"])


@pytest.fixture(scope="module")
def opened():
    """The training stack, with a version that is live."""
    with deployed(TIMES) as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        images = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
        assert stack.run(images, name="first").status == "SUCCEEDED"
        yield stack


@pytest.fixture
def stack(opened):
    """The stack with nothing in its table but which version is live, and that version RUNNING on one unit."""
    keep = [item for item in opened.table.scan()["Items"] if item["item"] == "live"]
    yield opened
    opened.cloud.service.faults.clear()
    for item in opened.table.scan()["Items"]:
        opened.table.delete_item(Key={"project": item["project"], "item": item["item"]})
    for item in keep:
        opened.table.put_item(Item=item)
    pass_time(opened)
    if opened.running():
        stop(opened, keep[0]["projectVersionArn"])
    opened.rekognition.start_project_version(ProjectVersionArn=keep[0]["projectVersionArn"], MinInferenceUnits=1)
    pass_time(opened)


@pytest.fixture
def live(stack):
    """The ARN of the live version, which runs."""
    return stack.live["projectVersionArn"]


def started(**parameters):
    """The function as its template deploys it."""
    given = {"StateTableName": TABLE, "DataBucketName": BUCKET, **parameters}
    return start("wake", environment("inference.yaml", "Wake", given))


def pass_time(stack):
    """Let what is starting or stopping come to its end."""
    stack.cloud.clock.advance(100)


def stop(stack, arn):
    stack.rekognition.stop_project_version(ProjectVersionArn=arn)
    pass_time(stack)
    assert stack.versions()["first"] == "STOPPED"


def wake(function):
    answer = function.handler({}, CONTEXT)
    return answer["status"], answer["why"], answer["wakesLeft"]


def rest(stack):
    """Let so much time pass, by the day's own note, that another wake counts."""
    key = {"project": PROJECT, "item": f"wakes#{datetime.now(UTC):%Y-%m-%d}"}
    before = (datetime.now(UTC) - APART).isoformat(timespec="seconds")
    stack.table.update_item(
        Key=key,
        UpdateExpression="SET #at = :before",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues={":before": before},
    )


def test_a_model_that_runs_is_left_alone(stack, live):
    assert wake(started()) == ("RUNNING", None, LIMIT)


def test_a_model_that_sleeps_is_started(stack, live):
    stop(stack, live)
    function = started()
    assert wake(function) == ("STARTING", None, LIMIT - 1)
    assert wake(function) == ("STARTING", None, LIMIT - 1), "it is on its way"
    pass_time(stack)
    assert wake(function) == ("RUNNING", None, LIMIT - 1)


@pytest.mark.parametrize(
    "told", [{"MinInferenceUnits": 1}, {"MinInferenceUnits": 2}, {"MinInferenceUnits": 2, "MaxInferenceUnits": 3}]
)
def test_it_is_started_on_the_units_that_it_ran_on(told):
    assert units_of({**told, "Status": "STOPPED"}, {"MinInferenceUnits": 5}) == told
    assert units_of({"Status": "STOPPED"}, told) == told
    assert units_of({"Status": "STOPPED"}, {}) == {"MinInferenceUnits": 1}


def test_a_day_has_so_many_wakes_and_no_more(stack, live):
    function = started(WakesPerDay="2")
    for remaining in (1, 0):
        stop(stack, live)
        assert wake(function) == ("STARTING", None, remaining)
        rest(stack)
        pass_time(stack)
        assert stack.running() == ["first"]
    stop(stack, live)
    assert wake(function) == ("ASLEEP", "It was started 2 times today already, which is the limit.", 0)
    assert stack.running() == []


def test_a_model_that_is_being_stopped_is_not_woken_yet(stack, live):
    stack.rekognition.stop_project_version(ProjectVersionArn=live)
    status, why, remaining = wake(started())
    assert (status, remaining) == ("ASLEEP", LIMIT)
    assert why == "Version first is just being stopped, and can be started in some minutes."


def test_a_model_that_a_run_has_stopped_for_a_switch_is_left_to_the_run(stack, live):
    stop(stack, live)
    item = {"project": PROJECT, "item": "lock", "execution": "arn:run", "since": "2026-11-22T10:00:00Z"}
    now = datetime.now(UTC)
    stack.table.put_item(Item={**item, "owes": live, "owesSince": now.isoformat()})
    status, why, remaining = wake(started())
    assert (status, remaining) == ("STARTING", LIMIT)
    assert "make room" in why
    assert stack.running() == []
    old = (now - timedelta(hours=3)).isoformat()
    stack.table.put_item(Item={**item, "owes": live, "owesSince": old})
    assert wake(started())[::2] == ("STARTING", LIMIT - 1), "the run has ended, and nobody has cleaned up after it"
    assert stack.running() == ["first"]


def test_without_a_live_model_nothing_is_started(stack, live):
    stop(stack, live)
    stack.table.delete_item(Key={"project": PROJECT, "item": "live"})
    assert wake(started()) == ("ASLEEP", "No version of the project is live.", LIMIT)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("ResourceInUseException", ("STARTING", None, LIMIT)),
        ("LimitExceededException", ("ASLEEP", "A quota of the account lets no more models run.", LIMIT)),
    ],
)
def test_a_start_that_is_refused_is_told(stack, live, error, expected):
    stop(stack, live)
    function = started()
    stack.cloud.service.faults.add("StartProjectVersion", error, call=None)
    assert wake(function) == expected


def test_any_other_refusal_is_an_error_of_the_function(stack, live):
    stop(stack, live)
    function = started()
    stack.cloud.service.faults.add("StartProjectVersion", "AccessDeniedException", call=None)
    with pytest.raises(function.ClientError, match="AccessDenied"):
        function.handler({}, CONTEXT)


def daily(stack, most, apart=None, partition="parts"):
    return Daily(stack.table, partition, "wakes#", most, apart)


def test_requests_that_come_together_are_one_wake(stack):
    wakes = daily(stack, 5, APART)
    assert [wakes.claim(NOW + timedelta(seconds=n)) for n in range(3)] == ["granted", "recent", "recent"]
    assert wakes.left(NOW) == 4
    assert wakes.claim(NOW + APART) == "granted"
    assert daily(stack, 5, APART, "other").left(NOW) == 5


def test_without_a_distance_each_one_counts_whatever_the_clocks_say(stack):
    counts = daily(stack, 2)
    assert [counts.claim(NOW - timedelta(seconds=n)) for n in range(3)] == ["granted", "granted", "used up"]
    counts.give_back(NOW)
    assert counts.claim(NOW) == "granted"


def test_the_count_begins_anew_each_day_and_old_counts_are_deleted(stack):
    wakes = daily(stack, 1, APART)
    for day in range(4):
        assert wakes.claim(NOW + timedelta(days=day)) == "granted"
        assert wakes.claim(NOW + timedelta(days=day, minutes=1)) == "used up"
    kept = sorted(item["item"] for item in stack.table.scan()["Items"] if item["project"] == "parts")
    assert kept == ["wakes#2026-11-24", "wakes#2026-11-25"]


# --- what Predict answers ---------------------------------------------------------------------------------


class Wakes:
    """Stands for Lambda's client, and answers as the function Wake would: with a value, or by raising it."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def invoke(self, **asked):
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Payload": io.BytesIO(json.dumps(answer).encode())} if "status" in answer else answer


def started_predict(**parameters):
    given = {"StateTableName": TABLE, "DataBucketName": BUCKET, **parameters}
    return start("predict", environment("inference.yaml", "Predict", given))


def ask(predict):
    body = base64.b64encode(picture("down", 500)).decode()
    request = {"headers": {"Content-Type": "text/plain"}, "body": body, "requestContext": {"requestId": "gateway"}}
    answer = predict.handler(request, None)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


@pytest.fixture
def waking(stack, live):
    """Gives Predict where requests may wake the model, which is asleep; call it with what Wake answers."""
    predict = started_predict(WakeOnRequest="ENABLED", Wake="wake")
    stop(stack, live)
    create = predict.session.create_client

    def answering(*answers):
        wakes = Wakes(*answers)
        predict.session.create_client = lambda name, **options: (
            wakes if name == "lambda" else create(name, **options)
        )
        return predict, wakes

    return answering


STARTING = {"status": "STARTING", "why": None, "wakesLeft": 9}


def test_a_model_that_sleeps_is_woken_and_the_client_asked_to_wait(waking):
    predict, wakes = waking(STARTING)
    status, body, headers = ask(predict)
    assert (status, body["code"], headers["Retry-After"]) == (503, "ModelStarting", "60")
    (asked,) = wakes.asked
    assert asked["FunctionName"] == "wake"
    assert json.loads(asked["Payload"]) == {"request_id": "gateway", "correlation_id": "gateway"}


def test_a_model_that_is_not_woken_is_told_with_the_reason(waking):
    predict, _ = waking({"status": "ASLEEP", "why": "Its nap is not over.", "wakesLeft": 0})
    status, body, headers = ask(predict)
    assert (status, body["code"], headers["Retry-After"]) == (503, "ModelNotRunning", "300")
    assert body["message"].endswith("not started now. Its nap is not over.")


def test_a_model_that_has_come_up_meanwhile_is_worth_another_try_soon(waking):
    predict, _ = waking({"status": "RUNNING", "why": None, "wakesLeft": 9})
    status, body, headers = ask(predict)
    assert (status, body["code"], headers["Retry-After"]) == (503, "ModelStarting", "5")


def test_wake_is_asked_once_in_a_while_whatever_it_says(waking, monkeypatch):
    predict, wakes = waking(STARTING, {"status": "ASLEEP", "why": "It is late.", "wakesLeft": 0})
    assert [ask(predict)[1]["code"] for _ in range(3)] == ["ModelStarting"] * 3
    assert len(wakes.asked) == 1
    monkeypatch.setattr("customlabels.waking.AGAIN", 0)
    assert ask(predict)[1]["code"] == "ModelNotRunning"
    assert len(wakes.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        ConnectTimeoutError(endpoint_url="https://lambda"),
        ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "No."}}, "Invoke"),
        {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"{}")},
        {"Payload": io.BytesIO(b"nothing")},
        {"Payload": io.BytesIO(b"{}")},
        {"Payload": io.BytesIO(b"[]")},
    ],
)
def test_a_wake_up_that_fails_is_a_503(waking, answer, capsys):
    predict, wakes = waking(answer)
    status, body, headers = ask(predict)
    assert (status, body["code"]) == (503, "ModelNotRunning")
    assert "could not be started" in body["message"]
    assert headers["Retry-After"]
    assert "Wake gave no answer" in capsys.readouterr().out
    ask(predict)
    assert len(wakes.asked) == 1, "a function that fails is not asked at once again"


def test_nobody_is_woken_where_no_model_is_live_or_it_is_gone(waking, stack):
    predict, wakes = waking(STARTING)
    stack.cloud.service.faults.add("DetectCustomLabels", "ResourceNotFoundException", call=None)
    assert ask(predict)[1]["code"] == "ModelNotRunning"
    stack.table.delete_item(Key={"project": PROJECT, "item": "live"})
    predict._live = (0.0, None)
    assert ask(predict)[1]["message"] == predict.NOT_LIVE.message
    assert wakes.asked == []


def test_nothing_is_woken_nor_loaded_unless_it_was_asked_for(stack, live):
    sys.modules.pop("customlabels.waking", None)
    predict = started_predict()
    assert predict.settings.wake_function == ""
    assert ask(predict)[0] == 200
    stop(stack, live)
    assert ask(predict)[1] == predict.ASLEEP.body
    assert "customlabels.waking" not in sys.modules


def test_an_answer_that_requests_share_holds_none_of_them(waking):
    predict, _ = waking(STARTING)
    for _ in range(3):
        assert ask(predict)[0] == 503
    shared = [value for value in (*vars(predict).values(), predict._waker.ask()) if isinstance(value, Refusal)]
    assert len(shared) > 5
    assert [of.code for of in shared if of.__traceback__ or of.__context__] == []
