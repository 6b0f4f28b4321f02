"""Compares a trained model with the live one: on what the evaluations hold, or on what was measured again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from customlabels.bootstrap import Interval, difference_interval, interval
from customlabels.evaluation import Evaluation
from customlabels.gate import AGAIN, NOT_COMPARABLE, SAME, Champion
from customlabels.outcomes import Outcome, mean_rate, total

METRICS = ("f1", "precision", "recall")
AGREEMENT = 0.005  # by which a mean that is counted here may differ from the summary's


@dataclass(frozen=True)
class Measured:
    """What a training measured of its version: means, the labels that it knows, and each test image's outcome.

    `images` is None where there is no evaluation manifest that can be read.
    """

    arn: str
    version: str
    evaluation: Evaluation
    known: frozenset[str]
    images: dict[bytes, Outcome] | None

    @property
    def tested(self) -> frozenset[str]:
        return frozenset(one.label for one in self.evaluation.labels)

    @cached_property
    def agrees(self) -> bool:
        """Whether the images' outcomes give the means that the summary tells, so that one may count on them."""
        counts = total(self.images.values()) if self.images else {}
        means = ((getattr(self.evaluation, metric), mean_rate(metric, counts, self.tested)) for metric in METRICS)
        return all(mean is not None and abs(told - mean) <= AGREEMENT for told, mean in means)


def own_interval(model: Measured, metric: str) -> Interval | None:
    """The interval of the model's metric; None where the images' outcomes do not allow it."""
    return interval(model.images, model.tested, metric, model.arn) if model.images and model.agrees else None


def same_images(one: Measured, other: Measured) -> bool:
    """Whether both were measured on equal sets of images with equal truth."""
    return one.images is not None and other.images is not None and one.images.keys() == other.images.keys()


def compare(challenger: Measured, champion: Measured, metric: str) -> Champion:
    """The comparison of two models that were measured on the same images, by what their summaries tell."""
    labels = champion.tested
    before, after = _told(champion, metric, labels), _told(challenger, metric, labels)
    if before is None or after is None:
        return not_comparable(champion.version, "the live version has no label with a test image")
    sure = None
    if challenger.images and champion.images and challenger.agrees and champion.agrees:
        sure = difference_interval(challenger.images, champion.images, labels, metric, challenger.arn)
    note = f"compared on {len(champion.images or ()):,} test images and {len(labels)} labels"
    return Champion(champion.version, SAME, note, before, after - before, sure)


def compare_again(
    challenger: Measured, champion: Measured, again: Mapping[bytes, Outcome], metric: str
) -> Champion:
    """The comparison on the trained model's test images, with what was measured there of the live one (`again`).

    Images that could not be measured count for neither model.
    """
    if not challenger.images or not challenger.agrees:
        return not_comparable(champion.version, "the trained version's evaluation manifest and summary disagree")
    both = challenger.images.keys() & again.keys()
    live = total(again[key] for key in both)
    before = mean_rate(metric, live, champion.known)
    after = mean_rate(metric, total(challenger.images[key] for key in both), champion.known)
    if before is None or after is None:
        return not_comparable(champion.version, "no test image shows a label that the live version knows")
    sure = difference_interval(challenger.images, again, champion.known, metric, challenger.arn)
    labels = sum(one.positives > 0 and one.label in champion.known for one in live.values())
    note = f"measured again on {len(both):,} of {len(challenger.images):,} test images and {labels} labels"
    return Champion(champion.version, AGAIN, note, before, after - before, sure)


def not_comparable(version: str, why: str) -> Champion:
    return Champion(version, NOT_COMPARABLE, why)


def _told(model: Measured, metric: str, labels: Collection[str]) -> float | None:
    """The mean over the labels as the summary tells it; a label that the model does not know counts as 0."""
    if not labels:
        return None
    if model.tested == labels:
        return float(getattr(model.evaluation, metric))
    of_label = {one.label: getattr(one, metric) for one in model.evaluation.labels}
    return float(sum(of_label.get(label, 0.0) for label in labels) / len(labels))
