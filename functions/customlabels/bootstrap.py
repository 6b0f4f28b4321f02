"""How sure a metric is: the percentile bootstrap over the test images, with nothing but the standard library.

A resample draws as many images as there are, with replacement, and the counts of each label are their sums. To add
some thousand counts at once, those of an image are packed into one integer, a field of fixed width for each, and
Python adds the integers. Two models are compared on the same resamples, so that what both find hard cancels out.
"""

import random
import sys
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence

from customlabels.outcomes import Outcome, rate

RESAMPLES = 1000
LEVEL = 0.95  # of the interval
# Up to so many images are drawn one by one, more in as many random groups of about one size: the sum of a group
# varies as its images together do, so that the interval is the same but for some 1.5 % of its width.
POOLS = 2500

Interval = tuple[float, float]


def interval(
    outcomes: Mapping[bytes, Outcome], labels: Collection[str], metric: str, seed: str
) -> Interval | None:
    """The interval of a metric's mean over the `labels`; None if no image shows one of them.

    A label that a resample does not show is left out of its mean. `seed` makes it the same each time; the order of
    the images does not matter.
    """
    rows = [[outcomes[key]] for key in sorted(outcomes)]
    values = [value for (value,) in _means(rows, labels, metric, seed)]
    return _percentiles(values)


def difference_interval(
    challenger: Mapping[bytes, Outcome],
    champion: Mapping[bytes, Outcome],
    labels: Collection[str],
    metric: str,
    seed: str,
) -> Interval | None:
    """The interval of challenger less champion, on the images of both; None if none shows one of the `labels`."""
    rows = [[challenger[key], champion[key]] for key in sorted(challenger.keys() & champion.keys())]
    return _percentiles([one - other for one, other in _means(rows, labels, metric, seed)])


def _percentiles(values: list[float]) -> Interval | None:
    if not values:
        return None
    values.sort()
    cut = int(len(values) * (1 - LEVEL) / 2)
    return values[cut], values[-1 - cut]


def _means(
    rows: list[list[Outcome]], labels: Collection[str], metric: str, seed: str
) -> Iterator[tuple[float, ...]]:
    """Each resample's mean metric of each model; `rows` hold an image's outcome for each model."""
    shown = sorted({one.label for row in rows for one in row[0] if one.label in labels and one.positives})
    if not shown:
        return
    models = len(rows[0])
    pack = _Packing(shown, models, rows)
    packed = [0] * min(len(rows), POOLS)
    for index, row in enumerate(rows):  # in the order of hashes, which is as good as chance
        packed[index % POOLS] += pack(row)
    chance = random.Random(seed)  # noqa: S311 - it must be repeatable, and guards nothing
    for _ in range(RESAMPLES):
        sums = pack.unpack(sum(chance.choices(packed, k=len(packed))))
        positives = sums[0]
        present = [index for index, number in enumerate(positives) if number]
        if present:
            yield tuple(
                sum(
                    rate(metric, positives[index], sums[1 + 2 * model][index], sums[2 + 2 * model][index])
                    for index in present
                )
                / len(present)
                for model in range(models)
            )


class _Packing:
    """Counts of images as integers: the labels' positives, then the right and the wrong findings of each model."""

    def __init__(self, labels: Sequence[str], models: int, rows: list[list[Outcome]]) -> None:
        self.at = {label: index for index, label in enumerate(labels)}
        self.columns = 1 + 2 * models
        most = max((max(one[1:]) for row in rows for image in row for one in image), default=0)
        pooled = most * -(-len(rows) // POOLS)  # in one group
        self.code = "H" if pooled * min(len(rows), POOLS) < 2**16 else "Q"

    def __call__(self, row: list[Outcome]) -> int:
        width = len(self.at)
        fields = array(self.code, bytes(array(self.code).itemsize * width * self.columns))
        for model, image in enumerate(row):
            for label, positives, right, wrong in image:
                index = self.at.get(label)
                if index is not None:
                    fields[index] = positives  # the image's, whichever model looks at it
                    fields[(1 + 2 * model) * width + index] = right
                    fields[(2 + 2 * model) * width + index] = wrong
        return int.from_bytes(fields.tobytes(), sys.byteorder)

    def unpack(self, total: int) -> "list[array[int]]":
        """The sums, a column after the other."""
        width, size = len(self.at), array(self.code).itemsize
        fields = array(self.code)
        fields.frombytes(total.to_bytes(size * width * self.columns, sys.byteorder))
        return [fields[start : start + width] for start in range(0, width * self.columns, width)]
