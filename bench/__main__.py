"""Runs every benchmark and writes docs/performance.md: `python -m bench`; or those named: `python -m bench boxes`.

The page holds, for each, what its module's docstring says of it, with the baseline and what limits it, and what it
printed.
"""

import importlib
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
NAMES = tuple(
    file.stem
    for file in sorted(Path(__file__).parent.glob("*.py"))
    if "\ndef main(" in file.read_text() and file.stem != "__main__"
)


def main(chosen: list[str]) -> None:
    """Run the benchmarks with those names, or all, each in a process of its own; SystemExit when one fails."""
    unknown = set(chosen) - set(NAMES)
    if unknown:
        raise SystemExit(f"There is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}.")
    printed = {name: run(name) for name in chosen or NAMES}
    failed = [name for name, text in printed.items() if text is None]
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}.")
    if not chosen:
        PAGE.write_text(page({name: text or "" for name, text in printed.items()}), encoding="utf-8")
        sys.stdout.write(f"Written: {PAGE.relative_to(ROOT)}\n")


def run(name: str) -> str | None:
    """What a benchmark prints, which is shown as well; None if it fails."""
    command = [sys.executable, "-m", f"bench.{name}"]
    text = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            text += line
    return None if process.returncode else text


def page(printed: dict[str, str]) -> str:
    """The page of what all benchmarks printed."""
    now = datetime.now(UTC)
    lines = [
        "# Performance",
        "",
        f"Written by `make bench` on {now:%Y-%m-%d}: {os.cpu_count()} cores, {platform.machine()}, Python"
        f" {platform.python_version()}. Seconds are this machine's; what carries over are the ratios to a",
        "baseline that is measured in the same run.",
    ]
    for name, text in printed.items():
        about = (importlib.import_module(f"bench.{name}").__doc__ or "").strip()
        lines += ["", f"## {name}", "", about, "", "```", text.rstrip(), "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
