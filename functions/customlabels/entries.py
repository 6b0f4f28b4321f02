"""Entries of datasets: read in slices, and what Rekognition itself says of them."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from customlabels.preflight.checks import Report
from customlabels.preflight.findings import Finding, Findings
from customlabels.preflight.rules import RULES

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

PAGES = 100  # of 100 entries, in one slice
PACE = 0.2  # seconds between pages: the account may make 5 calls a second
ERRORS = "cl-errors"  # the key that the service writes at the level of the fault


def read_slice(
    rekognition: "RekognitionClient", arn: str, token: str | None, **filters: Any
) -> tuple[list[str], str | None]:
    """The next slice of a dataset's entries, at most 10,000 lines, and the token of the one after it."""
    lines: list[str] = []
    for page in range(PAGES):
        if page:
            time.sleep(PACE)
        if token:
            filters["NextToken"] = token
        found = rekognition.list_dataset_entries(DatasetArn=arn, **filters)
        lines += found["DatasetEntries"]
        token = found.get("NextToken") or None
        if not token:
            break
    return lines, token


def add_entries(
    report: Report, dataset: str, lines: Iterable[str], *, sent: int | None = None, held: int | None = None
) -> Report:
    """The report with the faults in `lines` of ListDatasetEntries, and with lines that were silently dropped."""
    found = Findings(dataset)
    for line in lines:
        entry = json.loads(line)
        for error in _errors(entry):
            code = error.get("code", "")
            known = code if code in RULES else "ENTRY_ERROR"
            says = f"Rekognition: {code}: {error.get('message', '')}"
            found.add(known, says, image=entry.get("source-ref"))
    if sent is not None and held is not None:
        sentence = f"{sent:,} lines were sent to the {dataset} dataset and {held:,} are in it."
        found.whole("ENTRIES_MISSING", sentence, count=abs(sent - held))
    return report._replace(findings=_merged(report.findings, found.listed()))


def _merged(before: list[Finding], after: list[Finding]) -> list[Finding]:
    """Both lists, errors first; a fault that was foreseen is not counted twice."""
    listed = {(finding.code, finding.dataset): finding for finding in before}
    for finding in after:
        key = (finding.code, finding.dataset)
        if key not in listed or listed[key].count < finding.count:
            listed[key] = Finding(**asdict(finding))
    return sorted(listed.values(), key=lambda finding: finding.severity)


def _errors(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == ERRORS:
                yield from (error for error in inner if isinstance(error, dict))
            else:
                yield from _errors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _errors(inner)
