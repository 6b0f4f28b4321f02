"""What survives a restart: the resources, in files that are replaced whole.

    state.json             {"format": 1, "saved": epoch seconds, "millisecond": of the last ARN, "spaces": […]}
    entries/<name>.jsonl   one content of a dataset, an array of Entry's fields a line; written once, never changed
    models/                the trained models, which trainings write themselves

Work that was under way at the stop is lost: what waited for it ends as its failure, and the message says why. The
clock's own changes (a model that is stopping) go on.
"""

import fcntl
import json
import logging
import os
import types
import typing
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from local.rekognition.resources import Entry, Outcome, Pending, Space, Training

log = logging.getLogger(__name__)

FORMAT = 1
STOPPED = "The service was stopped before this had ended."
_UNKEPT = ("job", "counted")  # work under way, and what is counted again

Contents = dict[str, Entry]


@dataclass
class State:
    """Everything that is kept; `saved` in epoch seconds, `millisecond` the last that an ARN got."""

    saved: float
    millisecond: int
    spaces: list[Space]


class Keeper:
    """A folder that one service at a time keeps its state in; RuntimeError if another one has it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models = folder, folder / "models"
        self._file, self._entries = folder / "state.json", folder / "entries"
        self._written: dict[int, tuple[Contents, str]] = {}  # by id; the content is held, or its id is used again
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, which is set aside whole when it cannot be read.
        self._lock = (folder.parent / f"{folder.name}.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise RuntimeError(f"Another service keeps its state in {folder}: stop that one first.") from None

    def load(self) -> State | None:
        """What was kept, or None; what cannot be read is told and set aside, as <folder>.unreadable-<number>."""
        state = None
        if self._file.exists():
            try:
                state = self._read()
            except Exception as error:
                aside = self._set_aside()
                log.warning(
                    "The kept state in %s cannot be read (%s: %s); it is now %s, and the service starts empty.",
                    self.folder,
                    type(error).__name__,
                    error,
                    aside.name,
                )
        for folder in (self._entries, self.models):
            folder.mkdir(parents=True, exist_ok=True)
        used = {Path(model).name for model in _models(state)} if state else set()
        for file in self.models.iterdir():
            if file.name not in used:
                file.unlink()
        return state

    def prepare(self, state: State) -> tuple[dict[str, Any], list[tuple[str, Contents]]]:
        """The state for JSON, and the contents that are not written yet. Quick: the caller holds its lock."""
        new: list[tuple[str, Contents]] = []
        used: dict[int, tuple[Contents, str]] = {}

        def name(content: Contents) -> str:
            known = self._written.get(id(content)) or used.get(id(content))
            if known is None:
                known = (content, uuid.uuid4().hex)
                new.append((known[1], content))
            used[id(content)] = known
            return known[1]

        plain = _plain(state, name)
        self._written = used
        return {"format": FORMAT, **plain}, new

    def write(self, content: dict[str, Any], new: list[tuple[str, Contents]]) -> None:
        """Write what `prepare` made, and remove the contents that nothing names any more."""
        try:
            for name, entries in new:
                lines = (json.dumps(_row(entry), ensure_ascii=False) for entry in entries.values())
                _replace(self._entries / f"{name}.jsonl", "".join(f"{line}\n" for line in lines))
            _replace(self._file, json.dumps(content, ensure_ascii=False))
        except OSError:
            self._written = {}  # what is not known to be written is written again
            raise
        used = {name for _, name in self._written.values()}
        for file in self._entries.glob("*.jsonl"):
            if file.stem not in used:
                file.unlink()

    def close(self) -> None:
        """Let another service have the folder."""
        self._lock.close()

    def _read(self) -> State:
        content = json.loads(self._file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, and this service reads {FORMAT}")
        loaded: dict[str, Contents] = {}

        def contents(name: str) -> Contents:
            if name not in loaded:
                lines = (self._entries / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
                entries = [_entry(json.loads(line)) for line in lines if line]
                loaded[name] = {entry.source_ref: entry for entry in entries}
                self._written[id(loaded[name])] = (loaded[name], name)
            return loaded[name]

        state: State = _restored(State, content, contents)
        for space in state.spaces:
            for version in space.versions():
                self._find_model(version.arn, version.training)
                self._find_model(version.arn, version.pending.outcome.training if version.pending else None)
        return state

    def _find_model(self, arn: str, training: Training | None) -> None:
        """The folder may have been moved, and a file may be gone."""
        if training is None or training.model is None:
            return
        file = self.models / Path(training.model).name
        training.model = str(file) if file.exists() else None
        if training.model is None:
            log.warning("The model of %s is gone from %s: it cannot be started any more.", arn, self.models)

    def _set_aside(self) -> Path:
        self._written = {}
        number = 1
        while (aside := self.folder.with_name(f"{self.folder.name}.unreadable-{number}")).exists():
            number += 1
        return self.folder.rename(aside)


def _replace(file: Path, text: str) -> None:
    """Write a file such that it is the old or the new one, whatever happens meanwhile."""
    temporary = file.with_name(f"{file.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(file)


def _models(state: State) -> list[str]:
    versions = [version for space in state.spaces for version in space.versions()]
    trainings = [version.training for version in versions]
    trainings += [version.pending.outcome.training for version in versions if version.pending]
    return [training.model for training in trainings if training and training.model]


def _plain(value: Any, name: Callable[[Contents], str]) -> Any:
    """`value` for JSON, with each content of a dataset by its name."""
    if isinstance(value, Pending):
        value = Pending(value.due, _settled(value))
    if is_dataclass(value) and not isinstance(value, type):
        plain = {}
        for item in fields(value):
            part = getattr(value, item.name)
            if item.name in _UNKEPT:
                continue
            plain[item.name] = name(part) if item.name == "entries" and part is not None else _plain(part, name)
        return plain
    if isinstance(value, dict):
        return {key: _plain(item, name) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    return sorted(value) if isinstance(value, set) else value


def _settled(pending: Pending) -> Outcome:
    """What becomes of a change if nothing works on it any more."""
    if pending.job is None or pending.job.done():
        return pending.result()
    return replace(pending.outcome, message=STOPPED)


def _restored(kind: Any, value: Any, contents: Callable[[str], Contents]) -> Any:
    """The inverse of `_plain` for a value of the type `kind`; members that are absent get their defaults."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _restored(next(one for one in arguments if one is not types.NoneType), value, contents)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        given = {item.name: value[item.name] for item in fields(kind) if item.init and item.name in value}
        return kind(
            **{
                key: contents(item)
                if key == "entries" and item is not None
                else _restored(hints[key], item, contents)
                for key, item in given.items()
            }
        )
    if origin is dict:
        return {key: _restored(arguments[1], item, contents) for key, item in value.items()}
    if origin is tuple:
        inner = [arguments[0]] * len(value) if arguments[1:] == (Ellipsis,) else arguments
        return tuple(_restored(one, item, contents) for one, item in zip(inner, value, strict=True))
    if origin in (list, set):
        return origin(_restored(arguments[0], item, contents) for item in value)
    return value


def _row(entry: Entry) -> list[Any]:
    return [getattr(entry, item.name) for item in fields(Entry)]


def _entry(row: list[Any]) -> Entry:
    values: Any = (tuple(value) if isinstance(value, list) else value for value in row)
    return Entry(*values)
