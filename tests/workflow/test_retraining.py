"""Runs after the first: what is merged, left alone, taken over, kept and pruned, and that one runs at a time."""

import json
import sys
import time
from datetime import UTC, datetime

import pytest
from customlabels import feedback

from tests.conftest import TIMES
from tests.images import picture
from tests.rounds import takes_long, thorough
from tests.stack import BUCKET, PROJECT, deployed

INPUT = {"gate": {"minimum": 0.0}}


def references(entries):
    return {entry["source-ref"] for entry in entries}


def lines_sent(stack, version, dataset="training"):
    """The lines of each chunk that a run has sent to a dataset."""
    prefix = f"manifests/{PROJECT}/{version}/{dataset}.changes/"
    found = stack.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    bodies = [stack.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found]
    return [body.decode().splitlines() for body in bodies]


def calls_of(function, operation):
    """A list that grows by the parameters of each call that a function's client makes of an operation."""
    made = []
    client = sys.modules[function].rekognition
    client.meta.events.register(
        f"provide-client-params.rekognition.{operation}", lambda params, **_: made.append(params)
    )
    return made


def merged(images, **more):
    return {**images, "refresh": {"training": "merge"}, "gate": {"minimum": 0.0}, **more}


# This one has a cloud of its own, and comes before the one that the others share.
def test_trainings_keep_a_distance():
    with deployed(TIMES, MIN_HOURS_BETWEEN_RUNS="100") as stack:
        stack.put("train", range(8))
        assert stack.run(INPUT).output["outcome"] == "promoted"
        stack.put("train", range(8, 10))
        result = stack.run(INPUT)
        assert result.output["outcome"] == "unchanged"
        assert result.output["reason"].startswith("The newest training began 0.")
        assert stack.run({**INPUT, "force": True}).output["outcome"] == "promoted"


@pytest.fixture
def stack(emptied):
    return emptied


def test_a_merge_of_ten_new_images_into_a_thousand_sends_ten_lines(stack):
    each = 334 if thorough() else 14  # of three labels
    train, test = stack.put("train", range(each)), stack.put("test", range(1000, 1005))
    images = {"training": {"folder": train}, "testing": {"folder": test}}
    assert stack.run(merged(images), name="first", seconds=300).status == "SUCCEEDED"
    assert len(stack.entries("TRAIN")) == 3 * each
    stack.put("train", range(each, each + 10), labels=("down",))
    result = stack.run(merged(images), name="second", seconds=300)
    assert result.status == "SUCCEEDED", result.cause
    (chunk,) = lines_sent(stack, "second")
    assert len(chunk) == 10
    assert all("/down/" in line for line in chunk)
    assert len(stack.entries("TRAIN")) == 3 * each + 10
    assert not {"DeleteTrainDataset", "CreateTrainDataset"} & set(result.states)


@pytest.mark.parametrize("refresh", ["merge", "replace"] if thorough() else ["merge"])
def test_three_weekly_runs_with_growing_folders_keep_the_test_set(stack, refresh):
    tests = []
    for week in range(3):
        stack.put("train", range(20 * week, 20 * week + 10))
        given = {"refresh": {"training": refresh}, **INPUT}
        result = stack.run(given, name=f"week-{week}")
        assert result.status == "SUCCEEDED", result.cause
        assert result.output["outcome"] == "promoted"
        train, test = references(stack.entries("TRAIN")), references(stack.entries("TEST"))
        assert not train & test
        assert len(train | test) == 30 * (week + 1)
        tests.append(test)
        if week and refresh == "merge":
            assert [len(chunk) for chunk in lines_sent(stack, f"week-{week}")] == [30]
    assert tests[0] == tests[1] == tests[2]


