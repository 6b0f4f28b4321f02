"""Features of images already seen, in one SQLite file, by the SHA-256 of the image's content.

A second table remembers which content an S3 object had at an ETag, so that a known object is not read again.
Several processes may use the file at a time.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (digest TEXT PRIMARY KEY, version INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT, key TEXT, etag TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (bucket, key)
);
"""
_AT_A_TIME = 500  # variables in one statement


class Store(AbstractContextManager["Store"]):
    """The cache, open; `version` is that of the features: vectors of other versions are as good as absent."""

    def __init__(self, file: Path, version: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.version = version
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

    def digests(self, bucket: str, etags: dict[str, str]) -> dict[str, str]:
        """For each key of `bucket` that was seen at its ETag in `etags`: the digest, if its features are here."""
        found: dict[str, str] = {}
        for keys in _parts(list(etags)):
            marks = ",".join("?" * len(keys))
            joined = "SELECT key, etag, digest FROM objects JOIN images USING (digest) WHERE version = ?"
            statement = f"{joined} AND bucket = ? AND key IN ({marks})"
            rows = self._connection.execute(statement, (self.version, bucket, *keys))
            found.update({key: digest for key, etag, digest in rows if etags[key] == etag})
        return found

    def known(self, digests: Iterable[str]) -> set[str]:
        """Those digests whose features are here."""
        return set(self._select("digest", list(digests)))

    def vectors(self, digests: Sequence[str]) -> dict[str, bytes]:
        """The features of those digests, as bytes of float32."""
        return self._select("digest, vector", digests)

    def add(self, images: dict[str, bytes], objects: list[tuple[str, str, str, str]]) -> None:
        """Keep features by digest, and objects as (bucket, key, ETag, digest)."""
        self._connection.execute("BEGIN IMMEDIATE")
        rows = [(digest, self.version, vector) for digest, vector in images.items()]
        self._connection.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?)", rows)
        self._connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", objects)
        self._connection.execute("COMMIT")

    def _select(self, columns: str, digests: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in _parts(digests):
            marks = ",".join("?" * len(part))
            statement = f"SELECT {columns} FROM images WHERE version = ? AND digest IN ({marks})"  # noqa: S608
            for row in self._connection.execute(statement, (self.version, *part)):
                found[row[0]] = row[-1]
        return found


def _parts(items: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(items), _AT_A_TIME):
        yield items[start : start + _AT_A_TIME]
