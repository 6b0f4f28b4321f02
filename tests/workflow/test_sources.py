"""Each source from the input to a trained model, and each broken set refused before anything is paid for."""

import csv
import io
import json

import pytest

from tests.images import LABELS, picture
from tests.rounds import takes_long
from tests.stack import BUCKET, PROJECT

GATE = {"gate": {"minimum": 0.0}}


@pytest.fixture
def stack(emptied):
    return emptied


def labels_of(stack, kind="TRAIN"):
    """The labels that the service lists for a dataset, with how many entries each has."""
    (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    (arn,) = [dataset["DatasetArn"] for dataset in project["Datasets"] if dataset["DatasetType"] == kind]
    found = stack.rekognition.list_dataset_labels(DatasetArn=arn)["DatasetLabelDescriptions"]
    return {label["LabelName"]: label["LabelStats"]["EntryCount"] for label in found}


def put(stack, key, text):
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    return f"s3://{BUCKET}/{key}"


def assert_nothing_was_asked_for(stack, result):
    """No dataset and no training was asked of the service."""
    asked = {"TrainModel", "CreateTrainDataset", "CreateTestDataset", "CreateEmptyTestDataset"}
    assert not asked & set(result.states)
    (project,) = stack.rekognition.describe_projects(ProjectNames=[PROJECT])["ProjectDescriptions"]
    assert project["Datasets"] == []
    assert stack.versions() == {}


@pytest.fixture
def pictures(stack):
    """(key below the folder, label) of eight pictures of each label, which are in the bucket."""
    stack.put("train", range(8))
    return [(f"{label}/{number}.png", label) for label in LABELS for number in range(8)]


FOLDER = f"s3://{BUCKET}/images/{PROJECT}/train/"


def test_ground_truth_classification(stack, pictures):
    lines = [
        {
            "source-ref": FOLDER + key,
            "job": LABELS.index(label),
            "job-metadata": {
                "class-name": label,
                "confidence": 0.9,
                "type": "groundtruth/image-classification",
                "human-annotated": "yes",
                "creation-date": "2026-11-22T10:00:00.000000",
                "job-name": "labeling-job/job",
            },
        }
        for key, label in pictures
    ]
    file = put(stack, "images/output.manifest", "\n".join(map(json.dumps, lines)))
    result = stack.run({"training": {"groundTruth": file}, **GATE})
    assert result.status == "SUCCEEDED", result.cause
    assert labels_of(stack) == {"across": 6, "down": 6, "checks": 6}


def test_ground_truth_with_several_labels_an_image(stack, pictures):
    classes = {"0": "across", "1": "down", "2": "checks", "3": "striped"}
    lines = [
        {
            "source-ref": FOLDER + key,
            "job": [LABELS.index(label), *([] if label == "checks" else [3])],
            "job-metadata": {
                "class-map": classes,
                "confidence-map": {"0": 0.9, "1": 0.9, "2": 0.9, "3": 0.8},
                "type": "groundtruth/image-classification-multilabel",
                "human-annotated": "yes",
                "creation-date": "2026-11-22T10:00:00.000000",
                "job-name": "labeling-job/job",
            },
        }
        for key, label in pictures
    ]
    file = put(stack, "images/output.manifest", "\n".join(map(json.dumps, lines)))
    result = stack.run({"training": {"groundTruth": file}, "testing": {"groundTruth": file}, **GATE})
    # Both name the same images: the training set is left empty by the rule that no image is in both.
    assert result.error == "DatasetRejected"
    assert "besides 24 that the test dataset holds too" in result.cause
    result = stack.run({"training": {"groundTruth": file}, **GATE})
    assert result.status == "SUCCEEDED", result.cause
    found = labels_of(stack)
    assert found["striped"] == found["across"] + found["down"]


def test_csv(stack, pictures):
    rows = io.StringIO()
    table = csv.writer(rows)
    table.writerow(["image", "label"])
    table.writerows(pictures)
    file = put(stack, f"images/{PROJECT}/train/labels.csv", rows.getvalue())
    result = stack.run({"training": {"csv": file}, **GATE})
    assert result.status == "SUCCEEDED", result.cause
    assert labels_of(stack) == {"across": 6, "down": 6, "checks": 6}


def test_label_studio_choices(stack, pictures):
    tasks = [
        {
            "id": number,
            "data": {"image": FOLDER + key},
            "annotations": [
                {
                    "id": number,
                    "was_cancelled": False,
                    "created_at": "2026-11-22T10:00:00Z",
                    "updated_at": "2026-11-22T10:00:00Z",
                    "result": [
                        {
                            "type": "choices",
                            "from_name": "choice",
                            "to_name": "image",
                            "value": {"choices": [label]},
                        }
                    ],
                }
            ],
        }
        for number, (key, label) in enumerate(pictures)
    ]
    file = put(stack, "images/export.json", json.dumps(tasks))
    result = stack.run({"training": {"labelStudio": file}, **GATE})
    assert result.status == "SUCCEEDED", result.cause
    assert labels_of(stack) == {"across": 6, "down": 6, "checks": 6}


def test_a_dry_run_says_what_would_be_and_creates_nothing(stack, pictures):
    result = stack.run({"dryRun": True})
    assert result.status == "SUCCEEDED", result.cause
    assert result.output["outcome"] == "dryRun"
    assert result.output["changes"]["training"] == {"action": "create", "images": 24, "leftOut": 0}
    assert result.output["cost"]["training"] == 2
    assert result.output["cost"]["runningPerDay"] == 96
    assert stack.rekognition.describe_projects()["ProjectDescriptions"] == []
    place = result.output["report"].removeprefix(f"s3://{BUCKET}/")
    page = stack.s3.get_object(Bucket=BUCKET, Key=place)["Body"].read().decode()
    assert "checks" in page


def bare(reference, label="across"):
    """A manifest line with one image-level label."""
    return {
        "source-ref": reference,
        "a": 1,
        "a-metadata": {
            "confidence": 1,
            "class-name": label,
            "human-annotated": "yes",
            "creation-date": "2026-11-22T10:00:00.000Z",
            "type": "groundtruth/image-classification",
        },
    }


def good():
    return [bare(f"{FOLDER}{label}/{number}.png", label) for label in LABELS for number in range(8)]


def many(line, number):
    """One more attribute and its metadata, with a label that no other line has."""
    yield "more", "", 1
    yield "more", "-metadata", {**line["a-metadata"], "class-name": f"{line['source-ref']} {number}"}


BROKEN = {
    "ERROR_MANIFEST_TOO_FEW_LABELS": lambda: [line for line in good() if "/down/" in line["source-ref"]],
    "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST": lambda: [*good(), *({"label": n} for n in range(9))],
    "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS": lambda: [*good(), bare("s3://elsewhere/a.png")],
    "ERROR_MANIFEST_TOO_MANY_LABELS": lambda: [
        {**line, **{f"{name}{n}{end}": value for n in range(11) for name, end, value in many(line, n)}}
        for line in good()
    ],
    "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE": lambda: [*good(), bare(f"{FOLDER}down/x.png", "one")],
    "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS": lambda: [
        *(bare(f"{FOLDER}missing/{n}.png", "gone") for n in range(8)),
        *(line for line in good() if "/down/" in line["source-ref"]),
    ],
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_set_is_refused_before_a_dataset_or_a_training_is_asked_for(stack, pictures, code):
    file = put(stack, "images/broken.manifest", "\n".join(map(json.dumps, BROKEN[code]())))
    result = stack.run({"training": {"manifest": file}, **GATE})
    assert (result.status, result.error) == ("FAILED", "DatasetRejected")
    assert code in result.cause, result.cause
    assert f"s3://{BUCKET}/manifests/" in result.cause
    assert_nothing_was_asked_for(stack, result)


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("LINES", 20, "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM"),
        ("MANIFEST_BYTES", 1000, "ERROR_MANIFEST_SIZE_TOO_LARGE"),
    ],
)
def test_a_manifest_beyond_a_limit_is_refused(stack, pictures, monkeypatch, limit, value, code):
    monkeypatch.setattr(f"customlabels.preflight.rules.{limit}", value)
    result = stack.run(GATE)
    assert result.error == "DatasetRejected"
    assert code in result.cause, result.cause
    assert_nothing_was_asked_for(stack, result)


