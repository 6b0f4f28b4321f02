"""The command `python -m cli predict`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cli import asking, drawing, images, pictures, predict
from cli.commands import examples
from cli.desk import JsonOption, LimitOption, LocalOption, ProjectOption, StackOption, opened
from cli.exits import Exit

EXAMPLES = examples(
    "predict photo.jpg",
    "predict photos/ --min-confidence 50 --draw drawn/",
    "predict s3://DATA_BUCKET/images/custom-labels/test/ --json",
)


def predict_command(
    which: Annotated[
        str,
        typer.Argument(metavar="IMAGE|FOLDER|s3://…", help="An image, or a folder of images with those below it."),
    ],
    confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence", min=0, max=100, help="In percent; each label's own threshold when left out."
        ),
    ] = None,
    results: Annotated[
        int | None, typer.Option("--max-results", min=1, max=10_000, help="Labels of an image at most.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option("--draw", help="A folder for copies with labels and boxes drawn on them.")
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Ask Rekognition itself, with your own rights, and not the API.")
    ] = False,
    inference: Annotated[
        str | None, typer.Option("--inference-stack", help="The stack of the API; samconfig.toml's when left out.")
    ] = None,
    timeout: LimitOption = 30,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Ask the live model what images show: the API where it is deployed, else Rekognition itself."""
    with opened(project, stack, local, machine) as desk:
        chosen = pictures.choose(desk.cloud, which)
        if draw:
            drawing.check(draw.expanduser(), chosen.pictures)
        asked = asking.whom(desk, direct, inference)
        desk.screen.line(
            f"Asking {asked.address} about {images.counted(len(chosen.pictures), 'image')}", style="dim"
        )
        if chosen.skipped:
            desk.screen.line(
                f"Passed over, by name no PNG or JPEG: {', '.join(chosen.skipped[:10])}"
                + (f", and {len(chosen.skipped) - 10:,} more" if chosen.skipped[10:] else ""),
                style="yellow",
            )
        pace = predict.Pace(time.monotonic() + timeout * 60)
        question = predict.Round(
            asked, asking.Wanted(confidence, results), pace, draw and draw.expanduser(), desk.cloud.endpoint
        )
        answers = predict.ask(chosen.pictures, question, desk.screen)
        predict.show(answers, desk.screen)
        if draw:
            drawn = sum(one.drawn is not None for one in answers)
            desk.screen.line(f"Drawn: {images.counted(drawn, 'image')} in {draw}")
        end = predict.ended(answers)
        desk.screen.result(
            {
                "project": desk.project,
                "via": asked.via,
                "asked": asked.address,
                "images": [one.result() for one in answers],
                "skipped": chosen.skipped,
                "interrupted": end is Exit.Interrupted,
            }
        )
        if end is not Exit.Done:
            raise typer.Exit(end.code)
