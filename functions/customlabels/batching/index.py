"""Which images have a line already, in bounded memory: one slice of them after the other, as sorted hashes.

An image is known by 64 bits of a hash: that one of ten million images has the hash of another is expected once in
370,000 batches of that size.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable

SLICE_BYTES = 500 * 1024**2  # of results that one slice covers: ten million lines at the most, 80 MB of hashes
BUCKETS = 256  # by the first byte of a hash: one of them is sorted at a time, which takes five times its room


def slices(size: int) -> int:
    """Into how many slices images are cut where so many bytes of results exist."""
    return 1 + size // SLICE_BYTES


def number(image: str) -> int:
    """The hash of an image's address."""
    return int.from_bytes(hashlib.blake2b(image.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Index:
    """The hashes of one slice of the images, of so many."""

    def __init__(self, part: int, of: int, stored: bytes = b"") -> None:
        self.part, self.of = part, of
        self._buckets = [array("Q") for _ in range(BUCKETS)]
        self._sorted = False
        self._note(array("Q", stored))

    def add(self, images: Iterable[str]) -> None:
        """Note those of the images that belong to this slice."""
        self._note(n for n in map(number, images) if n % self.of == self.part)

    def missing(self, images: Iterable[str]) -> list[str]:
        """Those of the images that belong to this slice and were not noted, each of them once."""
        if not self._sorted:
            self._buckets = [array("Q", sorted(bucket)) for bucket in self._buckets]
            self._sorted = True
        return [
            image
            for image in dict.fromkeys(images)
            if (n := number(image)) % self.of == self.part and not self._has(n)
        ]

    def mine(self, images: Iterable[str]) -> int:
        """How many different ones of the images belong to this slice."""
        return sum(number(image) % self.of == self.part for image in set(images))

    @property
    def stored(self) -> bytes:
        return b"".join(bucket.tobytes() for bucket in self._buckets)

    def _note(self, numbers: Iterable[int]) -> None:
        for n in numbers:
            self._buckets[n >> 56].append(n)
        self._sorted = False

    def _has(self, wanted: int) -> bool:
        bucket = self._buckets[wanted >> 56]
        at = bisect_left(bucket, wanted)
        return at < len(bucket) and bucket[at] == wanted
