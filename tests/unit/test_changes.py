"""What makes data the same, and a training not worth its price; which versions are pruned."""

import pytest
from customlabels.changes import SPLIT, Data, digest_of, made_of, why_not
from customlabels.manifests import Image, folder_labels, read_line
from customlabels.merging import Merge
from customlabels.pruning import to_prune
from hypothesis import given
from hypothesis import strategies as st

LINE = (
    '{"source-ref":"s3://b/k.png","label":1,"label-metadata":{"confidence":1,"class-name":"%s",'
    '"human-annotated":"yes","type":"groundtruth/image-classification","job-name":"%s","creation-date":"%s"}}'
)
ARN = "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/test/1"


def image(label="bolt", job="a", date="2026-01-01T00:00:00Z", etag=None):
    return read_line(LINE % (label, job, date))._replace(etag=etag)


def test_when_and_by_what_a_label_was_said_does_not_count():
    assert image().labelling == image(job="b", date="2026-02-02T00:00:00Z").labelling
    assert image().labelling != image("nut").labelling
    assert image(etag="1").digest == image(job="b", etag="1").digest != image("nut", etag="1").digest


def test_content_counts_where_it_is_known_and_the_address_where_it_is_not():
    one, copy = image(etag="1"), image(etag="1")._replace(reference="s3://b/copy.png")
    assert one.digest == copy.digest
    assert image().digest != image()._replace(reference="s3://b/copy.png").digest


def test_a_line_of_a_folder_and_the_entry_that_it_became_are_the_same():
    folder = Image("s3://b/k.png", "", "1", True, folder_labels("bolt"))
    assert folder.digest == image(job="folder", etag="1").digest


@pytest.mark.parametrize("line", ["", "no JSON", "[1]"])
def test_a_line_that_is_none_has_a_digest_too(line):
    assert len(Image("", line, labelled=False).digest) == 32


@given(st.lists(st.text("abc", min_size=1)), st.randoms())
def test_neither_order_nor_copies_make_other_data(digests, random):
    shuffled = digests * 2
    random.shuffle(shuffled)
    assert digest_of(shuffled) == digest_of(digests)


@pytest.mark.parametrize(
    ("tags", "data", "same"),
    [
        ({"data": "d", "testing": "t"}, Data("d", "t", None), True),
        ({"data": "d", "testing": SPLIT, "testDataset": ARN}, Data("d", "t", ARN), True),
        ({"data": "d", "testing": SPLIT, "testDataset": ARN}, Data("d", SPLIT, None), False),
        ({"data": "d", "testing": "other", "testDataset": ARN}, Data("d", "t", None), False),
        ({"data": "e", "testing": "t"}, Data("d", "t", ARN), False),
        ({}, Data("d", "t", ARN), False),
    ],
)
def test_versions_are_made_of_the_same_data(tags, data, same):
    assert made_of(tags, data) is same


GOOD = {"live": "v1", "same": False, "new": 5, "minimum": 0, "hours": 9.0, "minimum_hours": 0.0}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, None),
        ({"same": True}, "The data is that of the live version v1."),
        ({"same": True, "live": None}, None),
        ({"minimum": 5}, None),
        ({"minimum": 6}, "5 images are new since the live version v1 was made, fewer than minNewImages, 6."),
        ({"minimum": 6, "new": 1, "live": None}, "1 image is new since any version was made, fewer than"),
        ({"minimum_hours": 9.0}, None),
        (
            {"minimum_hours": 9.1},
            "The newest training began 9.0 hours ago; the parameter MinHoursBetweenRuns is 9.1.",
        ),
        ({"minimum_hours": 9.1, "hours": None}, None),
    ],
)
def test_what_no_training_is_worth(given, said):
    reason = why_not(**{**GOOD, **given})
    assert reason is None if said is None else reason.startswith(said)


def test_a_merge_tells_what_is_new_from_what_stays():
    held = [image(), image("nut")._replace(reference="s3://b/2"), image()._replace(reference="s3://b/3")]
    source = [image(job="b"), image("bolt")._replace(reference="s3://b/2"), image()._replace(reference="s3://b/4")]
    merge = Merge(held)
    assert [one.reference for one in merge.news([*source, *source])] == ["s3://b/2", "s3://b/4"]
    assert [one.reference for one in merge.rest(held)] == ["s3://b/k.png", "s3://b/3"]


STATUSES = ("TRAINING_COMPLETED", "STOPPED", "RUNNING", "STARTING", "TRAINING_IN_PROGRESS", "FAILED")


@given(
    st.lists(st.sampled_from(STATUSES), max_size=12), st.integers(1, 6), st.sets(st.integers(0, 11), max_size=3)
)
def test_pruning_takes_the_oldest_that_nobody_needs(statuses, keep, protected):
    versions = [(str(age), status) for age, status in enumerate(statuses)]  # 0 is the newest
    kept_anyway = {str(age) for age in protected}
    pruned = to_prune(versions, keep, kept_anyway)
    assert not kept_anyway & set(pruned)
    assert all(dict(versions)[one] in ("TRAINING_COMPLETED", "STOPPED", "FAILED") for one in pruned)
    left = len(versions) - len(pruned)
    assert left >= min(keep, len(versions))
    could = [one for one, status in versions if one not in kept_anyway and status not in STATUSES[2:5]]
    assert left <= keep or set(pruned) == set(could)
    assert pruned == sorted(pruned, key=int, reverse=True)
