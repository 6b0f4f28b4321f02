"""Which images have a line already, in bounded memory: one slice of them after the other, as sorted hashes.

An image is known by 64 bits of a hash: of ten million images, two share one with a probability of 3 in a million.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable

SLICE_BYTES = 100 * 1024**2  # of results that one slice covers: at the most two million lines, 16 MB of hashes


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
        self._numbers = array("Q", stored)
        self._sorted = False

    def add(self, images: Iterable[str]) -> None:
        """Note those of the images that belong to this slice."""
        self._numbers.extend(n for n in map(number, images) if n % self.of == self.part)
        self._sorted = False

    def missing(self, images: Iterable[str]) -> list[str]:
        """Those of the images that belong to this slice and were not noted, each of them once."""
        if not self._sorted:
            self._numbers = array("Q", sorted(self._numbers))
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
        return self._numbers.tobytes()

    def _has(self, wanted: int) -> bool:
        at = bisect_left(self._numbers, wanted)
        return at < len(self._numbers) and self._numbers[at] == wanted
