"""How the training workflow fails: the error, the cause, and what runs afterwards."""

from dataclasses import replace

import pytest

from tests.conftest import TIMES
from tests.stack import BUCKET, PROJECT, deployed

FINAL_STATES = ["CleanUp", "CleanedUp?", "ConcludeFailure", "PublishFailure", "NotifyFailed", "Failed"]


def assert_failed(result, error, *said):
    assert result.status == "FAILED"
    assert result.error == error, result.cause
    assert len(result.cause) <= 1000
    for words in said:
        assert words in result.cause
    assert "NotifyFailed" in result.states
    assert result.states[-1] == "Failed"


# These have clouds of their own, and come before the one that the others share.


def test_a_slot_that_never_comes_free_is_a_quota():
    with deployed(TIMES, TRAINING_HOURS="1.5") as stack:
        stack.put("train", range(8))
        stack.cloud.service.faults.add("CreateProjectVersion", "LimitExceededException", call=None)
        result = stack.run({})
        assert_failed(result, "QuotaExceeded", "used up its quota, still after 93 minutes")


def test_a_model_that_refuses_to_stop_while_it_starts_is_stopped_later():
    awkward = replace(TIMES, stop_while_starting=False, wrong_stop_error="InvalidParameter", start_seconds=1200)
    with deployed(awkward) as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0}}
        result = stack.run(given, name="stopped", stop_at="WaitForModel")
        assert stack.versions() == {"stopped": "STARTING"}
        assert stack.ended(result, given).status == "SUCCEEDED"
        assert stack.versions() == {"stopped": "STOPPED"}


@pytest.fixture
def stack(emptied):
    return emptied


def test_a_bad_input_is_told_before_anything_is_created(stack):
    result = stack.run({"gate": {"minimum": 85}})
    assert_failed(result, "InvalidInput", "gate.minimum is 85; accepted is a number from 0 to 1.")
    assert result.states == ["Input", "Plan", *FINAL_STATES]
    assert stack.rekognition.describe_projects()["ProjectDescriptions"] == []
    (message,) = stack.told()
    assert "InvalidInput: gate.minimum is 85" in message["Message"]


def test_an_input_that_is_no_object_is_told(stack):
    assert_failed(stack.run([1, 2]), "InvalidInput", "The input is [1, 2]; accepted is a JSON object")


@pytest.mark.parametrize("earlier", [False, True], ids=["first run", "with a live model"])
def test_a_rejected_model_never_runs(stack, images, earlier):
    if earlier:
        stack.run(images, name="good")
    live = stack.live
    gate = {"minimum": 0.5, "minimumTestImages": 500}
    result = stack.run({**images, "gate": gate, "force": True}, name="refused")
    assert_failed(result, "ModelRejected", "9 test images are fewer than the minimum 500", "Running now: ")
    assert "StartModel" not in result.states
    assert stack.running() == (["good"] if earlier else [])
    assert stack.live == live


def test_a_failed_training_is_told_with_the_services_message(stack, images):
    stack.cloud.service.faults.training("The manifest file is empty.")
    result = stack.run(images)
    assert_failed(
        result, "TrainingFailed", "TRAINING_FAILED", "The manifest file is empty", "no model of this project"
    )
    assert stack.running() == []


def test_a_failed_dataset_is_told_with_the_services_message(stack, images):
    stack.cloud.service.faults.dataset("The manifest file has too many rows.")
    result = stack.run(images)
    assert_failed(result, "DatasetRejected", "CREATE_FAILED", "The manifest file has too many rows")
    assert "TrainModel" not in result.states


def test_a_dataset_that_failed_before_is_cleared_by_the_next_run(stack, images):
    stack.cloud.service.faults.dataset("The manifest file has too many rows.")
    stack.run(images)
    result = stack.run({**images, "refresh": {"training": "keep"}})
    assert result.status == "SUCCEEDED", result.cause


def test_a_model_that_fails_to_start_leaves_the_old_one_live(stack, images):
    stack.run(images, name="good")
    live = stack.live
    stack.cloud.service.faults.start("No capacity.")
    result = stack.run({**images, "force": True}, name="bad")
    assert_failed(
        result, "StartFailed", "Version bad is FAILED instead of RUNNING: No capacity", "Running now: good"
    )
    assert stack.versions() == {"bad": "FAILED", "good": "RUNNING"}
    assert stack.live == live


def test_a_third_running_model_is_refused_before_anything_is_paid(stack, images):
    for name in ("one", "two"):
        stack.run({**images, "project": f"{PROJECT}-{name}"}, name=name)
    result = stack.run(images, name="three")
    assert_failed(
        result,
        "QuotaExceeded",
        "2 models are running (",
        f"{PROJECT}-one/one",
        "`python -m cli stop`",
        "RunningModelQuota",
    )
    assert result.states[-7:] == ["CheckQuotas", *FINAL_STATES]
    assert stack.versions() == {}


def test_a_start_beyond_the_quota_is_named(stack, images):
    stack.cloud.service.faults.add("StartProjectVersion", "LimitExceededException", call=None)
    result = stack.run(images, name="three")
    assert_failed(result, "QuotaExceeded", "Version three could not be started")
    assert stack.running() == []


