"""Uploading a folder of images; what is there already with the same content is not sent again."""

import base64
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from rich.filesize import decimal

from cli import images
from cli.errors import CommandError, FailedError, Interrupted, NotFound, code, explain
from cli.exits import Exit
from cli.images import Found, counted
from cli.screen import Screen
from cli.stack import Cloud, Stack

AT_ONCE = 10  # as many connections as boto3's pool keeps; each file is held in memory, at most 15 MB
IN_A_ROW = 20  # files that fail one after another until it is given up
_NAMES = 10  # that are shown of files with the same fate
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)


class Address(NamedTuple):
    """Where a folder goes: `prefix` is empty or ends with a slash."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


class Fate(StrEnum):
    """What became of a file."""

    UPLOADED = "uploaded"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


class Outcome(NamedTuple):
    """What became of a file, and why if it was skipped or failed."""

    fate: Fate
    why: str = ""


class Verdict(StrEnum):
    """What a listing says of a file: send it, leave it, or ask the object for its SHA-256."""

    SEND = "send"
    LEAVE = "leave"
    ASK = "ask"


@dataclass
class Sent:
    """What an upload did so far; `labels` counts the images of each label folder that are in S3 now."""

    to: Address
    split: bool = False
    fates: Counter[Fate] = field(default_factory=Counter)
    size: int = 0  # bytes that were sent
    labels: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    others: int = 0  # images that are at the address and not in the folder
    in_a_row: int = 0  # failures since something else happened

    @property
    def images(self) -> int:
        """How many images of the folder are in S3 now."""
        return self.fates[Fate.UPLOADED] + self.fates[Fate.UNCHANGED]

    @property
    def is_complete(self) -> bool:
        """Whether every image of the folder is in S3, and there is any."""
        return not self.failed and self.images > 0

    @property
    def exit(self) -> Exit:
        """How a command ends that did this: Failed where nothing is in S3, or nothing was to be sent."""
        if self.is_complete:
            return Exit.Done
        return Exit.SomeFailed if self.images else Exit.Failed

    def add(self, found: Found, outcome: Outcome) -> None:
        """Count what became of a file."""
        self.fates[outcome.fate] += 1
        self.in_a_row = self.in_a_row + 1 if outcome.fate is Fate.FAILED else 0
        if outcome.fate in (Fate.SKIPPED, Fate.FAILED):
            name = found.path.encode(errors="backslashreplace").decode()  # one that is not UTF-8 cannot be printed
            (self.skipped if outcome.fate is Fate.SKIPPED else self.failed).append((name, outcome.why))
        else:
            self.size += found.size if outcome.fate is Fate.UPLOADED else 0
            label = images.label_folder(found.path, self.split)
            self.unlabelled += label is None
            if label is not None:
                self.labels[label] += 1

    def result(self) -> dict[str, Any]:
        """The upload as plain values; `input` is what a run takes to train on it."""
        return {
            "folder": self.to.uri,
            "input": images.sources(self.to.uri, self.split),
            "images": self.images,
            "uploaded": self.fates[Fate.UPLOADED],
            "unchanged": self.fates[Fate.UNCHANGED],
            "bytes": self.size,
            "labels": dict(sorted(self.labels.items())),
            "unlabelled": self.unlabelled,
            "others": self.others,
            "skipped": [{"file": path, "why": why} for path, why in sorted(self.skipped)],
            "failed": [{"file": path, "why": why} for path, why in sorted(self.failed)],
        }


def opened(given: str) -> Path:
    """The folder of that name; CommandError when it is none."""
    folder = Path(given).expanduser()
    if not folder.is_dir():
        what = "a file" if folder.exists() else "not there"
        raise CommandError(
            f"FOLDER {given!r} is {what}: give a folder that holds a folder of PNG or JPEG files for each label."
        )
    return folder


def target(to: str | None, bucket: str, project: str, folder: Path) -> Address:
    """Where a folder goes: `to`, or below `images/<project>/` in the data bucket; CommandError for a bad `to`."""
    if to is None:
        name = folder.resolve().name
        if not name:
            raise CommandError(f"FOLDER {str(folder)!r} has no name of its own: say with --to where it goes.")
        return Address(bucket, f"images/{project}/{name}/")
    match = _ADDRESS.fullmatch(to)
    if not match:
        raise CommandError(f"--to {to!r} is no address of a folder: give s3://bucket/prefix/.")
    prefix = match[2] or ""
    return Address(match[1], prefix if prefix.endswith("/") or not prefix else f"{prefix}/")


def reach_note(to: Address, stack: Stack) -> str | None:
    """What to do before a stack can train on what lies in another bucket; None where it can already."""
    others = re.split(r"[,\s]+", stack.parameters.get("ImageBuckets", ""))
    if to.bucket in (stack.output("DataBucketName"), *others):
        return None
    return (
        f"Stack {stack.name} may not read s3://{to.bucket}: name the bucket in its parameter ImageBuckets "
        f"before a run trains on it."
    )


def stored(cloud: Cloud, to: Address) -> dict[str, str]:
    """The ETags of the objects at an address, by key without its prefix; CommandError when there is no bucket."""
    known: dict[str, str] = {}
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=to.bucket, Prefix=to.prefix)
    try:
        for page in pages:
            for one in page.get("Contents", []):
                known[one["Key"].removeprefix(to.prefix)] = one["ETag"].strip('"')
    except ClientError as error:
        if code(error) == "NoSuchBucket":
            raise NotFound(
                f"There is no bucket {to.bucket}: give --to a bucket that exists, "
                f"or deploy the stack again if the bucket was its own."
            ) from error
        raise
    return known


def compare(etag: str | None, body: bytes) -> Verdict:
    """What an object's ETag, None where there is no object, says of a file's content."""
    # Only a single-part object with SSE-S3 has its MD5 there: with KMS it looks like one, of parts it has a dash.
    if etag is None:
        return Verdict.SEND
    return Verdict.LEAVE if etag == hashlib.md5(body, usedforsecurity=False).hexdigest() else Verdict.ASK


def _has_content(s3: Any, to: Address, key: str, body: bytes) -> bool:
    """Whether the object was stored with the SHA-256 of this content; False where nobody may look."""
    try:
        head = s3.head_object(Bucket=to.bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError:
        return False
    checksum: str | None = head.get("ChecksumSHA256")
    return checksum == base64.b64encode(hashlib.sha256(body).digest()).decode()


def _treat(cloud: Cloud, folder: Path, to: Address, found: Found, etag: str | None) -> Outcome:
    """Upload one file unless it is there or is no image; what goes wrong is in the outcome."""
    key = f"{to.prefix}{found.path}"
    if len(key.encode()) > images.LONGEST_KEY:
        return Outcome(Fate.SKIPPED, images.LONG_NAME)
    try:
        with (folder / found.path).open("rb") as file:
            head = file.read(images.HEAD)
            kind = images.media_type(head)
            if kind is None:
                return Outcome(Fate.SKIPPED, images.NO_IMAGE)
            if not images.is_named_as_image(found.path):
                return Outcome(Fate.SKIPPED, images.OTHER_NAME)
            body = head + file.read(images.LARGEST)
    except OSError as error:
        return Outcome(Fate.FAILED, images.unreadable(error))
    if len(body) > images.LARGEST:  # it grew since the folder was looked through
        return Outcome(Fate.SKIPPED, images.TOO_LARGE)
    s3 = cloud.client("s3")
    try:
        verdict = compare(etag, body)
        if verdict is Verdict.LEAVE or (verdict is Verdict.ASK and _has_content(s3, to, key, body)):
            return Outcome(Fate.UNCHANGED)
        s3.put_object(Bucket=to.bucket, Key=key, Body=body, ContentType=kind, ChecksumAlgorithm="SHA256")
    except (ClientError, BotoCoreError, HTTPClientError) as error:
        return Outcome(Fate.FAILED, explain(error, cloud.endpoint).rstrip("."))
    return Outcome(Fate.UPLOADED)


def send(cloud: Cloud, folder: Path, sent: Sent, told: Callable[[int], None] = lambda size: None) -> Sent:
    """Upload a folder to `sent.to`, counting in `sent`; FailedError when file after file fails."""
    known = stored(cloud, sent.to)
    under_way: dict[Future[Outcome], Found] = {}
    pool = ThreadPoolExecutor(AT_ONCE)

    def collect(done: Iterable[Future[Outcome]]) -> None:
        for future in done:
            found = under_way.pop(future)
            sent.add(found, future.result())
            told(found.size)
        if sent.in_a_row >= IN_A_ROW:
            raise FailedError(
                f"{sent.in_a_row} files one after another could not be uploaded to {sent.to.uri}, the last since: "
                f"{sent.failed[-1][1]}. What is uploaded stays; the same command again goes on."
            )

    try:
        with closing(images.walk(folder)) as files:
            for found in files:
                if found.skip:
                    sent.add(found, Outcome(Fate.SKIPPED, found.skip))
                elif found.error:
                    sent.add(found, Outcome(Fate.FAILED, found.error))
                else:
                    etag = known.pop(found.path, None)
                    under_way[pool.submit(_treat, cloud, folder, sent.to, found, etag)] = found
                    if len(under_way) >= 2 * AT_ONCE:  # of 250,000 files, only these are held
                        collect(wait(under_way, return_when=FIRST_COMPLETED).done)
        while under_way:
            collect(wait(under_way, return_when=FIRST_COMPLETED).done)
    except BaseException:
        pool.shutdown(cancel_futures=True)
        for future, found in under_way.items():
            if not future.cancelled():
                sent.add(found, future.result())
        raise
    pool.shutdown()
    sent.others = sum(images.is_named_as_image(key) for key in known)
    return sent


def carry_out(cloud: Cloud, folder: Path, to: Address, seen: images.Survey, screen: Screen) -> Sent:
    """Upload a folder that was surveyed, with a bar; Interrupted says how far it came, and how to go on."""
    sent = Sent(to, seen.split)
    screen.line(
        f"Uploading {folder} to {to.uri}: {counted(seen.files, 'file')}, {decimal(seen.size)}", style="bold"
    )
    try:
        with screen.transfer("Uploading", seen.files, seen.size) as told:
            return send(cloud, folder, sent, told)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: {sent.images:,} of {counted(seen.files, 'file')} are at {to.uri} and stay there. "
            f"The same command again goes on, and passes over what is there."
        ) from None


def grouped(files: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each reason with the names of its files, of which a few are shown."""
    by_reason: Mapping[str, list[str]] = defaultdict(list)
    for path, why in sorted(files):
        by_reason[why].append(path)
    return [
        f"  {why}: {', '.join(paths[:_NAMES])}" + (f", and {len(paths) - _NAMES:,} more" if paths[_NAMES:] else "")
        for why, paths in by_reason.items()
    ]


