"""The commands `python -m cli review …`."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from customlabels.feedback import ENDINGS, Feedback, Reviewed, Said, read_said

from cli import review_server, runs
from cli.commands import examples
from cli.desk import Desk, JsonOption, LocalOption, ProjectOption, StackOption, opened
from cli.errors import CommandError, told, understood
from cli.exits import Exit, exit_of_all
from cli.review import Broken, Review, labels_of, plain, said_text

app = typer.Typer(
    help="Look at what clients say that images show, and accept it for the next training or discard it."
)

IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="What `review` lists.")]
AllOption = Annotated[bool, typer.Option("--all", help="Everything that waits; with --yes.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Yes, everything.")]


@app.callback(invoke_without_command=True, epilog=examples("review"))
def review(
    context: typer.Context,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Look at what clients say that images show, and accept it for the next training or discard it."""
    if context.invoked_subcommand is None:
        list_command(project, stack, local, machine)
    elif project or stack or local or machine:
        # They would be lost on the command, which would then act on another project or another cloud.
        name = context.invoked_subcommand
        raise typer.BadParameter(f"options come after the command: `python -m cli review {name} … --option`.")


@app.command("list", epilog=examples("review list"))
def list_command(
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Show what waits, oldest first."""
    with opened(project, stack, local, machine) as desk:
        found = _review(desk).waiting()
        for one in found:
            _show(desk, one)
        if found:
            about = f" --project {desk.project}{desk.cloud.flag}"
            many = _count(len(found), "image")
            desk.screen.line(f"{many} of {desk.project}. In the browser: `python -m cli review page{about}`.")
        else:
            desk.screen.line(f"Nothing of {desk.project} waits for a person.")
        desk.screen.result([facts(one, desk.stack.output("DataBucketName")) for one in found])


@app.command("show", epilog=examples("review show 20261122T101500000-0123456789ab"))
def show_command(
    identity: Annotated[str, typer.Argument(metavar="ID", help="What `review` lists.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; feedback-ID.png or .jpg when left out.")
    ] = None,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Show what an image is said to show, and write it to a file; with --json only if --output says where."""
    with opened(project, stack, local, machine) as desk:
        review = _review(desk)
        one = review.find(identity)
        _show(desk, one)
        picture = review.picture(one)
        shown = facts(one, review.bucket) | {"contentType": picture.content_type, "bytes": len(picture.data)}
        if output or not machine:
            path = output or Path()
            if output is None or path.is_dir():
                path = path / f"feedback-{one.id}{ENDINGS[picture.header.format]}"
            try:
                path.write_bytes(picture.data)
            except OSError as error:
                raise CommandError(f"The image cannot be written to {str(path)!r}: {error.strerror}.") from error
            desk.screen.line(f"  image:   {path.resolve()}")
            shown["file"] = str(path.resolve())
        desk.screen.result(shown)


@app.command(
    "accept",
    epilog=examples(
        "review accept 20261122T101500000-0123456789ab --labels bolt,nut", "review accept --all --yes"
    ),
)
def accept_command(
    ids: IdsArgument = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="What it shows instead: label,label or a JSON list.")
    ] = None,
    boxes: Annotated[
        str | None, typer.Option("--boxes", help="The same as boxes: JSON as POST /feedback has it, or its file.")
    ] = None,
    everything: AllOption = False,
    yes: YesOption = False,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Let images be trained on from the next run on, as they were said to show or as you say."""
    with opened(project, stack, local, machine) as desk:
        review = _review(desk)
        said = read_options(labels, boxes)
        chosen = _chosen(review, ids, everything, yes)
        training = review.training() if chosen else None

        def accept(identity: str) -> dict[str, Any]:
            made = review.accept(identity, said, training)
            desk.screen.line(f"Accepted {identity} as {made.reviewed.reference}")
            for note in made.notes:
                desk.screen.line(f"  {note}", style="yellow")
            return facts_of(made.reviewed) | {"notes": list(made.notes)}

        _each(desk, chosen, accept)


@app.command("discard", epilog=examples("review discard 20261122T101500000-0123456789ab"))
def discard_command(
    ids: IdsArgument = None,
    everything: AllOption = False,
    yes: YesOption = False,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Forget what was said of images, and delete the images."""
    with opened(project, stack, local, machine) as desk:
        review = _review(desk)

        def discard(identity: str) -> dict[str, Any]:
            review.discard(identity)
            desk.screen.line(f"Discarded {plain(identity)}")
            return {"id": identity}

        _each(desk, _chosen(review, ids, everything, yes), discard)


