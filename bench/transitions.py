"""What waiting for a training costs, and how late its end is noticed: events, billed transitions, delay.

Baseline: the waiting of AWS's published sample, which looks every 15 minutes whatever the age of the training,
with the states that it has around it. Both definitions run on moto's interpreter against the same service, whose
clock a Wait state advances. The delay of an end at any second of the quarter of an hour after each age is the time
to the next look. What limits the events is that Step Functions ends an execution after 25,000 of them.
"""

import io
import json
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

from bench.laptop import say
from tests.conftest import TIMES
from tests.stack import BUCKET, PROJECT, Stack, deployed
from tests.templates import ROOT
from tests.workflow.engine import Machine, Result

HOURS = (1, 6, 24)
PHASE = 900  # seconds: every phase of the baseline's looks
EVENTS = 5_000  # of a 24-hour training, at most


@dataclass(frozen=True)
class Waiting:
    """What one execution cost; the delays are in seconds."""

    hours: int
    events: int
    transitions: int
    mean_delay: float
    worst_delay: int


def measure(hours: int) -> tuple[Waiting, Waiting]:
    """Our run and the baseline's, of a training that takes so many hours and the quarter of an hour after."""
    # The sample does not wait for its project.
    times = replace(TIMES, project_seconds=0, training_minimum_seconds=hours * 3600 + PHASE)
    with redirect_stdout(io.StringIO()), deployed(times, POWERTOOLS_LOG_LEVEL="CRITICAL") as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.0}}
        ours = _ended(stack.run(given, seconds=600))
        manifests = {kind: _manifest(stack, kind) for kind in ("train", "test")}
        baseline = _ended(Machine(stack.cloud, sample(manifests)).run({}, seconds=600))
    return (
        Waiting(hours, *_counted(ours), *_delays(list(_looks(ours)), hours)),
        Waiting(hours, *_counted(baseline), *_delays(list(_waits(baseline)), hours)),
    )


def sample(manifests: dict[str, str]) -> dict[str, Any]:
    """A definition that takes the steps of AWS's sample: as many states, and the same waits."""

    def task(call: str, parameters: dict[str, Any], after: str | None, path: str) -> dict[str, Any]:
        found = {
            "Type": "Task",
            "Resource": f"arn:aws:states:::aws-sdk:rekognition:{call}",
            "Parameters": parameters,
            "ResultPath": f"$.{path}",
        }
        return {**found, "Next": after} if after else {**found, "End": True}

    def branch(kind: str) -> dict[str, Any]:
        manifest = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": manifests[kind]}}}
        create = {"ProjectArn.$": "$.project.ProjectArn", "DatasetType": kind.upper(), "DatasetSource": manifest}
        describe = {"DatasetArn.$": "$.dataset.DatasetArn"}
        status = "$.look.DatasetDescription.Status"
        states = {
            f"Create {kind}": task("createDataset", create, f"Look at {kind}", "dataset"),
            f"Look at {kind}": task("describeDataset", describe, f"{kind} made?", "look"),
            f"{kind} made?": {
                "Type": "Choice",
                "Choices": [{"Variable": status, "StringEquals": "CREATE_COMPLETE", "Next": f"{kind} is made"}],
                "Default": f"Wait for {kind}",
            },
            f"Wait for {kind}": {"Type": "Wait", "Seconds": 5, "Next": f"Look at {kind}"},
            f"{kind} is made": {"Type": "Pass", "End": True},
        }
        return {"StartAt": f"Create {kind}", "States": states}

    version = {
        "ProjectArn.$": "$.project.ProjectArn",
        "VersionName": "first",
        "OutputConfig": {"S3Bucket": BUCKET, "S3KeyPrefix": "training-output/sample"},
    }
    described = "$.look.ProjectVersionDescriptions[0]"
    start = {"ProjectVersionArn.$": "$.version.ProjectVersionArn", "MinInferenceUnits": 1}
    states = {
        "Project": task("createProject", {"ProjectName": f"{PROJECT}-sample"}, "Datasets", "project"),
        "Datasets": {
            "Type": "Parallel",
            "Branches": [branch("train"), branch("test")],
            "ResultSelector": {"project.$": "$[0].project"},
            "Next": "Train",
        },
        "Train": task("createProjectVersion", version, "Look", "version"),
        "Look": task("describeProjectVersions", {"ProjectArn.$": "$.project.ProjectArn"}, "Trained?", "look"),
        "Trained?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": f"{described}.Status", "StringEquals": "TRAINING_COMPLETED", "Next": "Good enough?"}
            ],
            "Default": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": PHASE, "Next": "Look"},
        "Good enough?": {
            "Type": "Choice",
            "Choices": [
                {
                    "Variable": f"{described}.EvaluationResult.F1Score",
                    "NumericGreaterThanEquals": 0.0,
                    "Next": "Start",
                }
            ],
            "Default": "Refused",
        },
        "Start": task("startProjectVersion", start, None, "started"),
        "Refused": {"Type": "Fail"},
    }
    return {"StartAt": "Project", "States": states}