def test_a_changed_label_is_sent_and_what_the_source_lacks_stays(first):
    stack, images, _ = first
    entries = stack.entries("TRAIN")
    lines = [{key: entry[key] for key in entry if not key.startswith("cl-")} for entry in entries[:5]]
    changed = next(key for key in lines[0] if key.endswith("-metadata"))
    lines[0][changed]["class-name"] = "checks" if lines[0][changed]["class-name"] != "checks" else "down"
    for line in lines:
        line[changed]["creation-date"] = "2026-01-01T00:00:00.000Z"  # when it was said does not count
    stack.s3.put_object(Bucket=BUCKET, Key="images/some.manifest", Body="\n".join(map(json.dumps, lines)).encode())
    source = {"training": {"manifest": f"s3://{BUCKET}/images/some.manifest"}}
    result = stack.run(merged({**images, **source}), name="second")
    assert result.status == "SUCCEEDED", result.cause
    ((sent,),) = lines_sent(stack, "second")
    assert json.loads(sent)["source-ref"] == lines[0]["source-ref"]
    now = {entry["source-ref"]: entry for entry in stack.entries("TRAIN")}
    assert now.keys() == references(entries)
    assert now[lines[0]["source-ref"]][changed]["class-name"] == lines[0][changed]["class-name"]


def test_a_merge_goes_in_chunks_and_waits_for_each(first, monkeypatch):
    stack, images, _ = first
    stack.put("train", range(8, 16))
    monkeypatch.setattr("customlabels.merging.LARGEST", 3000)
    stack.cloud.service.faults.add("UpdateDatasetEntries", "ResourceInUseException", call=2)
    stack.cloud.service.faults.add("UpdateDatasetEntries", "InternalServerError", call=3, effect="after")
    result = stack.run(merged(images), name="second")
    assert result.status == "SUCCEEDED", result.cause
    chunks = lines_sent(stack, "second")
    assert len(chunks) > 2
    assert sum(map(len, chunks)) == 24
    assert result.states.count("MergeTrainEntries") > len(chunks)
    assert result.states.count("CheckTrainDataset") > len(chunks)
    assert len(stack.entries("TRAIN")) == 48


def test_a_merge_that_is_refused_leaves_what_was_there(first):
    stack, images, _ = first
    before = stack.entries("TRAIN")
    stack.put("train", range(8, 10))
    stack.cloud.service.faults.add("UpdateDatasetEntries", "InvalidParameterException", call=None)
    result = stack.run(merged(images))
    assert (result.status, result.error) == ("FAILED", "DatasetRejected")
    assert "InvalidParameterException" in result.cause
    assert stack.entries("TRAIN") == before
    assert "TrainModel" not in result.states


def test_a_test_set_is_merged_when_the_run_asks_for_it(first):
    stack, images, _ = first
    stack.put("test", range(103, 105))
    stack.s3.copy_object(  # an image that is trained on so far
        Bucket=BUCKET,
        Key=f"images/{PROJECT}/test/down/moved.png",
        CopySource=f"{BUCKET}/images/{PROJECT}/train/down/3.png",
    )
    result = stack.run({**images, "refresh": {"training": "merge", "testing": "merge"}, **INPUT}, name="second")
    assert result.status == "SUCCEEDED", result.cause
    assert len(stack.entries("TEST")) == 9 + 6 + 1
    assert [len(chunk) for chunk in lines_sent(stack, "second", "testing")] == [7]
    train = references(stack.entries("TRAIN"))
    assert len(train) == 23, "no call deletes an entry: the training dataset was made anew without it"
    assert not any(ref.endswith("/down/3.png") for ref in train)


@pytest.mark.parametrize("kind", ["TRAIN", "TEST"] if thorough() else ["TRAIN"])
def test_a_dataset_whose_replacement_fails_is_rebuilt(first, kind):
    stack, images, _ = first
    before = {of: stack.entries(of) for of in ("TRAIN", "TEST")}
    stack.put("train" if kind == "TRAIN" else "test", range(200, 204))
    other = "testing" if kind == "TRAIN" else "training"
    refresh = {"training": "replace", "testing": "replace", other: "keep"}
    stack.cloud.service.faults.dataset("The manifest file has too many rows.")
    result = stack.run({**images, "refresh": refresh})
    assert (result.status, result.error) == ("FAILED", "DatasetRejected")
    assert "The manifest file has too many rows" in result.cause
    assert f"The {'training' if kind == 'TRAIN' else 'test'} dataset holds what it held before." in result.cause
    assert f"Restore{kind.title()}Dataset" in result.states
    assert {of: references(stack.entries(of)) for of in before} == {
        of: references(was) for of, was in before.items()
    }
    assert stack.run({**images, "refresh": refresh}).status == "SUCCEEDED", "the next run finds nothing in its way"


