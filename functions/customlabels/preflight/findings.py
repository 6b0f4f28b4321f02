"""What a check of training data found: one finding for each rule and dataset, however often it was broken."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from customlabels.failures import LONGEST_CAUSE
from customlabels.preflight.rules import RULES, Severity

EXAMPLES = 5  # kept of one finding
LONGEST_VALUE = 80  # characters of a value that is quoted
LONGEST_EXAMPLE = 300  # characters of one text of an example


@dataclass(frozen=True)
class Finding:
    """One broken rule of one dataset (`training`, `testing` or `both`).

    An example is {"line", "item", "image", "label", "says"}, of which only what is known is there: the line of the
    manifest, counted from 1, or the item of the file that it was converted from.
    """

    code: str
    severity: Severity
    dataset: str
    message: str
    count: int
    examples: list[dict[str, Any]]


class Verdict(NamedTuple):
    """Whether the run goes on, and what the check found in one sentence or two."""

    accepted: bool
    cause: str


class Findings:
    """The findings of one dataset; memory does not grow with their number.

    `rejected` counts rows that a conversion left out where the service would have counted an invalid line.
    """

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        self.rejected = 0
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[dict[str, Any]]] = {}
        self._sentences: dict[str, str] = {}

    def add(self, code: str, says: str = "", **where: Any) -> None:
        """Count one breach; the first few are kept as examples of what it `says`, and where."""
        self._counts[code] = self._counts.get(code, 0) + 1
        examples = self._examples.setdefault(code, [])
        if len(examples) < EXAMPLES:
            known = {key: value for key, value in {**where, "says": says}.items() if value not in (None, "")}
            examples.append(
                {key: v if isinstance(v, int) else _cut(str(v), LONGEST_EXAMPLE) for key, v in known.items()}
            )

    def reject(self, code: str, says: str, **where: Any) -> None:
        """Count one breach, and the row that it is in as left out."""
        self.add(code, says, **where)
        self.rejected += 1

    def whole(self, code: str, sentence: str, labels: Iterable[str] = (), count: int = 1) -> None:
        """Note what is true of the dataset as a whole, in a sentence; the first of `labels` become examples."""
        self._counts[code] = count
        self._sentences[code] = sentence
        first = [label for label, _ in zip(labels, range(EXAMPLES), strict=False)]
        self._examples[code] = [{"label": _cut(label, LONGEST_EXAMPLE)} for label in first]

    def listed(self) -> list[Finding]:
        """The findings, errors first, and then in the order of the rules."""
        listed = [
            Finding(
                code, rule.severity, self.dataset, self._message(code), self._counts[code], self._examples[code]
            )
            for code, rule in RULES.items()
            if code in self._counts
        ]
        return sorted(listed, key=lambda finding: finding.severity)  # "error" < "warning"

    def to_json(self) -> dict[str, Any]:
        """A JSON value that `from_json` reads, so that a later state can go on with these findings."""
        return {
            "dataset": self.dataset,
            "rejected": self.rejected,
            "counts": self._counts,
            "examples": self._examples,
            "sentences": self._sentences,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Findings":
        """Findings as `to_json` gave them."""
        found = cls(value["dataset"])
        found.rejected = value["rejected"]
        found._counts, found._examples = dict(value["counts"]), dict(value["examples"])
        found._sentences = dict(value["sentences"])
        return found

    def merge(self, other: "Findings") -> None:
        """Take in the findings of an earlier step on the same dataset."""
        self.rejected += other.rejected
        self._sentences.update(other._sentences)
        for code, count in other._counts.items():
            self._counts[code] = self._counts.get(code, 0) + count
            self._examples[code] = (other._examples[code] + self._examples.get(code, []))[:EXAMPLES]

    def _message(self, code: str) -> str:
        if code in self._sentences:
            return self._sentences[code]
        where = "" if self.dataset == "both" else f" in the {self.dataset} dataset"
        return f"{RULES[code].what}: {self._counts[code]:,}{where}."


def verdict(findings: Iterable[Finding], page: str = "", limit: int = LONGEST_CAUSE) -> Verdict:
    """Whether no finding is an error, and a cause of at most `limit` characters that ends with where `page` is."""
    listed = list(findings)
    errors = [finding for finding in listed if finding.severity == "error"]
    warnings = len(listed) - len(errors)
    tail = f" All findings: {page}." if page else ""
    if not errors:
        told = f"with {_number(warnings, 'warning')}" if warnings else "without a finding"
        return Verdict(True, f"The data was checked {told}.{tail}"[:limit])
    room = limit - len(tail)
    text = f"The data was refused before training, {_number(len(errors), 'error')}"
    text += f" and {_number(warnings, 'warning')}: " if warnings else ": "
    for index, error in enumerate(errors):
        said = f"{error.code}: {error.message} "
        rest = f"And {len(errors) - index} more."
        if index and len(text) + len(said) + len(rest) > room:
            text += rest
            break
        text += said
    return Verdict(False, _cut(text.rstrip(), room) + tail)


def quoted(value: Any) -> str:
    """The value as Python writes it, cut where it is long."""
    return _cut(repr(value), LONGEST_VALUE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
