"""Every source on the local cloud, from its file in S3 to a trained model that runs."""

import csv
import io
import json

import pytest

from tests.rounds import thorough

LABELS = ("0", "1", "7")
SIDE = 128  # pixels of a sample image
WHEN = "2026-11-22T10:00:00.000Z"


def pictures(deployed, part, count):
    """(address, label) of the first sample images of some labels, which `deployed` has uploaded."""
    return [
        (f"s3://{deployed.bucket}/images/{deployed.project}/{part}/{label}/{file.name}", label)
        for label in LABELS
        for file in sorted((deployed.samples / part / label).iterdir())[:count]
    ]


def lines(found, kind="groundtruth/image-classification"):
    """Manifest lines, as Rekognition takes them and as a Ground Truth job writes them."""
    rows = []
    for address, label in found:
        several = kind.endswith("multilabel")
        number = LABELS.index(label)
        classes = {"class-map": {str(number): label}, "confidence-map": {str(number): 0.9}}
        named = {"class-name": label, "confidence": 0.9}
        metadata = {"type": kind, "human-annotated": "yes", "creation-date": WHEN, "job-name": "labeling-job/a"}
        row = {"source-ref": address, "a": [number] if several else number}
        rows.append(json.dumps({**row, "a-metadata": {**metadata, **(classes if several else named)}}))
    return "\n".join(rows)


def table(found):
    file = io.StringIO()
    csv.writer(file).writerows([("image", "label"), *found])
    return file.getvalue()


def coco(found):
    """Every image with one box, which is the whole image."""
    return json.dumps(
        {
            "images": [
                {"id": number, "file_name": address, "width": SIDE, "height": SIDE}
                for number, (address, _) in enumerate(found)
            ],
            "categories": [{"id": number, "name": label} for number, label in enumerate(LABELS)],
            "annotations": [
                {"id": n, "image_id": n, "category_id": LABELS.index(label), "bbox": [0, 0, SIDE, SIDE]}
                for n, (_, label) in enumerate(found)
            ],
        }
    )


def label_studio(found):
    return json.dumps(
        [
            {
                "id": number,
                "data": {"image": address},
                "annotations": [
                    {
                        "id": number,
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
            for number, (address, label) in enumerate(found)
        ]
    )


SOURCES = {
    "manifest": ("manifest", lines),
    "groundTruth": ("groundTruth", lines),
    "groundTruth-multilabel": (
        "groundTruth",
        lambda found: lines(found, "groundtruth/image-classification-multilabel"),
    ),
    "csv": ("csv", table),
    "coco": ("coco", coco),
    "labelStudio": ("labelStudio", label_studio),
}


@pytest.mark.parametrize("name", SOURCES if thorough() else ("labelStudio",))
def test_a_source_becomes_a_model(deployed, name):
    kind, written = SOURCES[name]
    project = f"{deployed.project}-{name}"
    given = {"project": project, "gate": {"minimum": 0.0}}
    for key, part, count in (("training", "train", 8), ("testing", "test", 3)):
        place = f"images/{name}.{part}"
        body = written(pictures(deployed, part, count)).encode()
        deployed.cloud.client("s3").put_object(Bucket=deployed.bucket, Key=place, Body=body)
        given[key] = {kind: f"s3://{deployed.bucket}/{place}"}
    ended = deployed.run(f"source-{name}", given)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert deployed.labels(project) == dict.fromkeys(LABELS, 8)
    deployed.stop(json.loads(ended["output"])["projectVersionArn"])