def test_a_dataset_that_cannot_be_rebuilt_is_saved_and_the_cause_says_where(first):
    stack, images, _ = first
    stack.put("train", range(200, 204))
    for _ in range(2):
        stack.cloud.service.faults.dataset("No room.")
    result = stack.run(images)
    assert "The training dataset could not be rebuilt; its entries are saved as s3://" in result.cause
    key = result.cause.partition(f"s3://{BUCKET}/")[2].split(". Read more")[0]
    saved = stack.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode().splitlines()
    assert len(saved) == 24


def test_entries_that_a_run_has_stored_are_not_asked_for_again(stack, images):
    asked = calls_of("read_entries", "ListDatasetEntries")
    stack.run(images, name="first")
    stack.put("train", range(8, 10))
    assert stack.run(merged(images), name="second").status == "SUCCEEDED"
    assert asked == []
    arn = next(
        dataset["DatasetArn"]
        for dataset in stack.rekognition.describe_projects()["ProjectDescriptions"][0]["Datasets"]
        if dataset["DatasetType"] == "TRAIN"
    )
    line = {**stack.entries("TRAIN")[0], "source-ref": f"s3://{BUCKET}/images/{PROJECT}/test/down/100.png"}
    line.pop("cl-metadata")
    stack.rekognition.update_dataset_entries(DatasetArn=arn, Changes={"GroundTruth": json.dumps(line).encode()})
    stack.cloud.clock.advance(60)
    stack.put("train", range(10, 12))
    assert stack.run(merged(images), name="third").status == "SUCCEEDED"
    assert [params["DatasetArn"] for params in asked] == [arn], "it was updated by somebody else since"
    assert line["source-ref"] not in references(stack.entries("TRAIN"))


def test_nothing_new_is_nothing_trained(first):
    stack, images, first = first
    again = stack.run(images, name="again")
    assert again.status == "SUCCEEDED", again.cause
    assert again.output["outcome"] == "unchanged"
    assert again.output["version"] == "first"
    assert again.output["projectVersionArn"] == first.output["projectVersionArn"]
    assert again.output["reason"] == "The data is that of the live version first."
    assert again.output["cost"]["trainingSeconds"] == 0
    assert not {"TrainModel", "DeleteTrainDataset", "Notify"} & set(again.states)
    assert stack.versions() == {"first": "RUNNING"}
    forced = stack.run({**images, "force": True}, name="forced")
    assert forced.output["outcome"] == "promoted"
    assert stack.running() == ["forced"]


def test_nothing_new_after_a_split_is_nothing_trained(stack):
    stack.put("train", range(10))
    assert stack.run(INPUT).output["outcome"] == "promoted"
    assert stack.run(INPUT).output["outcome"] == "unchanged"
    renewed = {"testing": {"split": "auto"}, "refresh": {"testing": "replace"}, **INPUT}
    assert stack.run(renewed).output["outcome"] == "promoted", "another split is another measurement"


def test_another_test_set_is_something_new(first):
    stack, images, _ = first
    stack.put("test", range(300, 302))
    other = {**images, "refresh": {"testing": "replace"}}
    assert stack.run(other, name="second").output["outcome"] == "promoted"
    assert stack.run(other, name="third").output["outcome"] == "unchanged", "replaced by the same"


def test_a_training_waits_for_enough_new_images(stack, images):
    given = {**images, "minNewImages": 6, **INPUT}
    stack.run(given, name="first")
    stack.put("train", range(8, 9))
    few = stack.run(given, name="few")
    assert few.output["outcome"] == "unchanged"
    assert few.output["reason"] == (
        "3 images are new since the live version first was made, fewer than minNewImages, 6."
    )
    stack.s3.copy_object(  # a copy is no new image
        Bucket=BUCKET,
        Key=f"images/{PROJECT}/train/down/copy.png",
        CopySource=f"{BUCKET}/images/{PROJECT}/train/down/3.png",
    )
    assert stack.run(given, name="copy").output["outcome"] == "unchanged"
    stack.put("train", range(9, 10))
    assert stack.run(given, name="enough").output["outcome"] == "promoted"


def test_of_two_runs_in_the_same_second_one_runs(stack, images):
    started = [stack.train.start(images, name) for name in ("one", "two")]
    ended = {result.arn: result for result in map(stack.train.result, started)}
    won = [result for result in ended.values() if result.status == "SUCCEEDED"]
    (lost,) = [result for result in ended.values() if result.status == "FAILED"]
    assert len(won) == 1
    assert lost.error == "RunInProgress"
    assert f"Execution {won[0].output['version']} has been at work on project {PROJECT} since" in lost.cause
    assert "FindProject" not in lost.states
    assert stack.running() == [won[0].output["version"]]
    assert stack.lock is None


