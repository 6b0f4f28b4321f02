"""The labels and boxes of many images, gathered from rows that come in any order.

Kept in arrays: an image takes about 100 bytes and its name, a label or a box 24 bytes.
"""

from array import array
from collections.abc import Hashable, Iterator
from typing import NamedTuple

from customlabels.exports.lines import Size

_NONE = -1  # no earlier entry; no size
_NO_BOX = -(2**31)


class Entry(NamedTuple):
    """A label of an image, as it was added: `label` of any hashable kind, and the box's pixels if it has one."""

    label: Hashable
    box: tuple[int, int, int, int] | None  # left, top, width, height


class Gathered:
    """What is known of each image, by any key; images keep the order in which they were first named."""

    def __init__(self) -> None:
        self._images: dict[Hashable, int] = {}
        self._labels: dict[Hashable, int] = {}
        self._names: list[Hashable] = []
        self._sizes = (array("i"), array("i"))
        self._last = array("i")  # by image: its last entry
        self._previous = array("i")  # by entry: the one before it of the same image
        self._label = array("i")
        self._box = array("i")  # four to an entry

    def image(self, key: Hashable) -> int:
        """The number of an image, a new one for a new key."""
        number = self._images.setdefault(key, len(self._images))
        if number == len(self._last):
            self._last.append(_NONE)
            for side in self._sizes:
                side.append(_NONE)
        return number

    def set_size(self, image: int, size: Size) -> None:
        """Keep the size of an image, in pixels."""
        self._sizes[0][image], self._sizes[1][image] = size

    def add(self, image: int, label: Hashable, box: tuple[int, int, int, int] | None = None) -> None:
        """Add a label to an image, or a box with a label."""
        number = self._labels.setdefault(label, len(self._labels))
        if number == len(self._names):
            self._names.append(label)
        self._previous.append(self._last[image])
        self._last[image] = len(self._label)
        self._label.append(number)
        self._box.extend(box or (_NO_BOX, 0, 0, 0))

    def size(self, image: int) -> Size | None:
        """The size of an image, None where it was not set."""
        width, height = self._sizes[0][image], self._sizes[1][image]
        return None if width == _NONE else (width, height)

    def images(self) -> Iterator[tuple[Hashable, int]]:
        """Each image's key and number."""
        return iter(self._images.items())

    def entries(self, image: int) -> list[Entry]:
        """The labels and boxes of an image, in the order in which they were added."""
        entries, at = [], self._last[image]
        while at != _NONE:
            left, top, width, height = self._box[4 * at : 4 * at + 4]
            box = None if left == _NO_BOX else (left, top, width, height)
            entries.append(Entry(self._names[self._label[at]], box))
            at = self._previous[at]
        return entries[::-1]
