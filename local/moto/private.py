"""moto's own modules, parts of which are no public interface: the version is pinned."""

import importlib
import importlib.metadata
from typing import Any

VERSION = "5.2.5"
ACCOUNT = "123456789012"  # moto's, for keys it does not know


def module(name: str) -> Any:
    """A module of moto; imported late, since it takes a while and not every command needs it."""
    return importlib.import_module(f"moto.{name}")


def check() -> None:
    """RuntimeError, in a sentence, unless the pinned version is installed."""
    found = importlib.metadata.version("moto")
    if found != VERSION:
        raise RuntimeError(f"The test cloud needs moto {VERSION}, and {found} is installed.")
