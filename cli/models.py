"""Models as they are, and starting and stopping them by hand."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from customlabels import leases
from customlabels.batching import holding

from cli import bill, runs
from cli.errors import CommandError, FailedError, Interrupted, NotFound, code, kind, message
from cli.facts import Version, project_description, project_versions
from cli.history import elapsed
from cli.screen import Screen
from cli.stack import Cloud, Stack

BILLED = frozenset({"STARTING", "RUNNING", "STOPPING"})
_STARTABLE = frozenset({"TRAINING_COMPLETED", "COPYING_COMPLETED", "STOPPED", "FAILED"})


def versions(cloud: Cloud, project: str) -> tuple[Version, ...]:
    """Every version of a project, newest first; CommandError when there is no such project."""
    description = project_description(cloud, project)
    if description is None:
        raise NotFound(
            f"There is no project {project}: `python -m cli run --project {project}{cloud.flag}` makes it."
        )
    return project_versions(cloud, description["ProjectArn"])


def live_item(cloud: Cloud, table: str, project: str) -> dict[str, Any] | None:
    """The state table's item `live` (`projectVersionArn`, `previous`, `since`); None: no live model."""
    answer = cloud.client("dynamodb").get_item(
        TableName=table, Key={"project": {"S": project}, "item": {"S": "live"}}, ConsistentRead=True
    )
    if "Item" not in answer:
        return None
    plain = TypeDeserializer()
    return {key: plain.deserialize(value) for key, value in answer["Item"].items()}


def find(found: Iterable[Version], wanted: str) -> Version:
    """The version of that name or ARN; CommandError naming those that exist."""
    known = list(found)
    for one in known:
        if wanted in (one.name, one.arn):
            return one
    names = ", ".join(one.name for one in known[:10]) or "none"
    raise NotFound(f"There is no version {wanted!r}; the newest that exist: {names}.")


def to_start(found: Sequence[Version], wanted: str | None, live: Mapping[str, Any] | None) -> Version:
    """The version that `start` means: the one asked for, else the live one."""
    if wanted:
        return find(found, wanted)
    if live is None:
        raise NotFound("The project has no live model: name the version to start, or `python -m cli run`.")
    return find(found, live["projectVersionArn"])


def to_stop(found: Sequence[Version], wanted: str | None) -> list[Version]:
    """The versions that `stop` means: the one asked for, else every one that bills."""
    return [find(found, wanted)] if wanted else [one for one in found if one.status in BILLED]


def is_live(one: Version, live: Mapping[str, Any] | None) -> bool:
    """Whether a version is the one that the state table's item `live` names."""
    return live is not None and live["projectVersionArn"] == one.arn


def lease(cloud: Cloud, table: str, project: str, one: Version, until: datetime) -> None:
    """Say that a person uses a version that is not live, so that nobody stops it before `until`."""
    leases.take(cloud.table(table), project, leases.by_hand(one.name), one.arn, until=until)


def keep(cloud: Cloud, table: str, project: str, one: Version) -> None:
    """Say that a person wants a version to run, so that no batch that had started it stops it."""
    holding.keep(cloud.table(table), project, one.arn)


def release(cloud: Cloud, table: str, project: str, chosen: Iterable[Version]) -> None:
    """Give back what `lease` took for these versions; one without is no trouble."""
    for one in chosen:
        leases.release(cloud.table(table), project, leases.by_hand(one.name))


def must_start(one: Version) -> bool:
    """Whether a start has to be asked for; False when it is under way or done; CommandError when it cannot be."""
    if one.status in ("RUNNING", "STARTING"):
        return False
    if one.status in _STARTABLE:
        return True
    if one.status == "STOPPING":
        raise CommandError(f"Version {one.name} is stopping: start it again when it is STOPPED.")
    raise CommandError(f"Version {one.name} cannot be started: it is {one.status}; choose a trained one.")


