"""The manifest lines of docs/migration.md are what Custom Labels, and a Ground Truth source, make of them."""

import json
import re

from customlabels.exports.ground_truth import convert
from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import check_line

from tests.templates import ROOT

PAGE = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
LINES = re.findall(r'^\{"source-ref".*$', PAGE.replace("OLD_BUCKET", "old-images"), re.MULTILINE)
# As Lookout for Vision's guide shows it, under the attribute that the page names.
MASK = {
    "anomaly-mask-ref": "s3://old-images/masks/1.png",
    "anomaly-mask-ref-metadata": {
        "internal-color-map": {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.0}},
        "type": "groundtruth/semantic-segmentation",
        "human-annotated": "yes",
        "creation-date": "2024-05-02T08:30:11.204",
        "job-name": "labeling-job/masks",
    },
}


def masked() -> list[str]:
    return [json.dumps({**json.loads(line), **MASK}) for line in LINES]


def test_lines_of_classified_images_pass_as_they_stand():
    checked = [check_line(line) for line in LINES]
    assert [(one.labels, one.faults) for one in checked] == [(["normal"], []), (["anomaly"], [])]


def test_a_mask_is_refused_as_it_stands():
    for line in masked():
        assert [fault.code for fault in check_line(line).faults] == ["ERROR_UNSUPPORTED_USE_CASE_TYPE"]


def test_a_ground_truth_source_keeps_the_class_and_counts_the_masks():
    found = Findings("training")
    images = list(convert(["\n".join(masked()).encode()], "s3://old-images/masks.manifest", found))
    assert [json.loads(image.line) for image in images] == [json.loads(line) for line in LINES]
    assert found.to_json()["counts"] == {"FOREIGN_ATTRIBUTE": 2}


def test_the_page_speaks_of_the_sources_that_there_are():
    from customlabels.sources import KINDS

    assert len(KINDS) == 7
    assert "any of seven kinds of source" in PAGE
