"""Each verdict of the gate, and each reason against a model, in a whole run."""

from itertools import count
from types import SimpleNamespace

import pytest
from customlabels.measuring import SECONDS


@pytest.fixture
def stack(emptied):
    return emptied


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ({"minimum": 1.0}, "f1 0."),
        ({"metric": "precision", "minimum": 1.0}, "precision 0."),
        ({"minimum": 0.0, "perLabelMinimum": 1.0}, "of label 'down' is below 1.0"),
        ({"minimum": 0.0, "minimumTestImages": 500}, "12 test images are fewer than the minimum 500"),
    ],
)
def test_a_model_is_refused_for_each_reason(stack, images, gate, reason):
    mislabelled(stack)
    result = stack.run({**images, "gate": gate})
    assert (result.status, result.error) == ("FAILED", "ModelRejected"), result.cause
    assert reason in result.cause
    assert "StartModel" not in result.states
    assert stack.running() == []
    (record,) = stack.records()
    assert record["verdict"]["accepted"] is False
    assert record["report"].endswith("/index.html"), "a refused model is reported on too"


def test_every_reason_is_told(stack, images):
    mislabelled(stack)
    gate = {"minimum": 1.0, "perLabelMinimum": 1.0, "minimumTestImages": 500}
    result = stack.run({**images, "gate": gate})
    for words in ("is below the minimum 1.0", "fewer than the minimum 500", "of label 'down' is below 1.0"):
        assert words in result.cause


def test_a_model_that_falls_below_the_live_one_is_refused(stack, images):
    stack.run(images, name="good")
    for number in range(8):  # the labels of the training images, swapped
        for one, other in (("across", "down"), ("down", "checks"), ("checks", "across")):
            stack.put_as(one, f"train/{other}/{number}.png", number)
    result = stack.run({**images, "gate": {"minimum": 0.0, "maxRegression": 0.02}}, name="worse")
    assert result.error == "ModelRejected"
    assert "0.02" in result.cause
    newest = stack.records()[0]["verdict"]
    assert newest["comparison"] == "same test images"
    assert (newest["championVersion"], newest["champion"] > newest["value"]) == ("good", True)
    assert stack.running() == ["good"]
    tolerant = {"minimum": 0.0, "maxRegression": 1.0}
    assert stack.run({**images, "gate": tolerant}, name="tolerated").output["version"] == "worse"


def test_a_live_model_that_was_tested_on_other_images_is_measured_again(stack, images, monkeypatch):
    clock = count(0, SECONDS * 3 // 4)  # at the second look a slice is over
    monkeypatch.setattr("customlabels.measuring.time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr("customlabels.measuring.BATCH", 8)
    stack.run(images, name="first")
    other = {**images, "testing": {"folder": stack.put("test2", range(200, 206))}}
    second = stack.run({**other, "refresh": {"testing": "replace"}}, name="second")
    assert "MeasureChampion" in second.states
    verdict = second.output["verdict"]
    assert (verdict["comparison"], verdict["championVersion"]) == ("measured again", "first")
    assert verdict["note"] == "measured again on 18 of 18 test images and 3 labels"
    assert second.states.count("MeasureChampion") > 1
    third = stack.run({**other, "force": True}, name="third")
    assert "MeasureChampion" not in third.states
    assert third.output["verdict"]["comparison"] == "same test images"


def test_a_live_model_that_does_not_run_is_not_comparable(stack, images):
    first = stack.run(images, name="first").output
    stack.rekognition.stop_project_version(ProjectVersionArn=first["projectVersionArn"])
    stack.cloud.clock.advance(60)
    other = {**images, "testing": {"folder": stack.put("test2", range(200, 204))}}
    second = stack.run({**other, "refresh": {"testing": "replace"}}, name="second")
    assert second.status == "SUCCEEDED", second.cause
    assert second.output["verdict"]["comparison"] == "not comparable"
    assert second.output["verdict"]["champion"] is None


def test_a_live_model_that_cannot_be_measured_is_not_comparable(first):
    stack, images, _ = first
    other = {**images, "testing": {"folder": stack.put("test2", range(200, 204))}}
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(stack.modules["measure_champion"], "handler")
        second = stack.run({**other, "refresh": {"testing": "replace"}}, name="second")
    assert second.status == "SUCCEEDED", second.cause
    assert {"NotMeasured", "Promote"} <= set(second.states)
    assert second.output["verdict"]["comparison"] == "not comparable"


def test_a_run_does_not_fail_for_want_of_its_report(stack, images):
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(stack.modules["report"], "handler")
        result = stack.run(images)
    assert result.status == "SUCCEEDED", result.cause
    assert "NoReport" in result.states
    assert result.output["report"] is None


def test_an_event_tells_how_a_run_ended(stack, images):
    stack.run(images, name="first")
    stack.run({**images, "gate": {"minimumTestImages": 500}, "force": True}, name="refused")
    promoted, refused = stack.published()
    assert (promoted["outcome"], promoted["accepted"], promoted["error"]) == ("promoted", True, None)
    assert promoted["report"].endswith("/first/index.html")
    assert (refused["outcome"], refused["accepted"], refused["error"]) == ("failed", False, "ModelRejected")
    assert refused["reasons"] == ["9 test images are fewer than the minimum 500"]


def mislabelled(stack):
    """Let the test set say that some pictures of one label are of another, so that no model is right on all."""
    for number in range(100, 103):
        stack.put_as("across", f"test/down/wrong-{number}.png", number)
