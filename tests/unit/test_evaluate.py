"""Evaluate and MeasureChampion with a real client against the Custom Labels service."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
from customlabels import measuring
from customlabels.manifests import folder_line
from sklearn.metrics import f1_score

from local import moto
from local.rekognition.settings import AT_ONCE
from tests.context import CONTEXT
from tests.images import picture
from tests.stack import BUCKET, PROJECT, TABLE, TEMPLATE, start
from tests.templates import environment

LABELS = ("across", "down")
GATE = {"metric": "f1", "minimum": 0.5, "perLabelMinimum": 0, "minimumTestImages": 1, "maxRegression": 0.02}
TRAIN, TEST = range(5), range(50, 54)


class Bench:
    """A project with versions to be compared, and the two functions."""

    def __init__(self, labels):
        self.faults, self.clock = labels.service.faults, labels.clock
        self.s3, self.rekognition = boto3.client("s3"), boto3.client("rekognition")
        self.s3.create_bucket(Bucket=BUCKET)
        self.project = self.rekognition.create_project(ProjectName=PROJECT)["ProjectArn"]
        self.datasets = {}
        variables = environment(TEMPLATE, "Evaluate", {"DataBucket": BUCKET, "StateTable": TABLE})
        self.evaluate = start("evaluate", variables)
        self.champion = start("measure_champion", variables)

    def data(self, kind, numbers, wrong=0):
        """Make the dataset anew from pictures of each label; the first `wrong` of them bear the other's name."""
        lines = []
        for label in LABELS:
            for place, number in enumerate(numbers):
                key = f"images/{label}/{number}.png"
                self.s3.put_object(Bucket=BUCKET, Key=key, Body=picture(label, number))
                other = LABELS[1 - LABELS.index(label)]
                name = other if place < wrong else label
                lines.append(folder_line(f"s3://{BUCKET}/{key}", name, datetime.now(UTC)))
        self.s3.put_object(Bucket=BUCKET, Key=f"{kind}.manifest", Body="\n".join(lines).encode())
        place = {"Bucket": BUCKET, "Name": f"{kind}.manifest"}
        if kind in self.datasets:
            self.rekognition.delete_dataset(DatasetArn=self.datasets[kind])
            self.described()
        made = self.rekognition.create_dataset(
            ProjectArn=self.project,
            DatasetType=kind,
            DatasetSource={"GroundTruthManifest": {"S3Object": place}},
        )
        self.datasets[kind] = made["DatasetArn"]

    def described(self):
        return self.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"][0]

    def version(self, name):
        found = self.rekognition.describe_project_versions(ProjectArn=self.project, VersionNames=[name])
        return next(iter(found["ProjectVersionDescriptions"]), None)

    def train(self, name):
        output = {"S3Bucket": BUCKET, "S3KeyPrefix": f"training-output/{PROJECT}/{name}"}
        self.rekognition.create_project_version(ProjectArn=self.project, VersionName=name, OutputConfig=output)
        assert self.version(name)["Status"] == "TRAINING_COMPLETED"
        return self.version(name)["ProjectVersionArn"]

    def run(self, arn):
        self.rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
        assert self.version(arn.split("/")[3])["Status"] == "RUNNING"

    def stop(self, arn):
        self.rekognition.stop_project_version(ProjectVersionArn=arn)
        assert self.version(arn.split("/")[3])["Status"] == "STOPPED"

    def judged(self, name, live, measure=None, **gate):
        """What Evaluate says, as it travels in the state."""
        event = {
            "summary": self.version(name)["EvaluationResult"]["Summary"]["S3Object"],
            "gate": {**GATE, **gate},
            "project": PROJECT,
            "projectArn": self.project,
            "version": name,
            "live": live,
            "measure": measure,
        }
        return json.loads(json.dumps(self.evaluate.handler(json.loads(json.dumps(event)), CONTEXT)))

    def measured(self, name, live, measure, calls=50):
        """The measurement after so many calls of MeasureChampion, or at its end."""
        for _ in range(calls):
            if measure["done"]:
                break
            event = {"project": PROJECT, "version": name, "live": live, "measure": measure}
            measure = json.loads(json.dumps(self.champion.handler(json.loads(json.dumps(event)), CONTEXT)))
        return measure

    def rows(self, name):
        """What MeasureChampion has written."""
        prefix = f"training-output/{PROJECT}/{name}/champion/"
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]]
        texts = [self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
        return [json.loads(line) for text in texts for line in text.splitlines()]


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.custom_labels(AT_ONCE) as labels:
        made = Bench(labels)
        made.data("TRAIN", TRAIN)
        made.data("TEST", TEST)
        yield made


@pytest.fixture
def rivals(bench):
    """A live version that runs, and a trained one that was tested on other images."""
    live = bench.train("v1")
    bench.run(live)
    bench.data("TEST", range(70, 76))
    bench.train("v2")
    return SimpleNamespace(live=live, measure=bench.judged("v2", live)["measure"])


def test_without_a_live_model_the_version_is_judged_alone(bench):
    bench.train("v1")
    judged = bench.judged("v1", None)
    assert judged["verdict"]["accepted"] is True
    assert judged["verdict"]["comparison"] == "none"
    assert judged["verdict"]["interval"] == [1.0, 1.0]
    assert judged["metrics"]["f1"] == judged["verdict"]["value"] == 1.0
    assert judged["measure"] == {"needed": False, "done": True}


def test_a_rerun_of_the_live_version_is_not_compared_with_itself(bench):
    assert bench.judged("v1", bench.train("v1"))["verdict"]["comparison"] == "none"


def test_versions_tested_on_the_same_images_are_compared(bench):
    live = bench.train("v1")
    bench.data("TRAIN", TRAIN, wrong=4)
    bench.train("v2")
    judged = bench.judged("v2", live, minimum=0)
    verdict = judged["verdict"]
    assert (verdict["comparison"], verdict["championVersion"], verdict["champion"]) == (
        "same test images",
        "v1",
        1.0,
    )
    assert verdict["difference"] == verdict["value"] - 1 < -0.02
    low, high = verdict["differenceInterval"]
    assert low <= verdict["difference"] <= high <= 0
    assert verdict["note"] == "compared on 8 test images and 2 labels"
    assert judged["measure"]["needed"] is False
    assert judged["refusal"].startswith("The gate refused version v2: f1 is ")
    assert "of the live version v1" in judged["refusal"]


def test_a_live_version_that_runs_is_measured_on_the_new_images(bench, rivals):
    assert rivals.measure["needed"] is True
    assert rivals.measure["images"] == 12
    measure = bench.measured("v2", rivals.live, rivals.measure)
    assert (measure["done"], measure["asked"], measure["failed"], measure["note"]) == (True, 12, 0, None)
    judged = bench.judged("v2", rivals.live, measure)
    assert judged["measure"]["needed"] is False
    verdict = judged["verdict"]
    assert (verdict["comparison"], verdict["championVersion"]) == ("measured again", "v1")
    assert verdict["note"] == "measured again on 12 of 12 test images and 2 labels"
    assert verdict["difference"] == pytest.approx(verdict["value"] - verdict["champion"])
    assert verdict["differenceInterval"]
    assert verdict["accepted"] is True


def test_what_is_measured_again_agrees_with_scikit_learn(bench):
    bench.data("TRAIN", TRAIN, wrong=2)
    bench.data("TEST", TEST, wrong=1)
    live = bench.train("v1")
    bench.run(live)
    numbers = [*TEST, 60, 61]
    bench.data("TEST", numbers, wrong=1)
    bench.train("v2")
    verdict = bench.judged("v2", live, bench.measured("v2", live, bench.judged("v2", live)["measure"]))["verdict"]
    truth, said = [], []
    for label in LABELS:
        for place, number in enumerate(numbers):
            image = {"S3Object": {"Bucket": BUCKET, "Name": f"images/{label}/{number}.png"}}
            answer = bench.rekognition.detect_custom_labels(ProjectVersionArn=live, Image=image)
            found = {one["Name"] for one in answer["CustomLabels"]}
            said.append([one in found for one in LABELS])
            truth.append([(one == label) is (place > 0) for one in LABELS])
    assert verdict["champion"] == pytest.approx(f1_score(truth, said, average="macro", zero_division=0))
    assert 0 < verdict["champion"] < 1
    assert verdict["value"] == bench.version("v2")["EvaluationResult"]["F1Score"]


def test_the_measurement_goes_on_where_it_was(bench, rivals, monkeypatch):
    monkeypatch.setattr(measuring, "BATCH", 5)
    monkeypatch.setattr(measuring, "SECONDS", 0.0)
    ticks = iter([0, -1] * 50)
    monkeypatch.setattr(measuring.time, "monotonic", lambda: next(ticks))
    parts = [rivals.measure]
    while not parts[-1]["done"]:
        parts.append(bench.measured("v2", rivals.live, parts[-1], calls=1))
        ticks = iter([0, -1, 1] * 50)
    assert [part["asked"] for part in parts] == [0, 5, 10, 12, 12]
    assert bench.judged("v2", rivals.live, parts[-1])["verdict"]["comparison"] == "measured again"
    assert len(bench.rows("v2")) == 12


def test_a_live_version_that_does_not_run_is_not_comparable(bench):
    live = bench.train("v1")
    bench.data("TEST", range(70, 76))
    bench.train("v2")
    judged = bench.judged("v2", live)
    verdict = judged["verdict"]
    assert (verdict["comparison"], verdict["championVersion"], verdict["champion"]) == (
        "not comparable",
        "v1",
        None,
    )
    assert verdict["note"].endswith("is TRAINING_COMPLETED, not RUNNING")
    assert verdict["accepted"] is True
    assert judged["measure"]["needed"] is False


def test_a_live_version_that_stops_meanwhile_is_not_comparable(bench, rivals):
    bench.stop(rivals.live)
    measure = bench.measured("v2", rivals.live, rivals.measure)
    verdict = bench.judged("v2", rivals.live, measure)["verdict"]
    assert (verdict["comparison"], verdict["accepted"]) == ("not comparable", True)
    assert verdict["note"] == "the live version stopped while it was measured"


def test_a_live_version_that_was_deleted_is_not_comparable(bench):
    live = bench.train("v1")
    bench.train("v2")
    bench.rekognition.delete_project_version(ProjectVersionArn=live)
    assert bench.version("v1") is None
    verdict = bench.judged("v2", live)["verdict"]
    assert (verdict["comparison"], verdict["note"]) == ("not comparable", "the live version does not exist")


@pytest.mark.parametrize("name", ["EvaluationResultSummary", "TestingGroundTruth"])
def test_a_live_version_whose_files_are_gone_is_not_comparable(bench, name):
    live = bench.train("v1")
    bench.train("v2")
    bench.s3.delete_object(Bucket=BUCKET, Key=f"training-output/{PROJECT}/v1/{name}-{PROJECT}-v1.json")
    verdict = bench.judged("v2", live)["verdict"]
    assert (verdict["comparison"], verdict["accepted"]) == ("not comparable", True)


def test_a_live_version_whose_evaluation_cannot_be_read_is_not_comparable(bench):
    live = bench.train("v1")
    bench.train("v2")
    key = f"training-output/{PROJECT}/v1/EvaluationResultSummary-{PROJECT}-v1.json"
    bench.s3.put_object(Bucket=BUCKET, Key=key, Body=b'{"Version": 2}')
    verdict = bench.judged("v2", live)["verdict"]
    assert verdict["comparison"] == "not comparable"
    assert verdict["note"].startswith(f"the evaluation summary s3://{BUCKET}/{key} is not of the documented form")


def test_one_missing_image_is_an_error_of_that_image_only(bench, rivals):
    bench.s3.delete_object(Bucket=BUCKET, Key="images/down/71.png")
    measure = bench.measured("v2", rivals.live, rivals.measure)
    assert (measure["asked"], measure["failed"], measure["note"]) == (12, 1, None)
    verdict = bench.judged("v2", rivals.live, measure)["verdict"]
    assert verdict["note"] == "measured again on 11 of 12 test images and 2 labels"
    (error,) = [row for row in bench.rows("v2") if "error" in row]
    assert error["source-ref"] == f"s3://{BUCKET}/images/down/71.png"
    assert error["error"] == "InvalidS3ObjectException"


def test_too_many_missing_images_are_not_comparable(bench, rivals):
    for number in (70, 71, 72):
        bench.s3.delete_object(Bucket=BUCKET, Key=f"images/down/{number}.png")
    measure = bench.measured("v2", rivals.live, rivals.measure)
    verdict = bench.judged("v2", rivals.live, measure)["verdict"]
    assert verdict["comparison"] == "not comparable"
    assert verdict["note"] == "3 of 12 test images could not be measured on the live version"


def test_a_throttled_measurement_is_tried_again(bench, rivals):
    for _ in range(2):
        bench.faults.add("DetectCustomLabels", "ProvisionedThroughputExceededException")
    measure = bench.measured("v2", rivals.live, rivals.measure)
    assert (measure["done"], measure["asked"], measure["failed"], measure["note"]) == (True, 12, 0, None)
