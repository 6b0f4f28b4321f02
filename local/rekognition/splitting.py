"""Which images of a training set are set aside for testing."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from local.rekognition.settings import Settings


class TooFewImages(Exception):
    """A label has fewer images than a split needs; the text names it."""


def test_share(images: Sequence[tuple[str, tuple[str, ...]]], settings: Settings) -> set[int]:
    """Indices of the share (`split_fraction`) of `images` (source-ref, labels) for testing, of every label alike.

    An image counts for its rarest label. Each label keeps and gives at least one image. The choice depends on the
    source-refs and the seed, not on the order. Raises TooFewImages; images without labels are never chosen.
    """
    counts = Counter(label for _, labels in images for label in set(labels))
    for label, count in counts.items():
        if count < settings.split_minimum_images:
            raise TooFewImages(
                f"The label {label} has {count} of at least {settings.split_minimum_images} images."
            )
    groups: dict[str, list[int]] = {}
    for index, (_, labels) in enumerate(images):
        if labels:
            rarest = min(labels, key=lambda label: (counts[label], label))
            groups.setdefault(rarest, []).append(index)
    chosen: set[int] = set()
    for group in groups.values():
        wanted = min(max(1, round(len(group) * settings.split_fraction)), len(group) - 1)
        group.sort(key=lambda index: _draw(images[index][0], settings.seed))
        chosen.update(group[:wanted])
    return chosen


def _draw(source_ref: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{source_ref}".encode()).digest()
