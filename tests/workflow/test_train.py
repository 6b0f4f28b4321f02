"""The training workflow: what it does, what it says, and what runs at its end."""

import json

import pytest

from tests.stack import BUCKET, PROJECT
from tests.templates import defaults

INPUT = {"gate": {"minimum": 0.6}}


@pytest.fixture
def stack(emptied):
    return emptied


def references(entries):
    return {entry["source-ref"] for entry in entries}


def test_a_good_model_goes_live(stack, images):
    result = stack.run(images, name="first")
    assert result.status == "SUCCEEDED", result.cause
    in_order = ["Plan", "CreateProject", "PrepareTestDataset", "PrepareTrainDataset", "Datasets", "TrainModel"]
    in_order += ["CheckTraining", "Evaluate", "StartModel", "CheckModel", "Promote", "Result", "Conclude", "Done"]
    assert [state for state in result.states if state in in_order and state.count("Check") == 0] == [
        state for state in in_order if state.count("Check") == 0
    ]
    assert {"CreateTrainDataset", "CreateTestDataset", "WaitForTraining"} <= set(result.states)
    assert stack.versions() == {"first": "RUNNING"}
    assert stack.live["projectVersionArn"] == result.output["projectVersionArn"]
    assert stack.live["previous"] is None


def test_the_output_is_the_contracts(stack, images):
    output = stack.run(images, name="first").output
    assert output["outcome"] == "promoted"
    assert (output["project"], output["version"]) == (PROJECT, "first")
    assert output["verdict"]["accepted"] is True
    assert output["verdict"]["minimum"] == 0.6
    assert output["metrics"]["f1"] == output["verdict"]["value"] >= 0.6
    assert {label["label"] for label in output["metrics"]["worstLabels"]} == {"across", "down", "checks"}
    assert output["previous"] is None
    assert output["report"] == f"s3://{BUCKET}/reports/{PROJECT}/first/index.html"
    assert output["cost"]["trainingSeconds"] > 0
    assert output["cost"]["inferenceUnits"] == 1


def test_an_outcome_is_told(stack, images):
    stack.run(images, name="first")
    (message,) = stack.told()
    assert message["Subject"] == f"{PROJECT}: version first is live"
    assert "Accepted: f1 " in message["Message"]
    per_day = 24 * float(defaults("template.yaml")["InferencePrice"])
    assert f"which costs about {per_day:.2f} a day" in message["Message"]
    (record,) = stack.records()
    assert record["cost"]["perDay"] == per_day
    assert record["cost"]["training"] is not None


def test_a_second_run_makes_a_new_version_and_stops_the_old_one(first):
    stack, images, first = first
    second = stack.run({**images, "force": True}, name="second")
    assert second.status == "SUCCEEDED", second.cause
    assert {"StopPrevious", "CheckStopped", "DeleteTrainDataset"} <= set(second.states)
    assert "DeleteTestDataset" not in second.states
    assert stack.versions() == {"second": "RUNNING", "first": "STOPPED"}
    assert stack.live["projectVersionArn"] == second.output["projectVersionArn"]
    assert stack.live["previous"] == second.output["previous"] == first.output["projectVersionArn"]


def test_a_live_model_that_was_stopped_by_hand_is_no_trouble(first):
    stack, images, result = first
    first = result.output
    stack.rekognition.stop_project_version(ProjectVersionArn=first["projectVersionArn"])
    stack.cloud.clock.advance(60)
    result = stack.run({**images, "force": True}, name="second")
    assert result.status == "SUCCEEDED", result.cause
    assert "StopPrevious" not in result.states
    assert stack.running() == ["second"]


def test_an_execution_may_have_any_name(stack, images):
    result = stack.run(images, name="try (1)!")
    assert result.status == "SUCCEEDED", result.cause
    assert result.output["version"].startswith("try--1---")


def test_a_dataset_whose_update_failed_is_made_anew(stack):
    stack.put("train", range(10))
    result = stack.run(INPUT)
    assert result.status == "SUCCEEDED", result.cause
    (project,) = stack.rekognition.describe_projects()["ProjectDescriptions"]
    arns = [dataset["DatasetArn"] for dataset in project["Datasets"]]
    elsewhere = json.dumps({"source-ref": "s3://elsewhere/x.png"}).encode()
    for arn in arns:
        stack.rekognition.update_dataset_entries(DatasetArn=arn, Changes={"GroundTruth": elsewhere})
    stack.cloud.clock.advance(60)
    for arn in arns:
        found = stack.rekognition.describe_dataset(DatasetArn=arn)["DatasetDescription"]
        assert found["Status"] == "UPDATE_FAILED"
    test = references(stack.entries("TEST"))
    result = stack.run({"refresh": {"training": "keep"}, **INPUT})
    assert result.status == "SUCCEEDED", result.cause
    assert references(stack.entries("TEST")) == test
    assert len(stack.entries("TRAIN")) == 24


