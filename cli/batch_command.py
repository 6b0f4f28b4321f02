"""`python -m cli batch`: asks the live model about many images in S3."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli import exits, run, watch
from cli.commands import examples
from cli.desk import Desk, JsonOption, LocalOption, ProjectOption, StackOption, opened
from cli.errors import CommandError, Interrupted
from cli.screen import Screen

EXAMPLES = examples(
    "batch s3://DATA_BUCKET/shots/ --wait",
    "batch s3://DATA_BUCKET/shots/ --output s3://DATA_BUCKET/batch/shots/ --tolerated 0.01 --json",
)
LISTS = (".manifest", ".jsonl", ".json", ".txt", ".csv")  # endings of what lists images; all else is a folder


def batch_command(
    images: Annotated[
        str,
        typer.Argument(metavar="S3-ADDRESS", help="s3://bucket/folder/, or s3://bucket/list.txt with one a line."),
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", help="s3://DATA_BUCKET/batch/…/; that of an earlier batch goes on with it."),
    ] = None,
    least: Annotated[
        float | None, typer.Option("--min-confidence", min=0, max=100, help="Percent; else each label's own.")
    ] = None,
    tolerated: Annotated[
        float | None, typer.Option("--tolerated", min=0, max=1, help="Share of images that may fail; else 0.05.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch the batch to its end.")] = False,
    name: Annotated[str | None, typer.Option("--name", help="The execution's name.")] = None,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Ask the live model about many images; it is started if it sleeps, and stopped again."""
    with opened(project, stack, local, machine) as desk:
        made = request(images, output, least, tolerated, project)
        execution_name = name or run.default_name(datetime.now(UTC), "batch")
        arn = run.start(desk.cloud, desk.stack.output("BatchStateMachineArn"), execution_name, made)
        desk.screen.line(f"Started {arn}")
        if wait:
            _watch(desk, arn)
        else:
            desk.screen.line(f"To watch it: `python -m cli watch {arn}{desk.cloud.flag}`.")
            desk.screen.result({"executionArn": arn, "status": "RUNNING"})


def request(
    images: str, output: str | None, least: float | None, tolerated: float | None, project: str | None
) -> dict[str, Any]:
    """The execution input; CommandError where the images lie nowhere in S3."""
    if not images.startswith("s3://"):
        raise CommandError(f"{images!r} is not in S3: give s3://bucket/folder/, or a list, s3://bucket/list.txt.")
    kind = "manifest" if images.endswith(LISTS) else "images"
    options = {"output": output, "minConfidence": least, "tolerated": tolerated, "project": project}
    return {kind: images, **{key: value for key, value in options.items() if value is not None}}


def _watch(desk: Desk, arn: str) -> None:
    try:
        ended = watch.result(watch.follow(desk.cloud, arn, desk.project, desk.screen))
    except KeyboardInterrupt:
        again = f"`python -m cli watch {arn}{desk.cloud.flag}`"
        raise Interrupted(f"No longer watching; the batch goes on. Watch again: {again}.") from None
    watch.show_result(ended, desk.screen)
    if ended["output"]:
        show(ended["output"], desk.screen)
    watch.print_end(ended, desk.screen)
    if ended["status"] != "SUCCEEDED":
        raise typer.Exit(exits.exit_of(ended["error"] or "").code)


def show(output: Mapping[str, Any], screen: Screen) -> None:
    """Print what came of a batch."""
    screen.line(f"images     {output['images']:,}: {output['answered']:,} answered, {output['failed']:,} failed")
    for reason, count in output["failures"].items():
        screen.line(f"           {reason} {count:,}")
    if output["imagesPerSecond"] is not None:
        units, amount = output["cost"]["inferenceUnits"], output["cost"]["amount"]
        screen.line(f"pace       {output['imagesPerSecond']:,.1f} images a second, on {units} inference units")
        screen.line(f"cost       {amount:,.2f} for the model, at the stack's price parameter")
    screen.line(f"results    {output['results']}")
    screen.line(f"summary    {output['summary']}")
