"""Which states, Choice branches, Retry and Catch clauses of the definitions the tests have walked."""

from functools import cache
from typing import Any

from local.moto import Step
from tests.proof.gather import Table, note, noted, reports
from tests.templates import ROOT, definition, states

FILES = {path.name.removesuffix(".asl.json"): path.name for path in (ROOT / "statemachine").iterdir()}
KINDS = {"state": "states", "choice": "choices", "retry": "retries", "catch": "catches"}


def taken(step: Step) -> None:
    """Note a step of an execution; one of a definition that no file holds is nobody's concern."""
    name = step.machine.rpartition("-")[0]  # tests.workflow.engine.Machine adds a suffix
    if name in FILES:
        note("paths", name, step.kind, step.state, "" if step.way is None else str(step.way))


def ways(workflow: dict[str, Any]) -> set[tuple[str, ...]]:
    """Everything that an execution can do in a definition, as `taken` notes it."""
    found: set[tuple[str, ...]] = set()
    for name, state in states(workflow).items():
        found.add(("state", name, ""))
        for key in ("Retry", "Catch"):
            found |= {(key.lower(), name, str(index)) for index, _ in enumerate(state.get(key, []))}
        for rule in state.get("Choices", []):
            found.add(("choice", name, rule["Next"]))
        if "Default" in state:
            found.add(("choice", name, state["Default"]))
    return found


@cache
def _clause(file: str, kind: str, state: str, way: str) -> str:
    """A clause in words."""
    if kind == "state":
        return state
    if kind == "choice":
        return f"{state}: on to {way}"
    clause = states(definition(file))[state][kind.capitalize()][int(way)]
    return f"{state}: {kind} of {', '.join(clause['ErrorEquals'])}"


def report() -> Table | None:
    """Walked of all, by definition and kind; None where no execution ran."""
    walked = noted("paths")
    if not walked:
        return None
    lines, missing = [f"{'':14}" + "".join(f"{kind:>12}" for kind in KINDS.values())], []
    for name, file in sorted(FILES.items()):
        every = ways(definition(file))
        done = {fact[1:] for fact in walked if fact[0] == name}
        cells = []
        for kind in KINDS:
            of_kind = {way for way in every if way[0] == kind}
            cells.append(f"{len(of_kind & done)}/{len(of_kind)}")
        lines.append(f"{name:14}" + "".join(f"{cell:>12}" for cell in cells))
        missing += [f"No test walks {file}, {_clause(file, *way)}." for way in sorted(every - done)]
    return Table("paths of the definitions: walked / all", lines, missing=missing)


reports.append(report)