def _manifest(stack: Stack, kind: str) -> str:
    """The key of a manifest with the pictures that our run had in a dataset."""
    key = f"manifests/sample/{kind}.manifest"
    entries = stack.entries(kind.upper())
    lines = [{name: of for name, of in entry.items() if not name.startswith("cl-")} for entry in entries]
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body="\n".join(map(json.dumps, lines)).encode())
    return key


def _ended(result: Result) -> Result:
    if result.status != "SUCCEEDED":
        raise SystemExit(
            f"The benchmark cannot go on: its run ended {result.status}, {result.error}: {result.cause}"
        )
    return result


def _counted(result: Result) -> tuple[int, int]:
    """History events, and billed transitions: one for each state entered, as no call is tried again here."""
    return len(result.events), len(result.states)


def _looks(result: Result) -> Iterator[int]:
    """The ages of the training, in seconds, at which our run looked."""
    yield 0
    for event in result.events:
        exited = event.get("stateExitedEventDetails", {})
        if exited.get("name") == "WaitForTraining":
            yield json.loads(exited["output"])["trained"]["poll"]["waited"]


def _waits(result: Result) -> Iterator[int]:
    """The ages at which the baseline looked."""
    return (PHASE * number for number in range(result.states.count("Wait") + 1))


def _delays(looks: list[int], hours: int) -> tuple[float, int]:
    """Mean and worst delay of the ends in each second of the quarter of an hour after an age."""
    ends = range(hours * 3600, hours * 3600 + PHASE)
    delays = [looks[bisect_left(looks, end)] - end for end in ends]
    return sum(delays) / len(delays), max(delays)


def rows(pairs: list[tuple[Waiting, Waiting]]) -> list[str]:
    """A table: each figure beside the baseline's."""
    lines = [f"{'':12}{'events':>16}{'transitions':>16}{'mean delay':>18}{'worst delay':>18}{'ratio':>8}"]
    for ours, theirs in pairs:
        cells = (
            f"{ours.events} / {theirs.events}",
            f"{ours.transitions} / {theirs.transitions}",
            f"{ours.mean_delay:.0f} s / {theirs.mean_delay:.0f} s",
            f"{ours.worst_delay} s / {theirs.worst_delay} s",
        )
        widths = (16, 16, 18, 18)
        told = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{ours.hours:3} hours   {told}{ours.mean_delay / theirs.mean_delay:8.2f}")
    return lines


def main() -> None:
    sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "report")]  # what ships stands there by itself
    say("transitions: of a run / of the baseline; the ratio is that of the mean delays, its goal 0.25")
    for line in rows([measure(hours) for hours in HOURS]):
        say(f"  {line}")


if __name__ == "__main__":
    main()
