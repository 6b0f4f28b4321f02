"""Rounds of a batch: a Distributed Map over the chunks, and another one over those that it has left.

It travels as {"number" of the round, "key" of its list of chunks, "left": chunks of it, "parts": objects of
results that there were before, "stalled": rounds in a row that added none, "began" and "ended": when the first
began to ask and the last was through (ISO 8601), "runs": whether the model does, "wait", "poll"}.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from customlabels.batching import lines
from customlabels.batching.places import Places
from customlabels.polling import Poll

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STALLED = 3  # rounds in a row that bring nothing, after which a batch is given up
LAST = 3  # from this round on, an image whose calls fail again and again gets a line that says so


def first(key: str, chunks: int, poll: Poll) -> dict[str, Any]:
    """The first round; `poll` waits for the model, and for functions that are still at work."""
    return {
        "number": 1,
        "key": key,
        "left": chunks,
        "parts": 0,
        "stalled": 0,
        "began": None,
        "ended": None,
        "runs": False,
        "wait": False,
        "poll": poll,
    }


def following(
    before: dict[str, Any], key: str, left: int, parts: int, poll: Poll, now: datetime
) -> dict[str, Any]:
    """The round after one, for the chunks that are left; `parts` objects of results exist now."""
    return {
        **first(key, left, poll),
        "number": before["number"] + 1,
        "parts": parts,
        "stalled": 0 if parts > before["parts"] else before["stalled"] + 1,
        "began": before["began"],
        "ended": now.isoformat(),
    }


def left(s3: "S3Client", places: Places, chunks: int) -> list[int]:
    """The chunks of this execution, counted from 1, some of whose images have no line."""
    found = set(_done(s3, places))
    return [number for number in range(1, chunks + 1) if number not in found]


def count_parts(s3: "S3Client", places: Places) -> int:
    """How many objects of results this execution has written."""
    return sum(1 for _ in lines.objects(s3, places.bucket, places.own_results))


def _done(s3: "S3Client", places: Places) -> Iterator[int]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=places.bucket, Prefix=places.done)
    for page in pages:
        for mark in page.get("Contents", []):
            yield int(mark["Key"].removeprefix(places.done))
