"""What came of a batch, counted from the lines of its results."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from customlabels.batching.places import Places
from customlabels.costs import Prices

EXAMPLES = 20  # of images that failed
SHOWN = 20  # labels and reasons in the state, whose size is limited; the summary in S3 holds all
LONGEST = 200  # characters of an example's reason


@dataclass
class Tally:
    """Counts of lines; `asked` are those that this execution has written."""

    answered: int = 0
    failed: int = 0
    asked: int = 0
    labels: dict[str, int] = field(default_factory=dict)  # images that show each label
    reasons: dict[str, int] = field(default_factory=dict)  # images that failed, by the error's code
    examples: list[dict[str, str]] = field(default_factory=list)

    @property
    def images(self) -> int:
        return self.answered + self.failed

    @property
    def given(self) -> dict[str, Any]:
        """As it is stored between two calls."""
        return asdict(self)

    def add(self, lines: Iterable[dict[str, Any]], *, own: bool) -> None:
        """Count the lines of one object; `own`: this execution has written it."""
        for line in lines:
            self.asked += own
            if "error" in line:
                self._fail(line)
                continue
            self.answered += 1
            for label in {one["Name"] for one in line["Predictions"]}:
                self.labels[label] = self.labels.get(label, 0) + 1

    def _fail(self, line: dict[str, str]) -> None:
        self.failed += 1
        code = line["error"].partition(":")[0]
        self.reasons[code] = self.reasons.get(code, 0) + 1
        if len(self.examples) < EXAMPLES:
            self.examples.append({"image": line["image"], "error": line["error"][:LONGEST]})


def summary_of(
    event: dict[str, Any], tally: Tally, places: Places, prices: Prices
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary as it is written, and the execution's output; `event` is SummarizeBatch's.

    `imagesPerSecond` and `cost` are of this execution alone, everything else is of all results for the model.
    """
    model, round_ = event["model"], event["round"]
    seconds = _seconds(round_["began"], round_["ended"])
    units = model["units"]["MinInferenceUnits"]
    whole = {
        "project": event["project"],
        "version": model["version"],
        "projectVersionArn": model["arn"],
        "execution": event["execution"],
        "results": f"s3://{places.bucket}/{places.results}",
        "images": tally.images,
        "answered": tally.answered,
        "failed": tally.failed,
        "asked": tally.asked,
        "labels": dict(sorted(tally.labels.items())),
        "failures": dict(sorted(tally.reasons.items())),
        "examples": tally.examples,
        "tolerated": event["tolerated"],
        "seconds": round(seconds, 1),
        "imagesPerSecond": round(tally.asked / seconds, 2) if seconds else None,
        "cost": {"inferenceUnits": units, "amount": round(prices.per_hour(units) * seconds / 3600, 2)},
    }
    shown = {**whole, "labels": most(tally.labels), "failures": most(tally.reasons), "summary": places.summary.uri}
    return whole, {"outcome": "predicted", **{key: value for key, value in shown.items() if key != "examples"}}


def _seconds(began: str | None, ended: str | None) -> float:
    if began is None or ended is None:  # there was nothing to ask
        return 0.0
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def most(counts: dict[str, int]) -> dict[str, int]:
    """The most frequent of them, for the state."""
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:SHOWN])


def exceeds(tally: Tally, tolerated: float) -> bool:
    """Whether a larger share of the images failed than is tolerated."""
    return tally.failed > tolerated * tally.images


def too_many(tally: Tally, tolerated: float, summary: str) -> str:
    """The sentence for a batch of which too many images failed."""
    reasons = ", ".join(f"{code} {count:,}" for code, count in most(tally.reasons).items())
    share = tally.failed / tally.images
    return (
        f"{tally.failed:,} of {tally.images:,} images failed, {share:.1%}; tolerated are {tolerated:.1%}: "
        f"{reasons}. All results are kept; the summary is {summary}."
    )