def test_an_empty_input_trains_on_the_default_folder_and_splits_it(stack):
    stack.put("train", range(20))
    result = stack.run({})
    assert {"CreateEmptyTestDataset", "DistributeEntries", "CheckDistribution"} <= set(result.states)
    assert len(stack.entries("TEST")) == 12
    assert len(stack.entries("TRAIN")) == 48
    assert result.status == "SUCCEEDED", result.cause


def test_three_runs_with_a_split_never_share_an_image(stack):
    stack.put("train", range(10))
    stack.s3.copy_object(
        Bucket=BUCKET,
        Key=f"images/{PROJECT}/train/down/copy.png",
        CopySource=f"{BUCKET}/images/{PROJECT}/train/down/0.png",
    )
    tests = []
    for run in range(3):
        stack.put("train", range(20 * run, 20 * run + 10))
        result = stack.run(INPUT, name=f"run-{run}")
        assert result.status == "SUCCEEDED", result.cause
        train, test = references(stack.entries("TRAIN")), references(stack.entries("TEST"))
        assert not train & test
        contents = [
            {stack.s3.head_object(Bucket=BUCKET, Key=ref.removeprefix(f"s3://{BUCKET}/"))["ETag"] for ref in refs}
            for refs in (train, test)
        ]
        assert not contents[0] & contents[1]
        tests.append(test)
        assert len(train | test) - 30 * (run + 1) in (0, 1)
    assert tests[0] == tests[1] == tests[2]


def test_an_image_of_the_test_set_is_left_out_by_name_and_by_content(stack, images):
    for number in (100, 101):  # the same picture under another name
        stack.s3.copy_object(
            Bucket=BUCKET,
            Key=f"images/{PROJECT}/train/down/again-{number}.png",
            CopySource=f"{BUCKET}/images/{PROJECT}/test/down/{number}.png",
        )
    result = stack.run({**images, "gate": {"minimum": 0}})
    assert result.status == "SUCCEEDED", result.cause
    assert len(stack.entries("TRAIN")) == 24
    assert not any("again" in ref for ref in references(stack.entries("TRAIN")))
    lines = [{key: line[key] for key in line if key != "cl-metadata"} for line in stack.entries("TEST")]
    lines += [line for line in stack.entries("TRAIN") if "/0.png" in line["source-ref"]]
    manifest = "\n".join(json.dumps(line) for line in lines).encode()
    stack.s3.put_object(Bucket=BUCKET, Key="images/test.manifest", Body=manifest)
    changed = {"testing": {"manifest": f"s3://{BUCKET}/images/test.manifest"}, "refresh": {"testing": "replace"}}
    result = stack.run({**images, **changed, "gate": {"minimum": 0}})
    assert result.status == "SUCCEEDED", result.cause
    train, test = references(stack.entries("TRAIN")), references(stack.entries("TEST"))
    assert (len(train), len(test)) == (21, 12)
    assert not train & test


def test_a_kept_training_dataset_is_cleaned_of_new_test_images(stack, images):
    assert stack.run(images).status == "SUCCEEDED"
    test = f"s3://{BUCKET}/images/{PROJECT}/train/"
    changed = {"testing": {"folder": test}, "refresh": {"training": "keep", "testing": "replace"}, **INPUT}
    result = stack.run(changed)
    assert result.error == "DatasetRejected"
    assert "besides 24 that the test dataset holds too" in result.cause
    assert len(stack.entries("TRAIN")) == 24, "a source that is refused leaves the datasets as they were"


def test_datasets_are_kept_when_the_run_says_so(stack, images):
    stack.run(images)
    stack.put("train", range(20, 25))
    result = stack.run({"refresh": {"training": "keep"}, **INPUT})
    assert result.status == "SUCCEEDED", result.cause
    assert not {"CreateTrainDataset", "DeleteTrainDataset", "CreateTestDataset"} & set(result.states)
    assert len(stack.entries("TRAIN")) == 24


def test_a_new_split_takes_the_old_test_images_back(stack):
    stack.put("train", range(10))
    assert stack.run(INPUT).status == "SUCCEEDED"
    result = stack.run(
        {"testing": {"split": "auto"}, "refresh": {"training": "keep", "testing": "replace"}, **INPUT}
    )
    assert result.status == "SUCCEEDED", result.cause
    assert len(references(stack.entries("TRAIN"))) == 24
    assert len(references(stack.entries("TEST"))) == 6


def test_a_manifest_and_a_dataset_are_sources(stack, images):
    assert stack.run(images).status == "SUCCEEDED"
    (project,) = stack.rekognition.describe_projects()["ProjectDescriptions"]
    datasets = {dataset["DatasetType"]: dataset["DatasetArn"] for dataset in project["Datasets"]}
    lines = "\n".join(json.dumps(entry) for entry in stack.entries("TRAIN"))
    stack.s3.put_object(Bucket=BUCKET, Key="images/all.manifest", Body=lines.encode())
    other = {
        "project": f"{PROJECT}-other",
        "training": {"manifest": f"s3://{BUCKET}/images/all.manifest"},
        "testing": {"dataset": datasets["TEST"]},
        **INPUT,
    }
    result = stack.run(other)
    assert result.status == "SUCCEEDED", result.cause
    assert result.output["metrics"]["testImages"] == 9
