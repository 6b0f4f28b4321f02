"""By what equal contents of two objects are known."""

import boto3
import pytest
from customlabels.images import Images
from moto import mock_aws

from tests.images import picture

PICTURE = picture("across", 0)


@pytest.fixture
def s3():
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="data")
        yield client


def contents(s3, **options):
    for key in ("one", "other"):
        s3.put_object(Bucket="data", Key=key, Body=PICTURE, **options)
    return [facts.content for facts in Images(s3).facts(["s3://data/one", "s3://data/other"])]


def test_an_etag_tells_contents_apart(s3):
    one, other = contents(s3)
    assert one == other
    assert one.startswith("etag:")


@pytest.mark.parametrize("algorithm", ["SHA256", None])
def test_under_kms_an_etag_is_no_hash_of_the_content(s3, algorithm):
    options = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    one, other = contents(s3, ServerSideEncryption="aws:kms", **options)
    assert one == other
    assert one.partition(":")[0] in ("checksum", "bytes")