def test_a_dry_run_needs_no_lock(stack, images):
    first = stack.run(images, name="first", stop_at="CheckTraining")
    assert first.status == "ABORTED"
    assert stack.lock["execution"] == first.arn
    assert stack.run({**images, "dryRun": True}).output["outcome"] == "dryRun"
    assert stack.lock["execution"] == first.arn


def test_a_run_that_is_stopped_frees_the_project(stack, images):
    first = stack.run(images, name="first", stop_at="WaitForTraining")
    assert stack.ended(first, images).status == "SUCCEEDED"
    assert stack.lock is None
    (record,) = stack.records()
    assert (record["version"], record["outcome"], record["error"]) == ("first", "failed", "ABORTED")


def test_a_run_goes_on_with_the_training_of_one_that_was_stopped(stack, images):
    first = stack.run(images, name="first", stop_at="WaitForTraining")
    assert first.status == "ABORTED"
    second = stack.run(images, name="second")
    assert second.status == "SUCCEEDED", second.cause
    assert {"ReuseTraining", "TakeOverTraining"} <= set(second.states)
    assert "TrainModel" not in second.states
    assert second.output["version"] == "first"
    assert stack.versions() == {"first": "RUNNING"}
    # The clean-up after the first run comes late, and finds that the training is no longer its own.
    stack.ended(first, images)
    assert stack.versions() == {"first": "RUNNING"}
    assert stack.live["projectVersionArn"] == second.output["projectVersionArn"]


def test_other_data_is_not_the_training_that_goes_on(stack, images):
    stack.run(images, name="first", stop_at="WaitForTraining")
    stack.put("train", range(8, 10))
    second = stack.run(images, name="second")
    assert second.output["version"] == "second"
    assert set(stack.versions()) == {"first", "second"}


def test_a_refused_model_is_judged_again_without_a_second_training(stack, images):
    refused = stack.run({**images, "gate": {"minimumTestImages": 500}}, name="first")
    assert refused.error == "ModelRejected"
    second = stack.run(images, name="second")
    assert second.output["version"] == "first"
    assert stack.live["projectVersionArn"] == second.output["projectVersionArn"]


def test_a_training_that_was_taken_over_is_stopped_when_the_run_fails(stack, images):
    stack.run(images, name="first", stop_at="WaitForTraining")
    stopped = stack.run(images, name="second", stop_at="Promote")
    assert stopped.status == "ABORTED"
    assert stack.versions() == {"first": "RUNNING"}
    stack.ended(stopped, images)
    assert stack.versions() == {"first": "STOPPED"}
    assert stack.live is None


def test_weekly_runs_keep_three_versions(stack):
    weeks = 12 if thorough() else 5
    for week in range(weeks):
        stack.put("train", range(10 * week, 10 * week + 4))
        result = stack.run({"keepVersions": 3, **INPUT}, name=f"week-{week:02}")
        assert result.status == "SUCCEEDED", result.cause
        assert stack.running() == [f"week-{week:02}"]
        assert len(stack.versions()) <= 5
        stack.cloud.clock.advance(7 * 24 * 3600)
    assert list(stack.versions()) == [f"week-{week:02}" for week in range(weeks - 1, weeks - 4, -1)]


@takes_long("it trains six models")
def test_refused_models_are_pruned_too_and_the_live_one_and_its_predecessor_never(stack):
    stack.put("train", range(8))
    for name in ("older", "previous", "live"):
        stack.put("train", range(len(name) * 10, len(name) * 10 + 2))
        assert stack.run({"keepVersions": 5, **INPUT}, name=name).status == "SUCCEEDED"
    refuse = {"keepVersions": 2, "gate": {"minimumTestImages": 500}}
    for number in range(3):
        stack.put("train", range(100 + 10 * number, 102 + 10 * number))
        assert stack.run(refuse, name=f"refused-{number}").error == "ModelRejected"
    assert set(stack.versions()) == {"refused-2", "live", "previous"}


