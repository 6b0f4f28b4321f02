"""Reads a training's images from S3 and has them described or copied, with bounded memory.

Images whose ETag is known are not read again. The others are read by a few threads and handed to the worker
processes in batches; no more batches are under way than the workers have to do.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.rekognition.engine import Engine
from local.rekognition.lines import INVALID_IMAGE, Line
from local.rekognition.settings import Settings
from local.rekognition.store import Kind, Store, version
from local.rekognition.tasks import Limits, Picture

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BATCH_IMAGES = 32
BATCH_BYTES = 8 * 1024**2


def limits(settings: Settings) -> Limits:
    """What the settings accept as an image."""
    return Limits(
        settings.image_side_minimum,
        settings.image_side_maximum,
        settings.image_aspect_maximum,
        settings.exif_rotation,
    )


def gather(engine: Engine, lines: list[Line], kind: Kind) -> dict[str, str]:
    """The digest of each line's image, by source-ref; a line whose image is unusable is noted and left out.

    The features of the images, or copies of them, are in the store afterwards.
    """
    wanted: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.source_ref:
            wanted[line.source_ref].append(line)
    digests = _known(engine, [same[0] for same in wanted.values()], kind)
    unknown = [same[0] for ref, same in wanted.items() if ref not in digests]
    for line, digest, fault in _described(engine, unknown, kind):
        if digest is not None:
            digests[line.source_ref or ""] = digest
            continue
        for same in wanted[line.source_ref or ""]:
            same.fault(INVALID_IMAGE, fault, remove=True)
    return digests


def _known(engine: Engine, lines: list[Line], kind: Kind) -> dict[str, str]:
    """Digests of images of which the store has what is wanted, told by the ETags of listings: they cost little."""
    buckets: dict[str, dict[str, str]] = defaultdict(dict)
    for line in lines:
        buckets[line.bucket][line.key] = line.source_ref or ""
    digests: dict[str, str] = {}
    with Store(engine.features_file, version(limits(engine.settings)), kind) as store:
        for bucket, references in buckets.items():
            etags = store.etags(bucket, references)
            listed = _listed(engine.s3, bucket, etags)
            same = [key for key, etag in etags.items() if listed.get(key) == etag]
            digests.update({references[key]: digest for key, digest in store.digests(bucket, same).items()})
    return digests


def _listed(s3: "S3Client", bucket: str, keys: Collection[str]) -> dict[str, str]:
    """ETags of `keys` as far as a few pages of listings tell: of what they have in common, then of each folder."""
    found: dict[str, str] = {}
    if keys:
        common = commonprefix(list(keys))  # noqa: RUF071 - S3's prefixes are of characters, not of folders
        _list(s3, bucket, common, keys, found)
    folders: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        if key not in found:
            folders[key[: key.rfind("/") + 1]].append(key)
    for folder, inside in folders.items():
        _list(s3, bucket, folder, inside, found)
    return found


def _list(s3: "S3Client", bucket: str, prefix: str, keys: Collection[str], found: dict[str, str]) -> None:
    """Add what a listing tells of `keys`, in about as many pages as they would fill."""
    missing = set(keys)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        for page in islice(pages, 1 + len(keys) // 250):
            found.update({one["Key"]: one["ETag"] for one in page.get("Contents", []) if one["Key"] in missing})
            missing -= found.keys()
            if not missing:
                return
    except (ClientError, BotoCoreError):
        return  # listing may be forbidden where reading is not


def _described(engine: Engine, lines: list[Line], kind: Kind) -> Iterator[tuple[Line, str | None, str]]:
    """Each line with the digest of its image, or None and what is wrong."""
    running: dict[Future[Any], list[Line]] = {}
    batch: list[tuple[Line, Picture]] = []
    with ThreadPoolExecutor(engine.settings.s3_concurrency) as pool:
        for line, picture, fault in _pictures(engine, lines, pool):
            if picture is None:
                yield line, None, fault
                continue
            batch.append((line, picture))
            if len(batch) >= BATCH_IMAGES or sum(len(one.data) for _, one in batch) >= BATCH_BYTES:
                while len(running) >= max(1, 2 * engine.training.count):
                    yield from _finished(running)
                _send(engine, batch, running, kind)
                batch = []
    if batch:
        _send(engine, batch, running, kind)
    while running:
        yield from _finished(running)


def _pictures(
    engine: Engine, lines: list[Line], pool: ThreadPoolExecutor
) -> Iterator[tuple[Line, Picture | None, str]]:
    """Images in the order of `lines`, a few read ahead."""
    ahead: list[tuple[Line, Future[Picture | str]]] = []
    waiting = iter(lines)
    while True:
        for line in islice(waiting, 2 * engine.settings.s3_concurrency - len(ahead)):
            ahead.append((line, pool.submit(_read, engine, line)))
        if not ahead:
            return
        line, future = ahead.pop(0)
        result = future.result()
        yield (line, None, result) if isinstance(result, str) else (line, result, "")


def _read(engine: Engine, line: Line) -> Picture | str:
    """The image, or what is wrong with it."""
    try:
        answer = engine.s3.get_object(Bucket=line.bucket, Key=line.key)
        with answer["Body"] as body:
            if answer["ContentLength"] > engine.settings.image_s3_bytes:
                return (
                    f"The image is {answer['ContentLength']} bytes; {engine.settings.image_s3_bytes} are allowed."
                )
            return Picture(line.bucket, line.key, answer["ETag"], body.read())
    except ClientError as error:
        return f"The image is not accessible in S3: {error.response['Error'].get('Code', 'unknown error')}."


def _send(
    engine: Engine, batch: list[tuple[Line, Picture]], running: dict[Future[Any], list[Line]], kind: Kind
) -> None:
    future = engine.training.submit(
        "local.rekognition.learning:prepare",
        engine.features_file,
        [picture for _, picture in batch],
        limits(engine.settings),
        kind,
    )
    running[future] = [line for line, _ in batch]


def _finished(running: dict[Future[Any], list[Line]]) -> Iterator[tuple[Line, str | None, str]]:
    """The results of the batches that end next."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        for line, (digest, fault) in zip(running.pop(future), future.result(), strict=True):
            yield line, digest, fault
