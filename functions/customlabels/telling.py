"""What is told of a run that has ended: the event for programs, and the message for a person."""

from typing import Any

from customlabels.costs import Prices, amount, running_said
from customlabels.records import LEAVES_RUNNING

EVENT = 1  # the version of the event's form, which docs/outcomes.md describes
SUBJECT = 100  # characters that SNS takes
_EVENT_KEYS = (
    "execution",
    "started",
    "ended",
    "outcome",
    "reason",
    "error",
    "cause",
    "projectVersionArn",
    "images",
    "trainingSeconds",
    "inferenceUnits",
    "cost",
    "report",
    "findings",
)


def event_of(project: str, record: dict[str, Any]) -> dict[str, Any]:
    """The detail of the event: the record without its lists, which the report holds whole."""
    metrics, verdict = record["metrics"] or {}, record["verdict"] or {}
    return {
        "version": EVENT,
        "project": project,
        "projectVersion": record["version"],
        **{key: record[key] for key in _EVENT_KEYS},
        "metrics": {key: metrics[key] for key in ("f1", "precision", "recall")} if metrics else None,
        "accepted": verdict.get("accepted"),
        "reasons": verdict.get("reasons", []),
    }


def subject_of(project: str, record: dict[str, Any]) -> str:
    """The subject of the message."""
    said = {
        "promoted": f"version {record['version']} is live",
        "switched": f"switched to version {record['version']}",
        "tested": f"version {record['version']} was tested and stopped",
        "unchanged": "nothing new, nothing trained",
    }.get(record["outcome"]) or (
        "the new model was refused" if record["error"] == "ModelRejected" else f"a run failed: {record['error']}"
    )
    return subject(f"{project}: {said}")


def subject(text: str) -> str:
    """A text as the subject of a message: plain ASCII, and no longer than SNS takes it."""
    return text.encode("ascii", "replace").decode()[:SUBJECT]


def message_of(project: str, record: dict[str, Any], prices: Prices) -> str:
    """The message: what became of the run, why, what it cost, and where to read on."""
    verdict = record["verdict"]
    lines = [f"Project {project}, run {record['execution'].rsplit(':', 1)[-1]}: {record['outcome']}."]
    if record["error"]:
        lines.append(f"{record['error']}: {record['cause']}")
    if record["reason"]:
        lines.append(record["reason"])
    if verdict:
        lines.append(_judged(verdict))
        lines += [f"- {reason}" for reason in verdict["reasons"]] if not record["error"] else []
    if record["outcome"] in LEAVES_RUNNING:
        units = record["inferenceUnits"]
        runs = f"runs on {running_said(units, prices)}" if units else "runs, and bills"
        lines.append(f"It {runs}, until it is stopped.")
    if record["outcome"] == "tested":
        lines.append(
            "It was started, tested and stopped again: nothing of it bills. "
            "It is live only if no version was before."
        )
    if not record["error"] and (record.get("smoke") or {}).get("asked") == 0:
        lines.append("No smoke test was made: smokeImages is 0, or the evaluation could not be read.")
    if record["trainingSeconds"]:
        cost = amount(record["cost"]["training"])
        lines.append(f"Billed training: {record['trainingSeconds'] / 60:.0f} minutes, about {cost}.")
    for name in ("report", "findings"):
        if record[name]:
            lines.append(f"{name.capitalize()}: {record[name]}")
    return "\n".join(lines)


def _judged(verdict: dict[str, Any]) -> str:
    text = f"{verdict['metric']} {verdict['value']:.4f}, minimum {verdict['minimum']}"
    if verdict["champion"] is not None:
        text += f", the live model's {verdict['champion']:.4f}"
    elif verdict.get("comparison") == "not comparable":
        text += ", not comparable with the live model"
    return f"{'Accepted' if verdict['accepted'] else 'Refused'}: {text}."