@app.command("accepted", epilog=examples("review accepted --json"))
def accepted_command(
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Show what was accepted and is trained on, oldest first."""
    with opened(project, stack, local, machine) as desk:
        found = _review(desk).reviewed()
        for one in found:
            desk.screen.line(f"{one.digest}  {runs.moment(one.at)}", style="bold")
            desk.screen.line(f"  shows:   {plain(', '.join(labels_of(one.line)))}")
            desk.screen.line(f"  image:   {one.reference}")
            desk.screen.line(f"  by:      {one.by}")
        if not found:
            desk.screen.line(f"Nothing was accepted for {desk.project}.")
        desk.screen.result([facts_of(one) for one in found])


@app.command("withdraw", epilog=examples("review withdraw 0123456789abcdef"))
def withdraw_command(
    digests: Annotated[
        list[str], typer.Argument(metavar="DIGEST…", help="What `review accepted` lists; its beginning will do.")
    ],
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Train on accepted images no longer, from the next run that makes the training dataset anew."""
    with opened(project, stack, local, machine) as desk:
        review = _review(desk)

        def withdraw(digest: str) -> dict[str, Any]:
            one = review.withdraw(digest)
            desk.screen.line(
                f"Withdrew {one.digest}; datasets may name its image still, which stays: {one.reference}"
            )
            return facts_of(one)

        _each(desk, digests, withdraw)


@app.command("page", epilog=examples("review page --port 8080"))
def page_command(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of 127.0.0.1; 0 takes a free one.")] = 0,
    browse: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = True,
    project: ProjectOption = None,
    stack: StackOption = None,
    local: LocalOption = False,
    machine: JsonOption = False,
) -> None:
    """Review in the browser, on a page that this machine serves to nobody else; Ctrl-C ends it."""
    with opened(project, stack, local, machine) as desk, review_server.listening(_review(desk), port) as server:
        desk.screen.line(f"Review of {desk.project}: {server.address}")
        desk.screen.line("Whoever has this address reviews with your rights. Ctrl-C ends it.")
        desk.screen.result({"url": server.address})
        sys.stdout.flush()
        if browse:
            server.show()
        server.run()
        desk.screen.line("The page has ended.")


def read_options(labels: str | None, boxes: str | None) -> Said | None:
    """What --labels or --boxes say that an image shows, or None; CommandError for what cannot be read."""
    if labels is not None and boxes is not None:
        raise CommandError("Either --labels or --boxes can be given, not both.")
    option, given = ("--labels", labels) if labels is not None else ("--boxes", boxes)
    if given is None:
        return None
    try:
        if option == "--boxes":
            text = given if given.lstrip()[:1] in ("[", "{") else Path(given).read_text(encoding="utf-8")
            value = json.loads(text)
            return read_said(value if isinstance(value, dict) else {"boxes": value})
        if given.lstrip().startswith("["):
            return read_said({"labels": json.loads(given)})
        return read_said({"labels": [part for label in given.split(",") if (part := label.strip())]})
    except OSError as error:
        raise CommandError(f"{option} {given!r} is no file that can be read: {error.strerror}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandError(f"{option} is not JSON: {error}.") from None
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from None


def facts(one: Feedback | Broken, bucket: str) -> dict[str, Any]:
    """What waits, as JSON."""
    if isinstance(one, Broken):
        return {"id": one.id, "error": told("Unreadable", one.why)}
    return {
        "id": one.id,
        "at": one.at,
        "said": one.said.to_json(),
        "width": one.width,
        "height": one.height,
        "comment": one.comment,
        "image": f"s3://{bucket}/{one.key}",
    }


def facts_of(one: Reviewed) -> dict[str, Any]:
    """What was accepted, as JSON."""
    return {
        "digest": one.digest,
        "at": one.at,
        "by": one.by,
        "feedback": one.feedback,
        "image": one.reference,
        "labels": labels_of(one.line),
    }


def _review(desk: Desk) -> Review:
    return Review.of(desk.cloud, desk.stack, desk.project)


def _show(desk: Desk, one: Feedback | Broken) -> None:
    if isinstance(one, Broken):
        desk.screen.line(f"{plain(one.id)}  cannot be read", style="bold red")
        desk.screen.line(f"  {plain(one.why)} Discard it.")
        return
    size = f"{one.width} x {one.height} pixels"
    desk.screen.line(f"{plain(one.id)}  {runs.moment(one.at)}  {size}", style="bold")
    desk.screen.line(f"  shows:   {said_text(one.said)}")
    if one.comment:
        desk.screen.line(f"  comment: {plain(one.comment)}")


def _chosen(review: Review, ids: list[str] | None, everything: bool, yes: bool) -> list[str]:
    """The ids that a command is about; CommandError where that is not clear."""
    if bool(ids) == everything:
        raise CommandError(
            "Either name what is meant by its ID, as `python -m cli review` lists it, or add --all."
        )
    if ids:
        return list(dict.fromkeys(ids))
    waiting = [one.id for one in review.waiting()]
    if not yes and waiting:
        raise CommandError(f"--all means {_count(len(waiting), 'image')}: add --yes if you have looked at each.")
    return waiting


def _each(desk: Desk, names: Iterable[str], act: Callable[[str], dict[str, Any]]) -> None:
    """Do it for each; what cannot be done is told, and the others are done all the same."""
    results: list[dict[str, Any]] = []
    for name in names:
        try:
            results.append(act(name) | {"error": None})
            continue
        except CommandError as error:
            problem = error
        except ClientError as error:
            problem = understood(error, desk.cloud.endpoint)
        desk.screen.complain(str(problem))
        results.append({"id": name, "error": told(problem.name, str(problem))})
    if not results:
        desk.screen.line(f"Nothing of {desk.project} waits for a person.")
    desk.screen.result(results)
    ended = exit_of_all(one["error"] and one["error"]["name"] for one in results)
    if ended is not Exit.Done:
        raise typer.Exit(ended.code)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
