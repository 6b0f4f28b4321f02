"""Virtual environments below .local/venvs/, for what does not stand beside the rest or must stand alone."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from local.cloud import ROOT

FOLDER = ROOT / ".local" / "venvs"


def environment(name: str, requirements: list[str]) -> Path:
    """The Python of an environment that holds exactly these pinned requirements and what they need.

    It is made when it is missing or other requirements were asked for before; CalledProcessError if pip fails.
    """
    wanted = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()
    place = FOLDER / name
    python, ready = place / "bin" / "python", place / "ready"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists() or ready.read_text() != wanted:
            shutil.rmtree(place, ignore_errors=True)
            for command in (
                [sys.executable, "-m", "venv", str(place)],
                [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
            ):
                subprocess.run(command, check=True)  # noqa: S603 - pip, with pinned requirements of ours
            ready.write_text(wanted)
    return python


def pinned(file: Path, *names: str) -> list[str]:
    """The requirements of a file without their hashes, or those of the named packages only."""
    lines = [line.partition("#")[0].strip(" \\") for line in file.read_text().splitlines()]
    found = [line for line in lines if line and not line.startswith("--hash=")]
    return [line for line in found if line.partition("==")[0] in names] if names else found
