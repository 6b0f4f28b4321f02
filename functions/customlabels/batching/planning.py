"""Plans a batch a slice of time at a call: which images have no line yet, cut into chunks that lie in S3.

A plan travels in the state as {"stage": "index" or "list", "part" and "parts" of the images, see `index`, "token":
where the next call goes on, "images" that were found, "chunks" that were written, "done", "wait", "poll"}.
"""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from customlabels.batching import lines
from customlabels.batching.index import Index, slices
from customlabels.batching.listing import pages
from customlabels.batching.places import Places
from customlabels.errors import InvalidInput
from customlabels.polling import Poll, again

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SECONDS = 600  # of one call, whose function has 900
CHUNKS = 80_000  # for each, the Distributed Map gives back 3 bytes, and a state may hold 256 KiB
LONGEST = timedelta(minutes=16)  # that a function is at work on a chunk: its time limit, and a minute


def begin(poll: Poll) -> dict[str, Any]:
    """The plan that nothing is known of yet."""
    return {
        "stage": "index",
        "part": 0,
        "parts": 0,
        "token": None,
        "images": 0,
        "chunks": 0,
        "done": False,
        "wait": False,
        "poll": poll,
    }


def still_busy(s3: "S3Client", places: Places, now: datetime) -> bool:
    """Whether a function, maybe of an execution that was stopped, is at work on images of these results."""
    found = s3.list_objects_v2(Bucket=places.bucket, Prefix=places.busy).get("Contents", [])
    return any(now - mark["LastModified"] < LONGEST for mark in found)


class Planner:
    """Plans for one execution; a call that is repeated writes the same chunks again."""

    def __init__(self, s3: "S3Client", places: Places, size: int) -> None:
        """`size`: images of a chunk."""
        self._s3, self._places, self._size = s3, places, size

    def plan(self, plan: dict[str, Any], kind: str, address: str) -> dict[str, Any]:
        """Go on with a plan for some minutes, or wait for those who write the same results."""
        if not plan["parts"]:
            if still_busy(self._s3, self._places, datetime.now(UTC)):
                poll = again(plan["poll"], "A function of another execution was at work on the same output")
                return {**plan, "wait": True, "poll": poll}
            found = lines.objects(self._s3, self._places.bucket, self._places.results)
            plan = {**plan, "wait": False, "parts": slices(sum(one["Size"] for one in found))}
        end = time.monotonic() + SECONDS
        while True:
            plan = self._index(plan, end) if plan["stage"] == "index" else self._list(plan, kind, address, end)
            if plan["done"] or time.monotonic() >= end:
                return plan

    def _index(self, plan: dict[str, Any], end: float) -> dict[str, Any]:
        """Note the images of this part that have their line."""
        index = self._stored(plan) if plan["token"] else Index(plan["part"], plan["parts"])
        token, stage = plan["token"], "list"
        for found in lines.objects(self._s3, self._places.bucket, self._places.results, token):
            index.add(line["image"] for line in lines.read(self._s3, self._places.bucket, found["Key"]))
            token = found["Key"]
            if time.monotonic() >= end:
                stage = "index"
                break
        key = self._places.index(plan["part"])
        self._s3.put_object(Bucket=self._places.bucket, Key=key, Body=index.stored)
        return {**plan, "stage": stage, "token": token if stage == "index" else None}

    def _list(self, plan: dict[str, Any], kind: str, address: str, end: float) -> dict[str, Any]:
        """Cut the images of this part that have none into chunks."""
        index, token, images = self._stored(plan), plan["token"], plan["images"]
        waiting: list[str] = []
        chunks, ended = plan["chunks"], True
        for page in pages(self._s3, kind, address, token):
            images += index.mine(page.images)
            waiting += index.missing(page.images)
            token = page.token
            while len(waiting) >= self._size:
                chunks = self._write(chunks, waiting[: self._size])
                del waiting[: self._size]
            if time.monotonic() >= end:
                ended = False
                break
        if waiting:
            chunks = self._write(chunks, waiting)
        plan = {**plan, "images": images, "chunks": chunks, "token": token}
        if not ended:
            return plan
        plan |= {"stage": "index", "token": None, "part": plan["part"] + 1}
        if plan["part"] < plan["parts"]:
            return plan
        if not images:
            raise InvalidInput(
                f"{kind} is {address!r}, where no PNG or JPEG image is; accepted is where some are."
            )
        self.write_round(1, range(1, chunks + 1))
        return {**plan, "done": True}

    def write_round(self, number: int, chunks: Iterable[int]) -> None:
        """Write which chunks a Distributed Map goes through: an array of {"chunk": its number}."""
        body = json.dumps([{"chunk": chunk} for chunk in chunks]).encode()
        self._s3.put_object(Bucket=self._places.bucket, Key=self._places.round(number), Body=body)

    def _write(self, chunks: int, images: list[str]) -> int:
        number = chunks + 1
        if number > CHUNKS:
            raise InvalidInput(
                f"The images are more than {CHUNKS:,} chunks of {self._size:,}, the most of a batch: name a part "
                f"of them, or raise the stack's parameter ChunkImages."
            )
        body = json.dumps(images, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self._s3.put_object(Bucket=self._places.bucket, Key=self._places.chunk(number), Body=body)
        return number

    def _stored(self, plan: dict[str, Any]) -> Index:
        key = self._places.index(plan["part"])
        body = self._s3.get_object(Bucket=self._places.bucket, Key=key)["Body"].read()
        return Index(plan["part"], plan["parts"], body)
