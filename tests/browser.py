"""A browser for tests of pages: the system's Chromium, without a window, told by what it asks and complains of.

Without Chromium the tests are skipped, with a sentence that says how to install it; in continuous integration,
where the variable CI is set, they fail.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "Chromium is missing, in which pages are tested: on Debian and Ubuntu, sudo apt install chromium; elsewhere, "
    "put chromium or google-chrome on the PATH."
)
# As root there is no sandbox; nothing but the page may ask for anything.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def chromium() -> str:
    """The path of the system's Chromium; without one the test is skipped, or fails where CI is set."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return str(found)


@dataclass
class Opened:
    """A page, and since it was opened: the console's messages, uncaught errors, and addresses asked for.

    Addresses of `data:` are left out, as nothing is asked for them.
    """

    page: Page
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, closed at the end."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


@contextmanager
def opened(running: Browser, address: str, width: int = 1200, **context: Any) -> Iterator[Opened]:
    """A page at an address, in a context that holds nothing of an earlier one; `context` as in new_context."""
    made = running.new_context(viewport={"width": width, "height": 900}, **context)
    found = Opened(made.new_page())
    found.page.on("console", lambda message: found.console.append(f"{message.type}: {message.text}"))
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    found.page.on(
        "request",
        lambda request: found.requests.append(request.url) if not request.url.startswith("data:") else None,
    )
    found.page.goto(address)
    try:
        yield found
    finally:
        made.close()