def test_a_version_that_is_taken_into_use_meanwhile_is_left(first):
    stack, images, _ = first
    for name in ("second", "third"):
        stack.run({**images, "force": True}, name=name)
    stack.cloud.service.faults.add("DeleteProjectVersion", "ResourceInUseException", call=1)
    result = stack.run({**images, "force": True, "keepVersions": 1}, name="fourth")
    assert result.status == "SUCCEEDED", result.cause


def test_each_run_leaves_a_record(first):
    stack, images, _ = first
    time.sleep(1)  # records are in the order of their runs' beginnings
    stack.run(images, name="second")
    third, second, first = stack.records() if stack.run({"project": 7}).error else ()
    assert (first["outcome"], first["version"], first["error"]) == ("promoted", "first", None)
    assert first["images"] == {"training": 24, "testing": 9, "new": 33}
    assert first["trainingSeconds"] > 0
    assert first["inferenceUnits"] == 1
    assert first["metrics"]["f1"] == first["verdict"]["value"]
    assert first["findings"].endswith("findings.html")
    assert json.loads(first["input"]) == images
    assert first["data"] == second["data"]
    assert (second["outcome"], second["reason"]) == ("unchanged", "The data is that of the live version first.")
    assert (third["outcome"], third["error"]) == ("failed", "InvalidInput")


def test_a_record_that_cannot_be_written_loses_no_model(stack, images):
    broken = stack.table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["conclude"], "write", lambda *_: broken.no_such_call())
        result = stack.run(images, name="first")
    assert result.status == "SUCCEEDED", result.cause
    assert stack.running() == ["first"]
    stack.put("train", range(8, 10))
    assert stack.run(images, name="second").status == "SUCCEEDED", "the lock of a run that has ended is taken over"


def accept(stack, key, line):
    """Put what a person has accepted of feedback on an image where the next run looks for it."""
    reference = f"s3://{BUCKET}/{key}"
    one = feedback.Reviewed(key.rsplit("/", 1)[1], reference, line(reference), "2026-11-22", "arn", "id")
    feedback.accept(stack.table, PROJECT, one)
    return reference


def labelled(label):
    said = feedback.read_said({"labels": [label]})
    return lambda reference: feedback.line_of(reference, said, 64, 64, datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize("refresh", ["merge", "replace"] if thorough() else ["merge"])
def test_what_was_accepted_of_feedback_is_trained_on(stack, images, refresh):
    given = {**images, "refresh": {"training": refresh}, "gate": {"minimum": 0.0}}
    assert stack.run(given, name="first").status == "SUCCEEDED"
    key = f"images/reviewed/{PROJECT}/ab12.png"
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=picture("down", 700))
    new = accept(stack, key, labelled("down"))
    other = accept(stack, f"images/{PROJECT}/train/across/1.png", labelled("down"))
    result = stack.run({**given, "minNewImages": 2}, name="second")
    assert result.output["outcome"] == "promoted", result.cause
    found = {entry["source-ref"]: entry["label-metadata"]["class-name"] for entry in stack.entries("TRAIN")}
    assert len(stack.entries("TRAIN")) == len(found) == 25
    assert (found[new], found[other]) == ("down", "down"), "a person counts more than a folder"


def test_what_is_accepted_of_a_test_image_is_not_trained_on(stack, images):
    key = f"images/reviewed/{PROJECT}/ab12.png"
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=picture("down", 100))  # as in the test set
    new = accept(stack, key, labelled("down"))
    assert stack.run(images, name="first").status == "SUCCEEDED"
    assert new not in references(stack.entries("TRAIN"))


def test_what_is_accepted_goes_into_a_dataset_that_is_its_own_source(first):
    stack, _, _ = first
    (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    (arn,) = [one["DatasetArn"] for one in project["Datasets"] if one["DatasetType"] == "TRAIN"]
    key = f"images/reviewed/{PROJECT}/ab12.png"
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=picture("down", 700))
    new = accept(stack, key, labelled("down"))
    kept = {"training": {"dataset": arn}, "gate": {"minimum": 0.0}}
    assert stack.run({**kept, "refresh": {"training": "keep"}}, name="kept").output["outcome"] == "unchanged"
    result = stack.run(kept, name="second")
    assert result.output["outcome"] == "promoted", result.cause
    assert lines_sent(stack, "second") == [[labelled("down")(new)]]
    assert len(stack.entries("TRAIN")) == 25
