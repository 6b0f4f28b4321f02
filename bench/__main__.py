"""Runs every benchmark: `python -m bench`, or those that are named: `python -m bench training detection boxes`."""

import subprocess
import sys
from pathlib import Path

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
    failed = [
        name
        for name in chosen or NAMES
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode  # noqa: S603
    ]
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