def show(sent: Sent, screen: Screen) -> None:
    """Print what an upload did."""
    if sent.labels:
        rows = [[label, str(number)] for label, number in sorted(sent.labels.items())]
        screen.table("Images", ("label folder", "images"), rows)
    if sent.skipped:
        screen.line(f"Skipped {counted(len(sent.skipped), 'file')}:", style="yellow")
        for line in grouped(sent.skipped):
            screen.line(line)
    if sent.failed:
        screen.line(f"{counted(len(sent.failed), 'file')} could not be uploaded:", style="bold red")
        for line in grouped(sent.failed):
            screen.line(line)
        screen.line("The same command again tries these, and passes over what is there.")
    if sent.others:
        screen.line(
            f"The address also holds {counted(sent.others, 'image')} that the folder does not: "
            f"nothing is deleted, and a run trains on them too.",
            style="yellow",
        )
    if not sent.images and not sent.failed:
        screen.line("The folder holds no image: a PNG or a JPEG file is told by its content.", style="bold red")
    done, kept = sent.fates[Fate.UPLOADED], sent.fates[Fate.UNCHANGED]
    screen.line(
        f"{counted(done, 'image')} uploaded ({decimal(sent.size)}), {kept:,} unchanged: {sent.to.uri}",
        style="bold",
    )
