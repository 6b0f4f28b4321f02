"""The commands: `python -m cli --help`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import (
    batch_command,
    bill,
    completion,
    estimates,
    exits,
    images,
    models,
    predict_command,
    promotion,
    report,
    review_commands,
    run,
    runs,
    teardown,
    upload,
    watch,
)
from cli.commands import Commands, examples
from cli.desk import Desk, JsonOption, LimitOption, LocalOption, ProjectOption, StackOption
from cli.desk import opened as _desk
from cli.errors import Busy, CommandError
from cli.screen import Screen

app = typer.Typer(
    cls=Commands,
    help="Train, promote, start and stop Custom Labels models, and ask them what images show.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(review_commands.app, name="review")
app.command("batch", epilog=batch_command.EXAMPLES)(batch_command.batch_command)


def _watch_to_end(desk: Desk, execution_arn: str, project: str, show: Any = watch.show_result) -> None:
    begun = watch.describe(desk.cloud, execution_arn)
    expected = estimates.expected(desk.cloud, desk.stack, project, begun)
    if expected:
        desk.screen.line(expected.said())
        desk.screen.event("estimate", seconds=expected.seconds, runs=expected.runs)
    try:
        execution = watch.follow(desk.cloud, execution_arn, project, desk.screen, expected)
    except KeyboardInterrupt:
        at = f"AWS_ENDPOINT_URL={desk.cloud.endpoint} " if desk.cloud.endpoint else ""
        desk.screen.error(
            "No longer watching; the execution goes on. "
            f"Watch again: `python -m cli watch {execution_arn}{desk.cloud.flag}`; "
            f"stop it: `{at}aws stepfunctions stop-execution --execution-arn {execution_arn}`.",
            exits.Exit.Interrupted.name,
        )
        raise typer.Exit(exits.Exit.Interrupted.code) from None
    ended = watch.result(execution)
    show(ended, desk.screen)
    watch.print_end(ended, desk.screen)
    if ended["status"] != "SUCCEEDED":
        raise typer.Exit(exits.exit_of(ended["error"] or "").code)


def _start(desk: Desk, made: dict[str, Any], name: str, project: str, no_watch: bool) -> None:
    """Say what it will cost, start the training machine, and watch it unless that is not wanted."""
    note = bill.before_run(desk.stack, made, project, desk.cloud.endpoint is None, desk.cloud.flag)
    if note:
        desk.screen.line(note, style="yellow")
    arn = run.start(desk.cloud, desk.stack.output("StateMachineArn"), name, made)
    desk.screen.line(f"Started {arn}")
    if no_watch:
        desk.screen.result({"executionArn": arn, "status": "RUNNING"})
        return
    _watch_to_end(desk, arn, project)


@app.command(
    "upload", epilog=examples("upload photos/", "upload photos/ --to s3://DATA_BUCKET/images/custom-labels/train/")
)
def upload_command(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="A folder with a folder of images for each label.")
    ],
    to: Annotated[
        str | None, typer.Option("--to", help="s3://bucket/prefix/; images/PROJECT/FOLDER/ when left out.")
    ] = None,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Upload a folder's PNG and JPEG images; what is there with the same content is not sent again."""
    with _desk(project, stack, local, machine) as desk:
        found = upload.opened(folder)
        address = upload.target(to, desk.stack.output("DataBucketName"), desk.project, found)
        note = upload.reach_note(address, desk.stack)
        if note:
            desk.screen.line(note, style="yellow")
        sent = _upload(desk, found, address, images.survey(found))
        desk.screen.result(sent.result())
        if not sent.is_complete:
            raise typer.Exit(sent.exit.code)
        about = f" --project {project}" if project else ""
        options = run.options(images.sources(address.uri, sent.split))
        desk.screen.line(f"To train on it: `python -m cli run {options}{about}{desk.cloud.flag}`.")


def _upload(desk: Desk, found: Path, address: upload.Address, seen: images.Survey) -> upload.Sent:
    warning = images.warning(seen)
    if warning:
        desk.screen.line(warning, style="yellow")
    sent = upload.carry_out(desk.cloud, found, address, seen, desk.screen)
    upload.show(sent, desk.screen)
    return sent


def _upload_for_run(desk: Desk, found: Path, address: upload.Address) -> None:
    seen = images.survey(found)
    if not seen.labels:
        raise CommandError(f"FOLDER {str(found)!r} cannot be trained on. {images.warning(seen)}")
    sent = _upload(desk, found, address, seen)
    if not sent.is_complete:
        desk.screen.line("The run was not started.", style="bold red")
        desk.screen.result(sent.result())
        raise typer.Exit(sent.exit.code)