def test_a_manifest_without_a_line_is_refused(stack, pictures):
    result = stack.run({"training": {"manifest": put(stack, "images/empty.manifest", "\n")}, **GATE})
    assert result.error == "DatasetRejected"
    assert "images/empty.manifest holds no labelled PNG or JPEG image" in result.cause
    assert_nothing_was_asked_for(stack, result)


def test_test_images_of_which_too_few_can_be_used_are_refused(stack, pictures):
    lines = [bare(f"{FOLDER}down/100.png", "down")]
    lines += [bare(f"{FOLDER}missing/{label}.png", label) for label in ("across", "checks")]
    stack.put("train", range(100, 101), labels=("down",))
    file = put(stack, "images/test.manifest", "\n".join(map(json.dumps, lines)))
    result = stack.run({"testing": {"manifest": file}, **GATE})
    assert result.error == "DatasetRejected"
    page = result.cause.partition("All findings: ")[2].split()[0].removesuffix(".")
    report = page.removeprefix(f"s3://{BUCKET}/").replace(".html", ".json")
    findings = json.loads(stack.s3.get_object(Bucket=BUCKET, Key=report)["Body"].read())["findings"]
    assert "ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP" in {found["code"] for found in findings}
    assert_nothing_was_asked_for(stack, result)


def test_too_little_in_common_between_training_and_testing_is_refused(stack, pictures):
    lines = [bare(f"{FOLDER}down/{n}.png", "another") for n in range(3)]
    file = put(stack, "images/test.manifest", "\n".join(map(json.dumps, lines)))
    result = stack.run({"testing": {"manifest": file}, **GATE})
    assert result.error == "DatasetRejected"
    assert "ERROR_INSUFFICIENT_LABEL_OVERLAP" in result.cause
    assert_nothing_was_asked_for(stack, result)


