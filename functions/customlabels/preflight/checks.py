"""Checks the data of a run as Rekognition will, before a dataset is created or a training is paid for.

Lines go in one after the other, training and testing in any order.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from customlabels.preflight.census import Census, Kind, Side
from customlabels.preflight.dataset_checks import (
    check_kinds,
    check_labels,
    check_overlap,
    check_split,
    check_whole,
    tested_labels,
)
from customlabels.preflight.findings import Finding, Findings, Verdict, quoted, verdict
from customlabels.preflight.line_checks import Checked, Facts, check_line


class Report(NamedTuple):
    """What a check found: JSON values, but for the verdict's and findings' being tuples.

    `datasets` has, by name, {"lines", "usable", "ignored", "invalid", "duplicates", "read", "compared"}; the last
    tells how many images were compared by what ("etag", …; "none" by nothing but their name). `labels` has
    {"label", "training", "testing"}, counts of images that can be used, sorted by label.
    """

    verdict: Verdict
    kind: Kind | None
    datasets: dict[str, dict[str, Any]]
    labels: list[dict[str, Any]]
    findings: list[Finding]

    def to_json(self) -> dict[str, Any]:
        """The report as the JSON file that the run keeps."""
        return {
            **self._asdict(),
            "verdict": self.verdict._asdict(),
            "findings": [asdict(finding) for finding in self.findings],
        }


class Preflight:
    """Takes the lines of both datasets, and reports; `split`: the test dataset will be split off the other."""

    def __init__(self, *, split: bool = False) -> None:
        self.split = split
        self.sides: dict[Side, Census] = {"training": Census("training"), "testing": Census("testing")}
        self.both = Findings("both")

    def add(self, side: Side, text: str, facts: Facts | None = None) -> None:
        """Check the next line of that dataset, with what was read of its image."""
        census = self.sides[side]
        census.lines += 1
        census.size += len(text.encode()) + 1
        checked = check_line(text, facts)
        for fault in checked.faults:
            census.found.add(fault.code, fault.says, line=census.lines, image=checked.reference)
        if facts is not None:
            census.read += facts.width is not None or facts.fault is not None
        if checked.reference is None or not self._known(side, checked, facts):
            census.count(checked)

    def report(self, converted: Iterable[Findings] = (), page: str = "") -> Report:
        """The findings on all lines so far, with those of the conversions that made them; call it once.

        Rows that a conversion left out count as invalid lines. `page` is where the findings can be read.
        """
        for findings in converted:
            census = self.sides[findings.dataset]  # type: ignore[index]
            census.found.merge(findings)
        training, testing = self.sides["training"], self.sides["testing"]
        kind = self._kind()
        for side, census in self.sides.items():
            if not (self.split and side == "testing"):
                check_whole(side, census)
                check_kinds(side, census, kind)
        check_labels(training, kind)
        if self.split:
            check_split(training, kind)
        else:
            check_overlap(training, testing, kind, self.both)
        listed = [
            *training.found.listed(),
            *([] if self.split else testing.found.listed()),
            *self.both.listed(),
        ]
        listed.sort(key=lambda finding: finding.severity)  # stable: errors first
        trained, tested = training.usable[kind or "image"], tested_labels(testing, kind).usable
        labels = [
            {"label": label, "training": trained[label], "testing": None if self.split else tested[label]}
            for label in sorted(trained.keys() | tested.keys())
        ]
        shown = {"training": training} if self.split else {"training": training, "testing": testing}
        datasets = {side: census.summary() for side, census in shown.items()}
        return Report(verdict(listed, page), kind, datasets, labels, listed)

    def _known(self, side: Side, checked: Checked, facts: Facts | None) -> bool:
        """Compare the image with those before it; whether this dataset has a line of it."""
        census = self.sides[side]
        other = self.sides["testing" if side == "training" else "training"]
        assert checked.reference is not None
        where: dict[str, Any] = {"line": census.lines, "image": checked.reference}
        theirs = "testing" if side == "training" else "training"
        key = hash(checked.reference)
        if key in census.references:
            census.duplicates += 1
            says = f"line {census.references[key] >> 32} names the same image"
            census.found.add("DUPLICATE_SOURCE_REF", says, **where)
            return True
        labels = hash((tuple(sorted(checked.labels)), tuple(sorted(checked.objects)))) & 0xFFFFFFFF
        row = census.lines << 32 | labels
        census.references[key] = row
        shared = key in other.references
        if shared:
            says = f"{side} line, the {theirs} one is line {other.references[key] >> 32}"
            self.both.add("IMAGE_IN_BOTH_DATASETS", says, **where)
        content = facts.content if facts else None
        census.compared[content.partition(":")[0] if content else "none"] += 1
        if content is None:
            return False
        same = hash(content)
        if same in census.contents:
            before = census.contents[same]
            says = f"line {before >> 32} has the same content"
            census.found.add("DUPLICATE_CONTENT", says, **where)
            if before & 0xFFFFFFFF != labels:
                told = quoted(checked.labels or checked.objects)
                says = f"it has {told} and line {before >> 32}, which has the same content, has others"
                census.found.add("SAME_CONTENT_OTHER_LABELS", says, **where)
        else:
            census.contents[same] = row
        if same in other.contents and not shared:
            says = f"{side} line, the {theirs} line {other.contents[same] >> 32} has the same content"
            self.both.add("CONTENT_IN_BOTH_DATASETS", says, **where)
        return False

    def _kind(self) -> Kind | None:
        """What will be trained: the kind of most training lines; how the service chooses is not documented."""
        labelled = self.sides["training"].labelled
        if not labelled.total():
            return None
        return "object" if labelled["object"] > labelled["image"] else "image"