@app.command(
    "run",
    epilog=examples(
        "run",
        "run photos/ --minimum 0.9",
        "run --training s3://DATA_BUCKET/images/parts/ --testing auto --no-watch --json",
    ),
)
def run_command(
    folder: Annotated[
        str | None, typer.Argument(metavar="[FOLDER]", help="A folder to upload first, and to train on.")
    ] = None,
    given: Annotated[
        str | None, typer.Option("--input", help="The execution's input: JSON, or a JSON file's path.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The execution's name, and the version's.")] = None,
    training: Annotated[
        str | None, typer.Option("--training", help="s3://… folder or manifest, or a dataset's ARN.")
    ] = None,
    testing: Annotated[str | None, typer.Option("--testing", help="The same, or auto for a split.")] = None,
    minimum: Annotated[
        float | None, typer.Option("--minimum", min=0, max=1, help="The least F1 that is promoted.")
    ] = None,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Start and return at once.")] = False,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Start a training run, on a folder of this machine if one is named, and watch it to its end."""
    with _desk(project, stack, local, machine) as desk:
        begun = run.read_input(given)
        about = str(project or begun.get("project") or desk.project)
        if folder is None:
            made = run.request(begun, project, training, testing, minimum)
        else:
            found = upload.opened(folder)
            address = upload.target(None, desk.stack.output("DataBucketName"), about, found)
            uploaded = images.sources(address.uri, images.is_split(found))
            made = run.request(begun, project, training, testing, minimum, uploaded)
            _upload_for_run(desk, found, address)
        _start(desk, made, name or run.default_name(datetime.now(UTC)), about, no_watch)


@app.command("rollback", epilog=examples("rollback", "rollback --to run-2026-11-22-101500"))
def rollback_command(
    to: Annotated[
        str, typer.Option("--to", help="The version to switch to; the one that was live before when left out.")
    ] = "previous",
    name: Annotated[str | None, typer.Option("--name", help="The execution's name.")] = None,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Start and return at once.")] = False,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Make the version live that was so before, or another one that exists, and watch the switch to its end."""
    with _desk(project, stack, local, machine) as desk:
        made = {"project": desk.project, "switchTo": to}
        execution_name = name or run.default_name(datetime.now(UTC), "rollback")
        _start(desk, made, execution_name, desk.project, no_watch)


@app.command("promote", epilog=examples("promote custom-labels-dev/run-2026-11-22-101500"))
def promote_command(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Its ARN, or PROJECT/VERSION.")],
    name: Annotated[str | None, typer.Option("--name", help="The execution's name, and the version's.")] = None,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Start and return at once.")] = False,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Copy another project's version, judge it, make it live, and watch that to its end; nothing is trained."""
    with _desk(project, stack, local, machine) as desk:
        made = {"project": desk.project, "copyFrom": promotion.source(desk.cloud, version)}
        execution_name = name or run.default_name(datetime.now(UTC), "promote")
        _start(desk, made, execution_name, desk.project, no_watch)


@app.command("watch", epilog=examples("watch", "watch --json"))
def watch_command(
    execution_arn: Annotated[str | None, typer.Argument(help="The execution; the newest when left out.")] = None,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Watch an execution to its end; Ctrl-C stops watching, not the execution."""
    with _desk(project, stack, local, machine, lines=True) as desk:
        arn = execution_arn or watch.newest(desk.cloud, desk.stack.output("StateMachineArn"))
        asked = watch.asked_project(watch.describe(desk.cloud, arn))
        _watch_to_end(desk, arn, asked or desk.project)


@app.command("status", epilog=examples("status", "status --project custom-labels-parts --json"))
def status_command(
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Show the live model, the versions, what bills, and the last runs."""
    with _desk(project, stack, local, machine) as desk:
        found = models.status(desk.cloud, desk.stack, desk.project)
        models.show_status(found, desk.cloud, desk.stack, desk.screen)
        desk.screen.result(found)


@app.command("history", epilog=examples("history --most 10"))
def history_command(
    most: Annotated[int, typer.Option("--most", min=1, help="How many runs to show at most.")] = 50,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Show every run: its outcome, its figures, its data, and what it cost."""
    with _desk(project, stack, local, machine) as desk:
        found = runs.records(desk.cloud, desk.stack, desk.project, most)
        if found:
            runs.show(found, desk.screen)
        else:
            about = f"--project {desk.project}{desk.cloud.flag}"
            desk.screen.line(f"No run of {desk.project} has ended yet: `python -m cli run {about}`.")
        desk.screen.result(found)


@app.command("start", epilog=examples("start", "start run-2026-11-22-101500 --units 2 --hours 4"))
def start_command(
    version: Annotated[str | None, typer.Argument(help="A version; the live one when left out.")] = None,
    units: Annotated[
        int | None, typer.Option("--units", min=1, help="Inference units; as last time when left out.")
    ] = None,
    hours: Annotated[
        int, typer.Option("--hours", min=1, help="Hours after which a version that is not live is stopped.")
    ] = 8,
    timeout: LimitOption = 30,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Start a model by hand and wait until it runs; on AWS it then bills by the hour."""
    with _desk(project, stack, local, machine) as desk:
        table = desk.stack.output("StateTableName")
        live = models.live_item(desk.cloud, table, desk.project)
        chosen = models.to_start(models.versions(desk.cloud, desk.project), version, live)
        until = None if models.is_live(chosen, live) else datetime.now(UTC) + timedelta(hours=hours)

        def begun() -> None:
            models.keep(desk.cloud, table, desk.project, chosen)
            if until:
                models.lease(desk.cloud, table, desk.project, chosen, until)

        running = models.start(desk.cloud, chosen, units, timeout * 60, desk.screen, begun)
        again = f"--project {desk.project}{desk.cloud.flag}"
        cost = bill.running(bill.prices(desk.stack), running.min_units or 1, desk.cloud.endpoint is None)
        desk.screen.line(f"{running.name} runs. {cost} To stop: `python -m cli stop {running.name} {again}`.")
        if until:
            moment = runs.moment(until.isoformat())
            desk.screen.line(
                f"It is not live: at {moment} the guard stops it. "
                f"Longer: `python -m cli start {running.name} --hours N {again}`.",
                style="yellow",
            )
        ends = until.isoformat(timespec="seconds") if until else None
        desk.screen.result({"version": running.name, "status": running.status, "until": ends})


@app.command("stop", epilog=examples("stop"))
def stop_command(
    version: Annotated[str | None, typer.Argument(help="A version; every running one when left out.")] = None,
    timeout: LimitOption = 30,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Stop models by hand and wait until they have stopped."""
    with _desk(project, stack, local, machine) as desk:
        chosen = models.to_stop(models.versions(desk.cloud, desk.project), version)
        stopped = models.stop(desk.cloud, chosen, timeout * 60, desk.screen) if chosen else []
        models.release(desk.cloud, desk.stack.output("StateTableName"), desk.project, stopped)
        if not stopped:
            desk.screen.line(f"No version of {desk.project} is running: nothing to stop.")
        desk.screen.result([{"version": one.name, "status": one.status} for one in stopped])


@app.command("report", epilog=examples("report --open", "report run-2026-11-22-101500 --output report.html"))
def report_command(
    version: Annotated[
        str | None, typer.Argument(help="A version; the newest with a report when left out.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; report-VERSION.html when left out.")
    ] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Fetch the report on a version as one HTML page; with --json, print it as JSON instead."""
    with _desk(project, stack, local, machine) as desk:
        name, address = report.find(desk.cloud, desk.stack, desk.project, version)
        if not machine or output or browse:
            path = report.save(report.read(desk.cloud, address, name), name, output)
            desk.screen.line(f"Report on {name} of {desk.project}: {path}")
            if browse and not report.show(path):
                desk.screen.line("No browser could be opened: open the file yourself.", style="yellow")
        if machine:
            desk.screen.result(report.facts(desk.cloud, address, name))


app.command("predict", epilog=predict_command.EXAMPLES)(predict_command.predict_command)


@app.command("completion", epilog=examples("completion bash"))
def completion_command(
    shell: Annotated[completion.Shell, typer.Argument(help="The shell that you use.")],
    machine: JsonOption = False,
) -> None:
    """Print what lets a shell complete commands and options, under the name clabels, in any folder."""
    script = completion.script(shell)
    if machine:
        Screen(machine).result({"shell": shell.value, "name": completion.NAME, "script": script})
    else:
        typer.echo(script, nl=False)


@app.command("teardown", epilog=examples("teardown --dry-run", "teardown --yes --json"))
def teardown_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be deleted, and end.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Stop the run that is at work on it, and pay no heed to leases.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Delete a project with its models, its datasets and what the stack knows of it, once you have said so."""
    with _desk(project, stack, local, machine) as desk:
        asked = {"project": desk.project, **({"force": True} if force else {})}
        name, arn = run.default_name(datetime.now(UTC), "teardown"), desk.stack.output("TeardownStateMachineArn")
        listed = teardown.survey(desk.cloud, arn, name, asked)
        teardown.show(listed, desk.screen)
        if dry_run or teardown.is_empty(listed):
            desk.screen.result(listed)
            return
        if listed["reason"] and not force:
            raise Busy(listed["reason"])
        if not yes:
            teardown.confirm(desk.project)
        begun = run.start(desk.cloud, arn, name, asked)
        desk.screen.line(f"Started {begun}")
        _watch_to_end(desk, begun, desk.project, teardown.show_result)


if __name__ == "__main__":
    sys.exit(completion.run(app))
