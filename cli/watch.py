"""Watching an execution to its end: its history and what Rekognition says meanwhile."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from cli import errors, facts, history
from cli.errors import NotFound, code
from cli.estimates import Estimate
from cli.screen import Screen
from cli.stack import Cloud

Execution = Mapping[str, Any]  # as DescribeExecution answers


def newest(cloud: Cloud, machine_arn: str) -> str:
    """The ARN of the state machine's newest execution; CommandError when it never ran."""
    found = cloud.client("stepfunctions").list_executions(stateMachineArn=machine_arn, maxResults=1)
    if not found["executions"]:
        raise NotFound(f"{machine_arn} has never run: start it with `python -m cli run{cloud.flag}`.")
    return str(found["executions"][0]["executionArn"])


def describe(cloud: Cloud, execution_arn: str) -> Execution:
    """DescribeExecution; CommandError when there is no such execution."""
    try:
        answer: Execution = cloud.client("stepfunctions").describe_execution(executionArn=execution_arn)
    except ClientError as error:
        if code(error) in ("ExecutionDoesNotExist", "InvalidArn"):
            raise NotFound(
                f"{execution_arn!r} is no execution: give an execution's ARN, or none for the newest."
            ) from error
        raise
    return answer


def asked_project(execution: Execution) -> str | None:
    """The project that an execution's input names; None when it left that to the stack."""
    made = json.loads(execution.get("input") or "{}")
    return made.get("project") if isinstance(made, dict) else None


def read_on(cloud: Cloud, execution_arn: str, known: list[history.Event]) -> None:
    """Append to `known` what the history gained; read backwards, since a day of polling is many pages."""
    newest_known = known[-1]["id"] if known else 0
    fresh: list[history.Event] = []
    pages = cloud.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn, reverseOrder=True, includeExecutionData=False):
        fresh += [event for event in page["events"] if event["id"] > newest_known]
        if page["events"] and page["events"][-1]["id"] <= newest_known:
            break
    known += sorted(fresh, key=lambda event: int(event["id"]))


def follow(
    cloud: Cloud, execution_arn: str, project: str, screen: Screen, expected: Estimate | None = None
) -> Execution:
    """Show an execution until it ends and return its description; KeyboardInterrupt passes through."""
    events: list[history.Event] = []
    shown = 0
    execution = describe(cloud, execution_arn)
    start = execution["startDate"]
    running = execution["status"] == "RUNNING"
    # An execution that ended long ago says nothing about what Rekognition does now.
    known = facts.observe(cloud, project) if running else facts.Facts()
    with screen.live():
        while True:
            execution = describe(cloud, execution_arn)  # before the history, so that the end is in it
            read_on(cloud, execution_arn, events)
            steps = history.steps(events)
            for step in steps[shown:]:
                screen.event("state", **history.plain(step, start))
                if history.is_news(step):
                    screen.line(history.line(step, start), style="dim" if step.error else None)
            shown = len(steps)
            now = datetime.now(UTC)
            age = history.elapsed((now - start).total_seconds())
            if running:
                seen = facts.observe(cloud, project)
                for change in facts.changes(known, seen):
                    screen.line(f"{age}    {change}", style="dim")
                    screen.event("change", at=now, message=change)
                known = seen
            if execution["status"] != "RUNNING":
                return execution
            doing = facts.ongoing(known, now)
            told = [history.where(history.standing(events), now), doing]
            told.append(expected.left((now - start).total_seconds()) if expected else "")
            screen.progress(f"{age}  {'; '.join(part for part in told if part)}")
            time.sleep(cloud.seconds_between_polls)


def result(execution: Execution) -> dict[str, Any]:
    """An execution as plain values; `output` is parsed, times are ISO strings."""
    succeeded = execution["status"] == "SUCCEEDED"
    started, stopped = execution["startDate"], execution.get("stopDate")
    return {
        "executionArn": execution["executionArn"],
        "name": execution["name"],
        "status": execution["status"],
        "started": started.isoformat(),
        "stopped": stopped.isoformat() if stopped else None,
        "seconds": (stopped - started).total_seconds() if stopped else None,
        "output": json.loads(execution["output"]) if succeeded and execution.get("output") else None,
        "error": execution.get("error"),
        "cause": execution.get("cause"),
    }


def told(ended: Mapping[str, Any]) -> dict[str, Any]:
    """What `result` returned as --json prints it: the error with its cause, as every error has it."""
    wrong = None
    if ended["status"] not in ("SUCCEEDED", "RUNNING"):
        wrong = errors.told(ended["error"] or ended["status"], ended["cause"] or "No cause was given.")
    return {**{key: value for key, value in ended.items() if key not in ("error", "cause")}, "error": wrong}


def print_end(ended: Mapping[str, Any], screen: Screen) -> None:
    """Print the end of an execution as JSON; among JSON lines, it is the last event."""
    screen.result({"event": "end", **told(ended)} if screen.has_lines else told(ended))


def verdict_line(verdict: Mapping[str, Any]) -> str:
    """The gate's verdict as a sentence."""
    compared = (
        f"{verdict.get('metric')} {_number(verdict.get('value'))}, minimum {_number(verdict.get('minimum'))}"
    )
    if verdict.get("champion") is not None:
        compared += f", the live model's {_number(verdict['champion'])}"
    return f"{'accepted' if verdict.get('accepted') else 'refused'}: {compared}"


def label_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Rows of label, F1, precision, recall and threshold, worst first."""
    return [
        [
            str(label["label"]),
            *(_number(label.get(key)) for key in ("f1", "precision", "recall", "threshold")),
        ]
        for label in metrics.get("worstLabels") or []
    ]


def show_result(ended: Mapping[str, Any], screen: Screen) -> None:
    """Print how an execution ended; `ended` is what `result` returned."""
    took = f" after {history.elapsed(ended['seconds'])}" if ended["seconds"] is not None else ""
    if ended["status"] != "SUCCEEDED":
        screen.line(f"{ended['status']}{took}: {ended['error'] or 'no error was given'}", style="bold red")
        if ended["cause"]:
            screen.line(ended["cause"])
        return
    output = ended["output"] if isinstance(ended["output"], dict) else {}
    screen.line(f"SUCCEEDED{took}: {output.get('outcome') or 'no outcome was given'}", style="bold green")
    if output.get("version"):
        screen.line(f"version    {output['version']} of project {output.get('project')}")
    if output.get("reason"):
        screen.line(f"reason     {output['reason']}")
    if output.get("verdict"):
        screen.line(f"verdict    {verdict_line(output['verdict'])}")
        for reason in output["verdict"].get("reasons") or []:
            screen.line(f"           {reason}")
    if output.get("previous"):
        screen.line(f"previous   {output['previous']}")
    if output.get("report"):
        screen.line(f"report     {output['report']}")
    rows = label_rows(output.get("metrics") or {})
    if rows:
        screen.table("Labels, worst first", ("label", "F1", "precision", "recall", "threshold"), rows)


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"