def start(
    cloud: Cloud,
    one: Version,
    units: int | None,
    limit: float,
    screen: Screen,
    begun: Callable[[], None] = lambda: None,
) -> Version:
    """Start a version and wait until it is RUNNING, at most `limit` seconds; FailedError otherwise.

    `begun` is called before the wait, once the start is accepted or is under way already.
    """
    if must_start(one):
        request = {"ProjectVersionArn": one.arn, "MinInferenceUnits": units or one.min_units or 1}
        # The version remembers the units it last ran with; a new minimum may not exceed the old maximum.
        if one.max_units and units is None:
            request["MaxInferenceUnits"] = one.max_units
        try:
            cloud.client("rekognition").start_project_version(**request)
        except ClientError as error:
            raise kind(error)(f"Version {one.name} was not started ({code(error)}): {message(error)}.") from error
    begun()
    return _wait(cloud, [one], _is_running, limit, screen)[0]


def _is_running(one: Version) -> bool:
    if one.status in ("RUNNING", "STARTING"):
        return one.status == "RUNNING"
    raise FailedError(
        f"Version {one.name} is {one.status} after its start: {one.message or 'no reason was given'}."
    )


def stop(cloud: Cloud, chosen: Sequence[Version], limit: float, screen: Screen) -> list[Version]:
    """Stop versions and wait until none bills, at most `limit` seconds; FailedError otherwise."""
    tried: set[tuple[str, str]] = set()

    def is_stopped(now: Version) -> bool:
        # Whether Rekognition accepts a stop while STARTING is undocumented: it is asked, and asked
        # again once the model runs.
        if now.status in ("STARTING", "RUNNING") and (now.arn, now.status) not in tried:
            tried.add((now.arn, now.status))
            try:
                cloud.client("rekognition").stop_project_version(ProjectVersionArn=now.arn)
            except ClientError as error:
                if now.status == "RUNNING":
                    raise FailedError(
                        f"Version {now.name} still bills; the stop was refused ({code(error)}): {message(error)}."
                    ) from error
        return now.status not in BILLED

    return _wait(cloud, chosen, is_stopped, limit, screen)


def _wait(
    cloud: Cloud, chosen: Sequence[Version], is_done: Callable[[Version], bool], limit: float, screen: Screen
) -> list[Version]:
    try:
        return _wait_to_end(cloud, chosen, is_done, limit, screen)
    except KeyboardInterrupt:
        names = ", ".join(one.name for one in chosen)
        raise Interrupted(
            f"No longer waiting for {names}; what was asked for goes on: "
            f"look with `python -m cli status --project {_project(chosen)}{cloud.flag}`."
        ) from None


def _project(chosen: Sequence[Version]) -> str:
    return chosen[0].arn.split("/")[1]


def _wait_to_end(
    cloud: Cloud, chosen: Sequence[Version], is_done: Callable[[Version], bool], limit: float, screen: Screen
) -> list[Version]:
    began = time.monotonic()
    waiting = {one.arn for one in chosen}
    project = _project(chosen)
    shown: dict[str, str] = {}
    with screen.live():
        while True:
            now = [one for one in versions(cloud, project) if one.arn in waiting]
            if not now:
                raise FailedError("The version no longer exists: somebody deleted it meanwhile.")
            age = elapsed(time.monotonic() - began)
            for one in now:
                if shown.get(one.arn) != one.status:
                    screen.line(f"{age}  version {one.name} {one.status}")
                shown[one.arn] = one.status
            done = [is_done(one) for one in now]  # a list: every version is asked, not only up to the first
            if all(done):
                return now
            if time.monotonic() - began > limit:
                states = ", ".join(f"{one.name} {one.status}" for one in now)
                raise FailedError(
                    f"Given up after {elapsed(limit)} ({states}): look again with `python -m cli status`."
                )
            screen.progress(f"{age}  {', '.join(f'{one.name} {one.status}' for one in now)}")
            time.sleep(cloud.seconds_between_polls)


