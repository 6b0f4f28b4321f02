"""Which running models are stopped, and why, in every case that a look can find."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from customlabels.guarding import PERIOD, Look, Seen, may_be_idle, note, reason, window
from customlabels.settings import Limits
from customlabels.stops import WHY, Ended, Stop, event_of, message_of, subject_of, try_to_stop
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NEVER = timedelta(0)
LIMITS = Limits(idle=timedelta(minutes=30), running=timedelta(hours=8), orphan=timedelta(minutes=15))
ARN = "arn:aws:rekognition:us-east-1:123456789012:project/parts/version/first/1690556751958"


def ago(**length):
    return NOW - timedelta(**length)


def look(running, orphan=None, **found):
    return Look(Seen(running, orphan), **{"live": True, "held": False, **found})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (look(ago(minutes=30), requests=0), "idle"),
        (look(ago(minutes=29), requests=0), None),
        (look(ago(hours=7), requests=1), None),
        (look(ago(hours=7), requests=None), None),
        (look(ago(hours=8), requests=1), "maximumTime"),
        (look(ago(hours=8), requests=None), "maximumTime"),
        (look(ago(hours=1), rest=ago(hours=1), requests=5), "officeHours"),
        (look(ago(minutes=59), rest=ago(hours=1), requests=5), None),
        (look(ago(minutes=20), rest=None), None),
        (look(ago(days=1), requests=0, rest=ago(hours=1), held=True), None),
        (look(ago(days=1), ago(minutes=15), live=False), "orphan"),
        (look(ago(days=1), ago(minutes=14), live=False), None),
        (look(ago(days=1), None, live=False), None),
        (look(ago(days=1), ago(days=1), live=False, held=True), None),
        (look(ago(days=1), None, live=False, requests=0, rest=ago(hours=1)), None),
    ],
)
def test_a_model_is_stopped_for_one_reason_or_left_running(found, expected):
    assert reason(found, LIMITS, NOW) == expected
    assert expected is None or expected in WHY


def test_no_limit_is_the_default_for_a_live_model():
    none = Limits(NEVER, NEVER, LIMITS.orphan)
    assert reason(look(ago(days=400), requests=0), none, NOW) is None
    assert not may_be_idle(look(ago(days=400)), none, NOW)


moments = st.integers(-100_000, 100_000).map(lambda seconds: NOW + timedelta(seconds=seconds))
lengths = st.integers(0, 100_000).map(lambda seconds: timedelta(seconds=seconds))
limits = st.builds(Limits, lengths, lengths, lengths)
looks = st.builds(
    Look,
    st.builds(Seen, moments, st.none() | moments),
    st.booleans(),
    st.booleans(),
    st.none() | moments,
    st.none() | st.integers(0, 3).map(float),
)


@given(looks, limits)
def test_what_is_held_is_never_stopped(found, given_limits):
    assert reason(found._replace(held=True), given_limits, NOW) is None


@given(looks, limits)
def test_a_live_model_within_its_limits_is_never_stopped(found, given_limits):
    why = reason(found._replace(live=True), given_limits, NOW)
    ran = NOW - found.seen.running
    assert why in (None, "idle", "maximumTime", "officeHours")
    if why == "idle":
        assert found.requests == 0
        assert given_limits.idle
        assert ran >= given_limits.idle
    if why == "maximumTime":
        assert given_limits.running
        assert ran >= given_limits.running
    if why == "officeHours":
        assert found.seen.running <= found.rest


@given(looks, limits)
def test_figures_are_asked_for_wherever_they_decide(found, given_limits):
    decides = {reason(found._replace(requests=one), given_limits, NOW) for one in (0.0, 1.0, None)}
    if len(decides) > 1:
        assert may_be_idle(found, given_limits, NOW)
    assert reason(found._replace(requests=1.0), given_limits, NOW) == reason(
        found._replace(requests=None), given_limits, NOW
    )


def test_what_was_seen_is_kept_until_it_is_no_longer_so():
    first = note({}, ["live", "other"], {"other"}, NOW)
    assert first == {"live": Seen(NOW, None), "other": Seen(NOW, NOW)}
    later = NOW + timedelta(minutes=5)
    assert note(first, ["live", "other"], {"other"}, later) == first
    assert note(first, ["other"], set(), later) == {"other": Seen(NOW, None)}
    assert note(note(first, [], set(), later), ["live"], set(), later) == {"live": Seen(later, None)}


@given(st.integers(1, 10**6), st.integers(0, 10**5))
def test_the_window_holds_every_moment_since_which_the_model_must_be_idle(seconds, offset):
    idle, now = timedelta(seconds=seconds), NOW + timedelta(seconds=offset)
    begin, end = window(idle, now)
    assert begin <= now - idle < now < end
    assert (now - idle - begin).total_seconds() < PERIOD
    assert (end - now).total_seconds() <= PERIOD
    assert begin.timestamp() % PERIOD == end.timestamp() % PERIOD == 0


def service(code=None):
    def stop(ProjectVersionArn):  # noqa: N803 - as boto3 names it
        if code:
            raise ClientError({"Error": {"Code": code, "Message": "No."}}, "StopProjectVersion")

    return SimpleNamespace(stop_project_version=stop)


@pytest.mark.parametrize("why", sorted(WHY))
def test_a_stop_is_told_to_people_and_programs(why):
    stop = Stop(ARN, why, NOW.isoformat())
    done, failed = try_to_stop(service(), stop), try_to_stop(service("AccessDeniedException"), stop)
    assert (done, failed) == (Ended(stop, None), Ended(stop, "AccessDeniedException: No."))
    assert event_of(done)["DetailType"] == "Custom Labels Model Stopped"
    assert event_of(failed)["DetailType"] == "Custom Labels Stop Failed"
    assert subject_of(done) == "parts: first was stopped"
    assert WHY[why] in message_of(done)
    assert "cli start first --project parts" in message_of(done)
    assert "AccessDeniedException: No.\n" in message_of(failed)
    assert "runs and bills" in message_of(failed)


@pytest.mark.parametrize("code", ["ResourceInUseException", "ResourceNotFoundException"])
def test_a_stop_that_came_too_late_is_not_told(code):
    assert try_to_stop(service(code), Stop(ARN, "idle", None)) is None
