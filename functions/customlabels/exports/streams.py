"""Lines and JSON read from the chunks of a file, without holding the whole of it.

JSON is read with the standard library, an array's element at a time and all arrays in one pass: the library that
is known for it, ijson, gives one array a pass, or each number as an event of its own.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

from customlabels.errors import DatasetRejected
from customlabels.preflight.findings import quoted

LONGEST_ELEMENT = 16 * 1024 * 1024  # bytes of a line, characters of an element; a longer one is a broken file
_CHUNK = 64 * 1024  # characters read at least, for one that ends inside of an element is read twice


def text_lines(chunks: Iterable[bytes], file: str) -> Iterator[bytes]:
    """The lines of a file without their newline; DatasetRejected when one is far too long for a text."""
    rest = bytearray()
    for chunk in chunks:
        *lines, last = chunk.split(b"\n")
        if lines:
            lines[0] = bytes(rest) + lines[0]
            rest.clear()
            yield from lines
        rest += last
        if len(rest) > LONGEST_ELEMENT:
            raise DatasetRejected(f"{file} has a line of more than {LONGEST_ELEMENT:,} bytes; accepted is a text.")
    if rest:
        yield bytes(rest)


def elements(chunks: Iterable[bytes], file: str, accepted: str) -> Iterator[tuple[str, int, Any]]:
    """What a JSON file holds: (key, index, element) of each array, (key, -1, value) of any other value.

    The key is empty where the file itself is an array. DatasetRejected for a file that is neither an object nor an
    array, which says what is `accepted`.
    """
    text = _Text(chunks, file, accepted)
    if text.peek() == "[":
        yield from _array(text, "")
    else:
        text.take("{")
        while not text.took("}"):
            key = text.value()
            if not isinstance(key, str):
                raise text.rejected()
            text.take(":")
            if text.peek() == "[":
                yield from _array(text, key)
            else:
                yield key, -1, text.value()
            if not text.took(","):
                text.take("}")
                break
    if text.peek():
        raise text.rejected()


def _array(text: "_Text", key: str) -> Iterator[tuple[str, int, Any]]:
    text.take("[")
    if text.took("]"):
        return
    index = 0
    while True:
        yield key, index, text.value()
        index += 1
        if not text.took(","):
            text.take("]")
            return


class _Text:
    """A window on the file's text that moves on as values are taken."""

    def __init__(self, chunks: Iterable[bytes], file: str, accepted: str) -> None:
        self.chunks = iter(chunks)
        self.file = file
        self.accepted = accepted
        self.decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self.scan = json.JSONDecoder().raw_decode
        self.window = ""
        self.at = 0
        self.ended = False

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self.at < len(self.window):
                if self.window[self.at] not in " \t\r\n":
                    return self.window[self.at]
                self.at += 1
            if not self._more():
                return ""

    def took(self, character: str) -> bool:
        """Take the character if it is next."""
        if self.peek() != character:
            return False
        self.at += 1
        return True

    def take(self, character: str) -> None:
        """Take the character that has to be next."""
        if not self.took(character):
            raise self.rejected()

    def value(self) -> Any:
        """Take the value that has to be next."""
        self.peek()
        while True:
            try:
                value, end = self.scan(self.window, self.at)
            except RecursionError:
                raise self.rejected() from None
            except ValueError:
                if len(self.window) - self.at > LONGEST_ELEMENT or not self._more():
                    raise self.rejected() from None
                continue
            # A number at the window's end may go on behind it.
            if end < len(self.window) or not self._more():
                self.at = end
                return value

    def rejected(self) -> DatasetRejected:
        """The error for text that is not of the form."""
        near = self.window[self.at : self.at + 40]
        told = f"at {quoted(near)}" if near else "where it ends"
        return DatasetRejected(f"{self.file} is not the JSON of such a file {told}; accepted is {self.accepted}.")

    def _more(self) -> bool:
        """Read on, as much again as is waiting; whether there was anything."""
        if self.ended:
            return False
        parts = [self.window[self.at :]]
        wanted, got = max(_CHUNK, len(parts[0])), 0
        try:
            while got < wanted and not self.ended:
                chunk = next(self.chunks, None)
                self.ended = chunk is None
                parts.append(self.decode(chunk or b"", self.ended))
                got += len(parts[-1])
        except UnicodeDecodeError:
            raise DatasetRejected(f"{self.file} is not UTF-8 text; accepted is {self.accepted}.") from None
        self.window, self.at = "".join(parts), 0
        return got > 0
