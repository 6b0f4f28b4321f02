"""Tearing a project down: what would be deleted, the question whether it shall be, and what became of it."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from cli import run, watch
from cli.errors import CommandError, FailedError
from cli.screen import Screen
from cli.stack import Cloud

COLUMNS = ("version", "status")


def survey(cloud: Cloud, machine_arn: str, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The output of a dry run of the teardown, in which it lists what it would delete; FailedError if it fails."""
    arn = run.start(cloud, machine_arn, f"{name}-list", {**asked, "dryRun": True})
    while (execution := watch.describe(cloud, arn))["status"] == "RUNNING":
        time.sleep(cloud.seconds_between_polls)
    ended = watch.result(execution)
    if ended["status"] != "SUCCEEDED":
        raise FailedError(f"{ended['error']}: {str(ended['cause']).rstrip('. ')}.")
    output: dict[str, Any] = ended["output"]
    return output


def is_empty(listed: Mapping[str, Any]) -> bool:
    """Whether there is nothing to delete."""
    return not any(listed["found"].values())


def show(listed: Mapping[str, Any], screen: Screen) -> None:
    """Print what would be deleted, and what would be kept."""
    project, found, kept = listed["project"], listed["found"], listed["kept"]
    if is_empty(listed):
        screen.line(f"There is no project {project}, and nothing of it in the state table.")
    else:
        if found["versions"]:
            rows = [[of["name"], of["status"]] for of in found["versions"]]
            screen.table(f"Versions of {project}, newest first: each is deleted for good", COLUMNS, rows)
        items = ", ".join(f"{count} {kind}" for kind, count in sorted(found["items"].items())) or "none"
        screen.line(f"project    {found['project'] or 'none'}")
        screen.line(f"datasets   {', '.join(arn.split('/')[3] for arn in found['datasets']) or 'none'}")
        screen.line(f"items      {items}, of the state table")
    screen.line(
        f"kept       the bucket {kept['bucket']}; of its images, {kept['feedback']} wait for a review and "
        f"{kept['reviewed']} were accepted"
    )


def confirm(project: str) -> None:
    """Ask for the project's name, on stderr as stdout may be JSON; CommandError where nobody does say it."""
    if not sys.stdin.isatty():
        raise CommandError(
            f"Nothing was deleted: nobody can be asked here, so say --yes to tear the project {project} down."
        )
    sys.stderr.write(f"To delete all of this, type the project's name ({project}): ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != project:
        raise CommandError(f"Nothing was deleted: what was typed is not {project}.")


def show_result(ended: Mapping[str, Any], screen: Screen) -> None:
    """Print how a teardown ended; `ended` is what `watch.result` returned."""
    watch.show_result(ended, screen)
    deleted = (ended["output"] or {}).get("deleted") if ended["status"] == "SUCCEEDED" else None
    if deleted:
        screen.line(
            f"deleted    {len(deleted['versions'])} versions, {len(deleted['datasets'])} datasets, "
            f"{sum(deleted['items'].values())} items of the state table; DescribeProjects lists none of this name"
        )
