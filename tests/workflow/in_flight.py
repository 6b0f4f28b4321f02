"""What the states after a training pass to their functions, recorded: `python -m tests.workflow.in_flight`.

A training takes up to a day, and an execution goes on with the definition it was started with: a deployment in
between must not change what its payloads mean. The files in `tests/events/in_flight/` are those of the newest
release; they are recorded anew once it is out, not with the change that they are there to judge.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conftest import TIMES
from tests.stack import Stack, deployed
from tests.workflow.engine import Result

FOLDER = Path(__file__).resolve().parents[1] / "events" / "in_flight"
FIRST = "WaitForTraining"
_ARN = re.compile(
    r"arn:aws:rekognition:us-east-1:\d{12}:project/custom-labels/(?:(version|dataset)/(\w+)/)?\d{13}"
)
_EXECUTION = re.compile(r"arn:aws:states:us-east-1:\d{12}:execution:[\w.-]+:(\w+)")


def runs(stack: Stack) -> Iterator[tuple[Result, dict[str, Any]]]:
    """Three runs that walk every state after a training, each with its input."""
    train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
    images = {"training": {"folder": train}, "testing": {"folder": test}, "force": True}
    for name, minimum in (("first", 0.6), ("second", 0.6), ("refused", 0.6)):
        gate = {"minimum": minimum, **({"minimumTestImages": 500} if name == "refused" else {})}
        given = {**images, "gate": gate}
        yield stack.run(given, name=name), given


def payloads(result: Result) -> dict[str, tuple[Any, Any]]:
    """What each function after the training was given and gave: the last call of each state."""
    state, begun = "", False
    given: Any = None
    found: dict[str, tuple[Any, Any]] = {}
    for event in result.events:
        if entered := event.get("stateEnteredEventDetails"):
            state = entered["name"]
            begun = begun or state == FIRST
        if details := event.get("lambdaFunctionScheduledEventDetails"):
            given = json.loads(details["input"])
        if (details := event.get("lambdaFunctionSucceededEventDetails")) and begun:
            found[state] = (given, json.loads(details["output"]))
    return found


def neutral(value: Any, stack: Stack) -> str:
    """A payload as text in which what differs from cloud to cloud is a name in angle brackets."""
    text = json.dumps(value, indent=1, sort_keys=True)
    text = _ARN.sub(lambda found: f"<{found[1] or 'project'}{':' + found[2] if found[2] else ''}>", text)
    return _EXECUTION.sub(lambda found: f"<execution:{found[1]}>", text)


def names(stack: Stack, results: list[Result]) -> dict[str, str]:
    """What each name in angle brackets is on this cloud."""
    (project,) = stack.rekognition.describe_projects()["ProjectDescriptions"]
    arns = [project["ProjectArn"], *(dataset["DatasetArn"] for dataset in project["Datasets"])]
    versions = stack.rekognition.describe_project_versions(ProjectArn=project["ProjectArn"])
    arns += [version["ProjectVersionArn"] for version in versions["ProjectVersionDescriptions"]]
    known = {json.loads(neutral(arn, stack)): arn for arn in arns}
    return known | {f"<execution:{result.arn.rsplit(':', 1)[-1]}>": result.arn for result in results}


def main() -> None:
    """Record the payloads of the tree as it is."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    with deployed(TIMES) as stack:
        for result, _ in runs(stack):
            run = result.arn.rsplit(":", 1)[-1]
            if run == "first":
                continue  # what it passed no longer holds once the second one is live
            for state, (given, gave) in payloads(result).items():
                (FOLDER / f"{run}-{state}.json").write_text(
                    neutral({"event": given, "result": gave}, stack) + "\n"
                )


if __name__ == "__main__":
    main()
