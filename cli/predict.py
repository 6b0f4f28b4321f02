"""Asking what images show: several at once, at the pace that those who answer ask for, and nothing is lost."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from customlabels.refusals import Refusal

from cli import drawing, images, pictures
from cli.asking import Answer, Asked, Unanswered, Wanted
from cli.errors import CommandError, told, understood
from cli.exits import Exit, exit_of_all
from cli.pictures import Picture, Ready
from cli.screen import Screen

AT_ONCE = 4  # images that are asked about at a time: fewer than the stage lets through at once
TRIES = 6  # of an image that is refused for the pace, or not answered
_PAUSE = 1.0  # seconds, where nobody says how long to wait
_AGAIN = {"TooManyRequests", "ServiceUnavailable", "TimedOut", "Unreachable"}
_STARTING = "ModelStarting"  # the model comes up, for these images: worth any number of tries
_ALL = {"ModelNotRunning", "QuotaExceeded", "Forbidden", "NotPermitted"}  # what the next image would be told, too
COLUMNS = ("image", "label", "confidence", "box", "ms")


@dataclass
class Told:
    """What became of an image; with `error` it has no answer."""

    image: str
    answer: Answer | None = None
    seconds: float | None = None  # of the request that was answered
    tries: int = 0
    size: tuple[int, int] | None = None
    note: str | None = None
    drawn: str | None = None
    error: dict[str, str] | None = None

    def result(self) -> dict[str, Any]:
        """The image as plain values."""
        return {
            "image": self.image,
            "predictions": None if self.answer is None else self.answer.predictions,
            "model": self.answer and self.answer.model,
            "seconds": None if self.seconds is None else round(self.seconds, 4),
            "tries": self.tries,
            "width": self.size and self.size[0],
            "height": self.size and self.size[1],
            "note": self.note,
            "drawn": self.drawn,
            "error": self.error,
        }


@dataclass
class Pace:
    """When the next request may be sent: who is told to wait makes all others wait, too."""

    until: float  # monotonic seconds after which nobody waits for an answer any longer
    ended: threading.Event = field(default_factory=threading.Event)
    _next: float = 0.0

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so many seconds."""
        self._next = max(self._next, time.monotonic() + seconds)

    def wait(self) -> bool:
        """Wait for the turn; False where it does not come, since all has ended or time is up."""
        while (left := self._next - time.monotonic()) > 0:
            if self._next > self.until or self.ended.wait(left):
                return False
        return not self.ended.is_set()


@dataclass
class Round:
    """One question about several images."""

    asked: Asked
    wanted: Wanted
    pace: Pace
    draw: Path | None = None
    endpoint: str | None = None  # of the cloud, for what to do when it does not answer
    final: Unanswered | None = None  # what every further image would be told

    def about(self, picture: Picture) -> Told:
        """Ask about one image, as often as is worth it; what goes wrong is in what is told."""
        one = Told(picture.name.encode(errors="backslashreplace").decode())  # what is not UTF-8 cannot be printed
        try:
            ready = self._ready(picture, one)
            one.answer = self._answer(ready, one)
            if self.draw:
                one.drawn = str(drawing.draw(ready.data, one.answer.predictions, self.draw, picture.place))
        except Unanswered as error:
            one.error = told(error.name, error.message)
        except Refusal as error:
            one.error = told(error.code, error.message)
        except CommandError as error:
            one.error = told(error.name, str(error))
        except Exception as error:  # a fault of the command with one image must not lose the others' answers
            one.error = told(Exit.Failed.name, f"{type(error).__name__}: {error}")
        return one

    def _ready(self, picture: Picture, one: Told) -> Ready:
        self._end()
        try:
            ready = pictures.prepare(picture.read())
        except OSError as error:
            raise Unanswered("NotFound", f"It cannot be read: {error.strerror or error}.") from None
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            raise understood(error, self.endpoint) from None
        one.size, one.note = (ready.width, ready.height), ready.note
        return ready

    def _answer(self, ready: Ready, one: Told) -> Answer:
        refused: Unanswered | None = None
        while True:
            if not self.pace.wait():
                self._end()
                raise refused or Unanswered("TimedOut", "No answer came in time.")
            one.tries += 1
            began = time.monotonic()
            try:
                answer = self.asked.ask(ready, self.wanted)
            except Unanswered as error:
                refused = error
            else:
                one.seconds = time.monotonic() - began
                return answer
            if refused.name in _ALL:
                self.final = refused
                self.pace.ended.set()
                raise refused
            if refused.name != _STARTING and (refused.name not in _AGAIN or one.tries >= TRIES):
                raise refused
            self.pace.hold(refused.after or _PAUSE)

    def _end(self) -> None:
        """Unanswered where nobody asks any longer."""
        if self.final:
            raise Unanswered(self.final.name, f"Not asked any more: {self.final.message}")
        if self.pace.ended.is_set():
            raise Unanswered(Exit.Interrupted.name, "Not asked: the command was interrupted.")


def ask(chosen: Sequence[Picture], question: Round, screen: Screen) -> list[Told]:
    """Ask about images, `AT_ONCE` at a time, in their order; those that Ctrl-C leaves out are told as such."""
    pool = ThreadPoolExecutor(AT_ONCE)
    under_way: list[Future[Told]] = [pool.submit(question.about, one) for one in chosen]
    try:
        with screen.live():
            for number, _ in enumerate(as_completed(under_way), 1):
                screen.progress(f"{number:,} of {images.counted(len(chosen), 'image')} asked")
    except KeyboardInterrupt:
        question.pace.ended.set()  # who has not asked yet will not; the answers that are on their way are kept
    pool.shutdown()
    return [one.result() for one in under_way]


def ended(answers: Iterable[Told]) -> Exit:
    """How the command ends."""
    names = [one.error["name"] if one.error else None for one in answers]
    return Exit.Interrupted if Exit.Interrupted.name in names else exit_of_all(names)


def show(answers: Sequence[Told], screen: Screen) -> None:
    """Print the labels as a table, what failed, and how long the answers took."""
    good = [one for one in answers if one.answer]
    rows = [row for one in good for row in _rows(one)]
    if rows:
        screen.table("Labels", COLUMNS, rows)
    for one in good:
        if one.note:
            screen.line(f"{one.image}: {one.note}", style="yellow")
        if one.error:
            screen.complain(f"{one.image}: {one.error['message']}")
    for one in answers:
        if not one.answer and one.error:
            screen.complain(f"{one.image}: {one.error['message']}")
    if good:
        took = [one.seconds or 0.0 for one in good]
        models = ", ".join(sorted({one.answer.model for one in good if one.answer}))
        screen.line(
            f"{len(good)} of {images.counted(len(answers), 'image')} answered by {models}; "
            f"latency {median(took) * 1000:.0f} ms (median), {max(took) * 1000:.0f} ms (slowest)",
            style="bold",
        )


def _rows(one: Told) -> list[list[str]]:
    labels = one.answer.predictions if one.answer else []
    took = f"{(one.seconds or 0.0) * 1000:.0f}"
    if not labels:
        return [[one.image, "-", "-", "-", took]]
    return [[one.image, label["Name"], f"{label['Confidence']:.1f}", _box(label), took] for label in labels]


def _box(label: dict[str, Any]) -> str:
    box = (label.get("Geometry") or {}).get("Pixels")
    return f"{box['Left']},{box['Top']} {box['Width']}x{box['Height']}" if box else "-"