def test_images_that_cannot_be_used_are_found_by_their_headers(stack, pictures):
    for number in range(4):
        key = f"images/{PROJECT}/train/down/broken-{number}.png"
        stack.s3.put_object(Bucket=BUCKET, Key=key, Body=b"GIF89a" + bytes([number]) * 50)
    result = stack.run(GATE)
    assert result.status == "SUCCEEDED", result.cause
    findings = json.loads(
        stack.s3.get_object(Bucket=BUCKET, Key=f"manifests/{PROJECT}/{result.output['version']}/findings.json")[
            "Body"
        ].read()
    )
    (finding,) = [found for found in findings["findings"] if found["code"] == "ERROR_INVALID_IMAGE"]
    assert finding["count"] == 4
    assert finding["severity"] == "warning"


def test_lines_that_the_service_drops_are_found_by_counting(stack, pictures):
    lines = [*good(), *good()[:2]]
    file = put(stack, "images/twice.manifest", "\n".join(map(json.dumps, lines)))
    for number in range(100, 103):
        for label in LABELS:
            key = f"images/{PROJECT}/test/{label}/{number}.png"
            stack.s3.put_object(Bucket=BUCKET, Key=key, Body=picture(label, number))
    test = {"folder": f"s3://{BUCKET}/images/{PROJECT}/test/"}
    result = stack.run({"training": {"manifest": file}, "testing": test, **GATE})
    assert result.status == "SUCCEEDED", result.cause
    key = f"manifests/{PROJECT}/{result.output['version']}/findings.json"
    findings = json.loads(stack.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())["findings"]
    messages = {found["code"]: found["message"] for found in findings}
    assert messages["ENTRIES_MISSING"] == "26 lines were sent to the training dataset and 24 are in it."


@takes_long("250 labels are drawn, trained and judged")
def test_a_set_of_250_labels_with_long_names_fits_the_state(stack):
    lines = []
    for number in range(250):
        label = f"{number:03}" + "\u4e2d" * 250
        for copy in range(2):
            key = f"images/many/{number}-{copy}.png"
            stack.s3.put_object(Bucket=BUCKET, Key=key, Body=picture(LABELS[number % 3], 1000 + number * 2 + copy))
            lines.append(json.dumps(bare(f"s3://{BUCKET}/{key}", label), ensure_ascii=False))
    file = put(stack, "images/many.manifest", "\n".join(lines))
    result = stack.run({"training": {"manifest": file}, **GATE}, seconds=300)
    largest = max(
        len(text.encode())
        for event in result.events
        for details in event.values()
        if isinstance(details, dict)
        for text in (details.get("input", ""), details.get("output", ""))
    )
    assert largest < 256 * 1024
    assert "Evaluate" in result.states
