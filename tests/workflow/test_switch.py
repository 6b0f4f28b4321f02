"""The switch: from the start of an accepted model to the stop of the one before, and back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from customlabels.leases import take

from local.rekognition.service import OPERATIONS
from tests.conftest import TIMES
from tests.stack import PROJECT, deployed

AGAIN = {"force": True}  # the pictures are the same in each run
IN_PLACE = {"strategy": "in-place"}


def name_of(arn):
    return arn and arn.split("/")[3]


def live(stack):
    """Names of the live version and of the one before."""
    return stack.live and (name_of(stack.live["projectVersionArn"]), name_of(stack.live["previous"]))


def detections(monkeypatch, *, wrong=None):
    """The ARNs that are asked, as they come; the version named `wrong` answers what no picture shows."""
    real, asked = OPERATIONS["DetectCustomLabels"], []

    def detect(call, request):
        asked.append(request["ProjectVersionArn"])
        found = real(call, request)
        if name_of(request["ProjectVersionArn"]) == wrong:
            found["CustomLabels"] = [{"Name": "none", "Confidence": 99.0}]
        return found

    monkeypatch.setitem(OPERATIONS, "DetectCustomLabels", detect)
    return asked


def test_a_started_model_is_asked_before_it_goes_live(stack, images, monkeypatch):
    asked = detections(monkeypatch)
    result = stack.run(images, name="first")
    assert result.states.index("SmokeTest") < result.states.index("Promote")
    assert asked == [result.output["projectVersionArn"]] * 5


def test_a_model_that_answers_otherwise_than_it_was_evaluated_never_goes_live(stack, images, monkeypatch):
    stack.run(images, name="good")
    detections(monkeypatch, wrong="bad")
    result = stack.run({**images, **AGAIN}, name="bad")
    assert (result.status, result.error) == ("FAILED", "SmokeTestFailed"), result.cause
    assert "over 5 of its test images" in result.cause
    assert "its f1 is 0.0000 now, below 0.6, which it had reached on them before" in result.cause
    assert stack.versions() == {"bad": "STOPPED", "good": "RUNNING"}
    assert live(stack) == ("good", None)


def test_no_smoke_test_is_made_where_none_is_wanted(stack, images, monkeypatch):
    detections(monkeypatch, wrong="first")
    result = stack.run({**images, "model": {"smokeImages": 0}}, name="first")
    assert result.status == "SUCCEEDED", result.cause


def test_a_model_that_is_busy_is_asked_again(stack, images):
    for call in (1, 2):
        stack.cloud.service.faults.add("DetectCustomLabels", "ProvisionedThroughputExceededException", call=call)
    result = stack.run(images, name="first")
    assert result.status == "SUCCEEDED", result.cause


def test_in_place_the_old_one_stops_first(stack, images):
    stack.run(images, name="first")
    result = stack.run({**images, **AGAIN, "model": IN_PLACE}, name="second")
    assert result.status == "SUCCEEDED", result.cause
    assert result.states.index("StopLive") < result.states.index("StartModel")
    assert "WaitForRoom" in result.states
    assert "StartLive" not in result.states
    assert stack.versions() == {"second": "RUNNING", "first": "STOPPED"}
    assert live(stack) == ("second", "first")
    assert stack.lock is None


def test_in_place_one_slot_is_enough():
    with deployed(
        replace(TIMES, running_models_quota=1, stopping_counts_as_running=True), RUNNING_MODEL_QUOTA="1"
    ) as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
        stack.run(given, name="first")
        refused = stack.run({**given, **AGAIN}, name="second")
        assert refused.error == "QuotaExceeded", refused.cause
        result = stack.run({**given, **AGAIN, "model": IN_PLACE}, name="third")
        assert result.status == "SUCCEEDED", result.cause
        assert live(stack) == ("third", "first")


def test_in_place_the_old_one_runs_again_if_the_new_one_fails(stack, images):
    stack.run(images, name="good")
    stack.cloud.service.faults.start("No capacity.")
    result = stack.run({**images, **AGAIN, "model": IN_PLACE}, name="bad")
    assert (result.status, result.error) == ("FAILED", "StartFailed"), result.cause
    assert "The live model good, which had made room, runs again." in result.cause
    assert stack.versions() == {"bad": "FAILED", "good": "RUNNING"}
    assert live(stack) == ("good", None)
    assert stack.lock is None


def test_in_place_the_old_one_runs_again_on_its_units(stack, images):
    stack.run({**images, "model": {"minUnits": 2, "maxUnits": 3}}, name="good")
    stack.cloud.service.faults.start("No capacity.")
    stack.run({**images, **AGAIN, "model": IN_PLACE}, name="bad")
    assert stack.running() == ["good"]
    (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    found = stack.rekognition.describe_project_versions(ProjectArn=project["ProjectArn"], VersionNames=["good"])
    (good,) = found["ProjectVersionDescriptions"]
    assert (good["MinInferenceUnits"], good["MaxInferenceUnits"]) == (2, 3)


def test_in_place_it_is_said_that_the_old_one_does_not_run_again(stack, images, capfd):
    stack.run(images, name="good")
    for _ in range(6):
        stack.cloud.service.faults.start("No capacity.")
    result = stack.run({**images, **AGAIN, "model": IN_PLACE}, name="bad")
    assert result.error == "StartFailed"
    assert "The live model good could not be started again and is FAILED: no client is answered." in result.cause
    assert '"RestartFailures"' in capfd.readouterr().out
    assert live(stack) == ("good", None)


def test_in_place_a_sleeping_model_is_left_asleep(stack, images):
    first = stack.run(images, name="first").output
    stack.rekognition.stop_project_version(ProjectVersionArn=first["projectVersionArn"])
    stack.cloud.clock.advance(60)
    stack.cloud.service.faults.start("No capacity.")
    result = stack.run({**images, **AGAIN, "model": IN_PLACE}, name="bad")
    assert result.error == "StartFailed", result.cause
    assert stack.running() == []
    assert live(stack) == ("first", None)


def test_a_leased_model_is_not_stopped_by_a_switch(stack, images):
    first = stack.run(images, name="first").output
    until = datetime(2999, 1, 1, tzinfo=UTC)
    take(stack.table, PROJECT, "batch-1", first["projectVersionArn"], until=until)
    result = stack.run({**images, **AGAIN}, name="second")
    assert result.status == "SUCCEEDED", result.cause
    assert result.output["reason"] == "Version first still runs for batch-1, and is stopped once that has ended."
    assert stack.versions() == {"second": "RUNNING", "first": "RUNNING"}
    assert live(stack) == ("second", "first")


def test_in_place_waits_for_a_lease_and_gives_up_with_the_live_model_running():
    with deployed(TIMES, MODEL_START_MINUTES="2") as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
        first = stack.run(given, name="first").output
        until = datetime(2999, 1, 1, tzinfo=UTC)
        take(stack.table, PROJECT, "batch-1", first["projectVersionArn"], until=until)
        result = stack.run({**given, **AGAIN, "model": IN_PLACE}, name="second")
        assert (result.status, result.error) == ("FAILED", "SwitchFailed"), result.cause
        assert "leased by batch-1" in result.cause
        assert stack.running() == ["first"]


@pytest.mark.parametrize("strategy", ["blue-green", "in-place"])
def test_a_model_that_is_only_tested_leaves_what_was_live(stack, images, strategy):
    stack.run(images, name="first")
    model = {"keepRunning": False, "strategy": strategy}
    result = stack.run({**images, **AGAIN, "model": model}, name="second")
    assert result.status == "SUCCEEDED", result.cause
    assert (result.output["outcome"], result.output["version"]) == ("tested", "second")
    assert "Promote" not in result.states
    assert ("StartLive" in result.states) == (strategy == "in-place")
    assert stack.versions() == {"second": "STOPPED", "first": "RUNNING"}
    assert live(stack) == ("first", None)
    assert stack.lock is None


def test_a_model_that_is_only_tested_goes_live_where_none_is(stack, images):
    result = stack.run({**images, "model": {"keepRunning": False}}, name="first")
    assert result.status == "SUCCEEDED", result.cause
    assert result.output["outcome"] == "tested"
    assert stack.versions() == {"first": "STOPPED"}
    assert live(stack) == ("first", None)


@pytest.mark.parametrize("strategy", ["blue-green", "in-place"])
def test_back_to_the_previous_model_and_forth_again(stack, images, strategy):
    stack.run(images, name="first")
    stack.run({**images, **AGAIN}, name="second")
    back = stack.run({"switchTo": "previous", "model": {"strategy": strategy}}, name="back")
    assert back.status == "SUCCEEDED", back.cause
    assert (back.output["outcome"], back.output["version"]) == ("switched", "first")
    assert name_of(back.output["previous"]) == "second"
    assert back.output["cost"] == {"trainingSeconds": 0, "inferenceUnits": 1}
    assert not {"TrainModel", "Evaluate", "PrepareTestDataset"} & set(back.states)
    assert {"SmokeTest", "Promote"} <= set(back.states)
    assert stack.versions() == {"second": "STOPPED", "first": "RUNNING"}
    assert live(stack) == ("first", "second")
    stack.run({"switchTo": "second", "model": {"strategy": strategy}}, name="forth")
    assert live(stack) == ("second", "first")
    assert stack.running() == ["second"]
    assert [record["outcome"] for record in stack.records()] == ["switched", "switched", "promoted", "promoted"]


def test_a_switch_to_the_live_model_wakes_it(stack, images):
    stack.run(images, name="first")
    second = stack.run({**images, **AGAIN}, name="second").output
    stack.rekognition.stop_project_version(ProjectVersionArn=second["projectVersionArn"])
    stack.cloud.clock.advance(60)
    result = stack.run({"switchTo": "second", "model": IN_PLACE}, name="wake")
    assert result.status == "SUCCEEDED", result.cause
    assert stack.running() == ["second"]
    assert live(stack) == ("second", "first")


def test_a_switch_that_fails_leaves_the_live_model(stack, images, monkeypatch):
    stack.run(images, name="first")
    stack.run({**images, **AGAIN}, name="second")
    detections(monkeypatch, wrong="first")
    result = stack.run({"switchTo": "previous"}, name="back")
    assert result.error == "SmokeTestFailed", result.cause
    assert stack.running() == ["second"]
    assert live(stack) == ("second", "first")


@pytest.mark.parametrize(
    ("before", "wanted", "said"),
    [
        (False, "previous", f"switchTo is 'previous', but project {PROJECT} has no model that was live before."),
        (False, "first", f"switchTo is 'first'; project {PROJECT} has the versions none."),
        (True, "previous", "has no model that was live before"),
        (True, "nowhere", f"switchTo is 'nowhere'; project {PROJECT} has the versions first."),
    ],
)
def test_a_switch_to_nothing_is_an_invalid_input(stack, images, before, wanted, said):
    if before:
        stack.run(images, name="first")
    result = stack.run({"switchTo": wanted})
    assert (result.status, result.error) == ("FAILED", "InvalidInput")
    assert said in result.cause
    assert stack.running() == (["first"] if before else [])
    assert before or stack.rekognition.describe_projects()["ProjectDescriptions"] == []


def test_a_switch_to_a_version_that_is_not_trained_is_an_invalid_input(stack, images):
    stack.run(images, name="first")
    stack.cloud.service.faults.training("The manifest file is empty.")
    stack.run({**images, **AGAIN}, name="broken")
    result = stack.run({"switchTo": "broken"})
    assert result.error == "InvalidInput"
    assert (
        "version broken, which is TRAINING_FAILED; accepted is a trained one that is not just being stopped."
        in result.cause
    )


def test_a_switch_to_a_deleted_previous_model_is_an_invalid_input(stack, images):
    first = stack.run(images, name="first").output
    stack.run({**images, **AGAIN}, name="second")
    stack.rekognition.delete_project_version(ProjectVersionArn=first["projectVersionArn"])
    stack.cloud.clock.advance(60)
    result = stack.run({"switchTo": "previous"})
    assert result.error == "InvalidInput"
    assert "was deleted; the newest versions: second." in result.cause


def test_a_model_that_never_starts_is_given_up_and_stopped():
    with deployed(replace(TIMES, start_seconds=7200), MODEL_START_MINUTES="10") as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
        result = stack.run(given, name="slow")
        assert (result.status, result.error) == ("FAILED", "StartFailed"), result.cause
        assert "Version slow was still STARTING after" in result.cause
        assert stack.running() == []
        assert stack.live is None
