"""Places in S3, as s3:// addresses name them."""

import re
from typing import NamedTuple

_S3_URI = re.compile(r"s3://([a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)


class Location(NamedTuple):
    """An S3 bucket with a key or a prefix."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_uri(uri: str) -> Location:
    """Bucket and key of `s3://bucket/key`; ValueError for any other text."""
    match = _S3_URI.fullmatch(uri)
    if not match:
        raise ValueError(f"{uri!r} is not an s3://bucket/key address")
    return Location(match[1], match[2] or "")
