"""What is counted of a dataset while its lines go by.

Memory grows with the number of lines, about 150 bytes each, and not with what they hold.
"""

from collections import Counter
from typing import Any, Literal

from customlabels.preflight.findings import Findings
from customlabels.preflight.line_checks import Checked

TRACKED = 1000  # labels and buckets that are counted one by one; more are only known to be more
Side = Literal["training", "testing"]
Kind = Literal["image", "object"]


class Census:
    """What is counted of one dataset."""

    def __init__(self, dataset: Side) -> None:
        self.found = Findings(dataset)
        self.lines = self.size = self.invalid = self.duplicates = self.read = self.bad_images = 0
        self.labelled: Counter[Kind] = Counter()  # usable lines by kind; one of both kinds counts as image
        # Images by label: as the lines say, and of those whose image can be used.
        self.named: dict[Kind, Counter[str]] = {"image": Counter(), "object": Counter()}
        self.usable: dict[Kind, Counter[str]] = {"image": Counter(), "object": Counter()}
        self.more_labels = False
        self.buckets: Counter[str] = Counter()
        self.compared: Counter[str] = Counter()
        # Hashes, for 250,000 references and contents take many times the memory: hash → line and hash of labels.
        self.references: dict[int, int] = {}
        self.contents: dict[int, int] = {}

    def count(self, checked: Checked) -> None:
        """Count the labels of a line that is no duplicate."""
        if checked.bucket is not None:
            _count(self.buckets, checked.bucket)
        self.invalid += checked.removed or checked.bad_image
        self.bad_images += checked.bad_image and not checked.removed
        by_kind: dict[Kind, list[str]] = {"image": checked.labels, "object": checked.objects}
        for kind, labels in by_kind.items():
            for label in labels:
                self.more_labels |= not _count(self.named[kind], label)
                if not checked.bad_image:
                    _count(self.usable[kind], label)
        if not checked.bad_image and (checked.labels or checked.objects):
            self.labelled["image" if checked.labels else "object"] += 1

    def summary(self) -> dict[str, Any]:
        """The counts as the report has them."""
        usable = self.labelled.total()
        return {
            "lines": self.lines,
            "usable": usable,
            "ignored": self.lines - usable - self.invalid - self.duplicates,
            "invalid": self.invalid,
            "duplicates": self.duplicates,
            "read": self.read,
            "compared": dict(self.compared),
        }


def _count(counts: Counter[str], name: str) -> bool:
    """Count the name, unless too many others are counted already."""
    if name not in counts and len(counts) >= TRACKED:
        return False
    counts[name] += 1
    return True
