"""What was made of images already seen, in one SQLite file, by the SHA-256 of the image's content.

For image-level labels that is their features, for boxes a smaller copy (JPEG). Another table remembers which
content an S3 object had at an ETag, so that a known object is not read again.
Several processes may use the file at a time.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from local.rekognition.tasks import Limits

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (digest TEXT PRIMARY KEY, version INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS copies (digest TEXT PRIMARY KEY, version INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT, key TEXT, etag TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (bucket, key)
);
"""
FEATURES = 1  # of features.describe and of learning.shrink: what another version made is as good as absent
Kind = Literal["images", "copies"]  # the table: of features, or of copies
_AT_A_TIME = 500  # variables in one statement


def version(limits: Limits) -> int:
    """The version of the features of images decoded within `limits`: one that is turned has others."""
    return FEATURES * 2 + limits.exif_rotation


class Store(AbstractContextManager["Store"]):
    """The cache, open for features, or for copies, of one version."""

    def __init__(self, file: Path, version: int, kind: Kind = "images") -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.version, self.kind = version, kind
        self._connection = sqlite3.connect(file, timeout=60, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def etags(self, bucket: str, keys: Collection[str]) -> dict[str, str]:
        """The ETags at which those `keys` of `bucket` were seen last."""
        return self._objects("etag", bucket, keys)

    def digests(self, bucket: str, keys: Collection[str]) -> dict[str, str]:
        """What those `keys` held when they were seen last, if what was made of it is here."""
        digests = self._objects("digest", bucket, keys)
        known = self.known(digests.values())
        return {key: digest for key, digest in digests.items() if digest in known}

    def known(self, digests: Iterable[str]) -> set[str]:
        """Those digests of which something is here."""
        return set(self._select("digest", list(digests)))

    def vectors(self, digests: Sequence[str]) -> dict[str, bytes]:
        """The features of those digests, as bytes of float32; or the copies."""
        return self._select("digest, vector", digests)

    def add(self, images: dict[str, bytes], objects: list[tuple[str, str, str, str]]) -> None:
        """Keep features or copies by digest, and objects as (bucket, key, ETag, digest)."""
        self._connection.execute("BEGIN IMMEDIATE")
        rows = [(digest, self.version, vector) for digest, vector in images.items()]
        self._connection.executemany(f"INSERT OR REPLACE INTO {self.kind} VALUES (?, ?, ?)", rows)  # noqa: S608
        self._connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", objects)
        self._connection.execute("COMMIT")

    def _objects(self, column: str, bucket: str, keys: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in _parts(list(keys)):
            marks = ",".join("?" * len(part))
            statement = f"SELECT key, {column} FROM objects WHERE bucket = ? AND key IN ({marks})"  # noqa: S608
            found.update(self._connection.execute(statement, (bucket, *part)).fetchall())
        return found

    def _select(self, columns: str, digests: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in _parts(digests):
            marks = ",".join("?" * len(part))
            statement = f"SELECT {columns} FROM {self.kind} WHERE version = ? AND digest IN ({marks})"  # noqa: S608
            for row in self._connection.execute(statement, (self.version, *part)):
                found[row[0]] = row[-1]
        return found


def _parts(items: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(items), _AT_A_TIME):
        yield items[start : start + _AT_A_TIME]
