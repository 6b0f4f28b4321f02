"""Looks for known vulnerabilities of what ships to Lambda: `python -m local.audit`, which asks pypi.org."""

import subprocess
import sys
from pathlib import Path

from local.cloud import ROOT
from local.venvs import environment, pinned

# Each folder that ships says in requirements.in what it asks for.
SHIPPED = tuple(f"{file.parent.name}/requirements.txt" for file in sorted(ROOT.glob("*/requirements.in")))


def program(name: str) -> Path:
    """A program of requirements-audit.txt, installed when it is missing."""
    return environment("audit", pinned(ROOT / "requirements-audit.txt")).parent / name


def main() -> int:
    """1 if a dependency is vulnerable, or could not be looked up."""
    ended = 0
    for file in SHIPPED:
        command = [str(program("pip-audit")), "--requirement", str(ROOT / file), "--require-hashes"]
        # What has hashes needs no resolving; a dependency that pypi.org does not know is a failure, not a warning.
        command += ["--disable-pip", "--strict", "--progress-spinner", "off"]
        sys.stdout.write(f"{file}\n")
        sys.stdout.flush()
        ended |= subprocess.run(command, check=False).returncode  # noqa: S603 - a pinned program of ours
    return ended


if __name__ == "__main__":
    raise SystemExit(main())
