"""Serves the local cloud in the foreground, with the environment that `local.cloud` gives a server."""

import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.cloud import LOOPBACK, Place, server_environment
from local.ministack import plug
from local.ministack.private import module

if TYPE_CHECKING:
    from local.rekognition.service import Service


def serve(port: int, state: Path) -> None:
    """Serve on loopback until a signal ends the process; all that is written is below `state`."""
    from local.rekognition.service import Service
    from local.rekognition.settings import Settings

    try:
        settings = Settings.from_environment()
    except ValueError as error:
        raise RuntimeError(str(error)) from error

    @cache
    def client() -> Any:
        import boto3

        return boto3.client("s3", endpoint_url=f"http://{LOOPBACK}:{port}")

    def create() -> "Service":
        shutil.rmtree(state / "rekognition", ignore_errors=True)  # ministack starts empty too
        return Service(settings, s3=client, state_dir=state / "rekognition")

    rekognition = plug(create)
    sys.argv = sys.argv[:1]  # ministack reads arguments of its own
    try:
        module("app").main()
    finally:
        rekognition.service.close()


def main() -> None:
    """Take the environment that `local.cloud` gives a server, and serve in the foreground."""
    place = Place.from_environment()
    (place.folder / "tmp").mkdir(parents=True, exist_ok=True)
    serving = server_environment(place)
    os.environ.clear()
    os.environ.update(serving)
    try:
        serve(place.port, place.folder)
    except RuntimeError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