def test_a_training_waits_for_a_slot(stack, images):
    for call in range(1, 4):
        stack.cloud.service.faults.add("CreateProjectVersion", "LimitExceededException", call=call)
    result = stack.run(images)
    assert result.status == "SUCCEEDED", result.cause
    assert result.states.count("WaitForSlot") == 3


def test_a_project_full_of_versions_is_a_quota(stack, images):
    stack.cloud.service.faults.add("CreateProjectVersion", "ServiceQuotaExceededException", call=1)
    assert_failed(stack.run(images, name="last"), "QuotaExceeded", "The version last could not be created")


@pytest.mark.parametrize(
    ("operation", "adopted"),
    [
        ("CreateProject", "FindProject"),
        ("CreateDataset", "AdoptTrainDataset"),
        ("CreateProjectVersion", "AdoptVersion"),
        ("StartProjectVersion", "CheckModel"),
    ],
)
def test_a_call_that_took_effect_and_then_answered_500_is_gone_on_with(stack, images, operation, adopted):
    for _ in range(2 if operation == "CreateDataset" else 1):
        stack.cloud.service.faults.add(operation, "InternalServerError", call=1, effect="after")
    result = stack.run(images, name="once")
    assert result.status == "SUCCEEDED", result.cause
    if operation == "CreateDataset":
        assert {"AdoptTrainDataset", "AdoptTestDataset"} & set(result.states)
    else:
        assert adopted in result.states
    assert stack.versions() == {"once": "RUNNING"}


def test_a_split_that_took_effect_and_then_answered_500_is_gone_on_with(stack):
    stack.put("train", range(10))
    stack.cloud.service.faults.add("DistributeDatasetEntries", "InternalServerError", call=1, effect="after")
    result = stack.run({"gate": {"minimum": 0.5}})
    assert result.status == "SUCCEEDED", result.cause
    assert len(stack.entries("TEST")) == 6


def test_a_version_of_another_run_is_not_adopted(stack, images):
    stack.run(images, name="same")
    (project,) = stack.rekognition.describe_projects()["ProjectDescriptions"]
    stack.rekognition.create_project_version(
        ProjectArn=project["ProjectArn"],
        VersionName="taken",
        OutputConfig={"S3Bucket": BUCKET, "S3KeyPrefix": "training-output/by-hand"},
    )
    result = stack.run({**images, "force": True}, name="taken")
    assert_failed(result, "TrainingFailed", "The version taken could not be created")
    assert stack.running() == ["same"]


def test_throttling_is_waited_out(stack, images):
    for operation in ("CreateProject", "CreateDataset", "CreateProjectVersion", "DescribeProjectVersions"):
        stack.cloud.service.faults.add(operation, "ThrottlingException", call=1)
    assert stack.run(images).status == "SUCCEEDED"


def test_a_fault_that_lasts_ends_the_run_with_nothing_running(stack, images):
    stack.cloud.service.faults.add("StartProjectVersion", "InternalServerError", call=None, effect="before")
    result = stack.run(images)
    assert_failed(result, "StartFailed", "Rekognition.InternalServerErrorException")
    assert result.states.count("StartModel") == 1
    assert stack.running() == []


@pytest.mark.parametrize("state", ["StartModel", "CheckModel", "Promote"])
def test_a_run_that_is_stopped_while_its_model_starts_leaves_none_running(stack, images, state):
    stack.run(images, name="good")
    live = stack.live
    result = stack.run({**images, "force": True}, name="stopped", stop_at=state)
    assert result.status == "ABORTED"
    cleaned = stack.ended(result, images)
    assert cleaned.status == "SUCCEEDED", cleaned.cause
    assert stack.running() == ["good"]
    assert stack.live == live
    assert any("ABORTED" in message["Message"] for message in stack.told())


def test_a_run_that_is_stopped_after_its_switch_leaves_one_running(stack, images):
    stack.run(images, name="good")
    result = stack.run({**images, "force": True}, name="stopped", stop_at="StopPrevious")
    stack.ended(result, images)
    assert stack.running() == ["stopped"]
    assert stack.live["projectVersionArn"].split("/")[3] == "stopped"


def test_an_input_that_names_a_foreign_project_is_an_invalid_input(stack):
    stack.rekognition.create_project(ProjectName="someone-elses")
    result = stack.run({"project": "someone-elses"})
    assert_failed(result, "InvalidInput", "project is 'someone-elses'; accepted is a name")


def test_a_run_that_reported_itself_is_not_reported_twice(stack):
    given = {"project": 7}
    result = stack.run(given)
    assert len(stack.told()) == 1
    assert stack.ended(result, given).status == "SUCCEEDED"
    assert stack.told() == []


def test_a_folder_without_images_is_told(stack):
    result = stack.run({})
    assert_failed(result, "DatasetRejected", f"The training folder s3://{BUCKET}/images/{PROJECT}/train/ holds no")


def test_a_bucket_that_does_not_exist_is_told(stack):
    result = stack.run({"training": {"folder": "s3://nowhere/x/"}})
    assert_failed(result, "DatasetRejected", "The folder s3://nowhere/x/ cannot be read: there is no such bucket")