def status(cloud: Cloud, stack: Stack, project: str) -> dict[str, Any]:
    """Live model, versions, what bills, and the last executions, as plain values."""
    live = live_item(cloud, stack.output("StateTableName"), project)
    description = project_description(cloud, project)
    found = project_versions(cloud, description["ProjectArn"]) if description else ()
    executions = cloud.client("stepfunctions").list_executions(
        stateMachineArn=stack.output("StateMachineArn"), maxResults=10
    )["executions"]
    recorded = runs.records(cloud, stack, project, 10)
    known = {one["execution"] for one in recorded}
    billing = [one for one in found if one.status in BILLED]
    return {
        "project": project,
        "exists": description is not None,
        "live": live and {key: live.get(key) for key in ("projectVersionArn", "previous", "since")},
        "versions": [
            {
                "name": one.name,
                "status": one.status,
                "f1": one.f1,
                "created": one.created.isoformat(),
                "projectVersionArn": one.arn,
                "minUnits": one.min_units,
                "live": is_live(one, live),
            }
            for one in found
        ],
        "billing": [one.name for one in billing],
        # Rekognition may scale a model above its least units, and bills for those that it gave.
        "cost": bill.account(bill.prices(stack), sum(one.min_units or 1 for one in billing), recorded),
        "executions": [
            {
                "name": one["name"],
                "status": one["status"],
                "started": one["startDate"].isoformat(),
                "seconds": (one["stopDate"] - one["startDate"]).total_seconds() if one.get("stopDate") else None,
                "executionArn": one["executionArn"],
            }
            for one in executions
            if one["executionArn"] not in known
        ],
        "atWork": runs.at_work(cloud, stack, project),
        "runs": recorded,
    }


def show_status(found: Mapping[str, Any], cloud: Cloud, stack: Stack, screen: Screen) -> None:
    """Print what `status` returned."""
    at, billed = bill.prices(stack), cloud.endpoint is None
    same = f"--project {found['project']}{cloud.flag}"
    live = next((one for one in found["versions"] if one["live"]), None)
    if live:
        screen.line(f"Live model of {found['project']}: {live['name']} ({live['status']})", style="bold")
        if live["status"] != "RUNNING":
            screen.line(f"It answers no requests: `python -m cli start {same}`.", style="yellow")
    elif found["live"]:
        gone = found["live"]["projectVersionArn"]
        screen.line(f"The live model of {found['project']} no longer exists: {gone}", style="bold red")
    elif found["exists"]:
        screen.line(f"Project {found['project']} has no live model.", style="bold")
    else:
        screen.line(f"Project {found['project']} does not exist yet: `python -m cli run {same}` makes it.")
    if found["atWork"]:
        name = found["atWork"]["execution"].rsplit(":", 1)[-1]
        screen.line(f"At work: execution {name}, since {runs.moment(found['atWork']['since'])}.")
    if found["billing"]:
        what = "Bills by the hour" if billed else "Running"
        cost = bill.running(at, found["cost"]["inferenceUnits"], billed)
        names = ", ".join(found["billing"])
        screen.line(f"{what}: {names}. {cost} To stop: `python -m cli stop {same}`.", style="yellow")
    if found["versions"]:
        rows = [
            [
                one["name"],
                one["status"],
                "-" if one["f1"] is None else f"{one['f1']:.3f}",
                runs.moment(one["created"]),
            ]
            for one in found["versions"]
        ]
        screen.table("Versions, newest first", ("version", "status", "F1", "created"), rows)
    if found["executions"]:
        rows = [
            [
                one["name"],
                one["status"],
                runs.moment(one["started"]),
                "-" if one["seconds"] is None else elapsed(one["seconds"]),
            ]
            for one in found["executions"]
        ]
        screen.table("Executions without a record", ("execution", "status", "started", "took"), rows)
    if found["runs"]:
        runs.show(found["runs"], screen)
        screen.line(bill.trained(at, found["cost"]["trainingSeconds"], billed))
