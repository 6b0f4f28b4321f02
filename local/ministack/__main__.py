"""Serves the local cloud in the foreground, with the environment that `local.cloud` gives a server."""

import os
import shutil
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from local.cloud import SERVICE, Place, server_environment
from local.limits import Limits
from local.ministack import plug
from local.ministack.private import module

if TYPE_CHECKING:
    from local.rekognition.service import Service


def serve(place: Place) -> None:
    """Serve on loopback until a signal ends the process; all that is written is in the place's folder."""
    from local.rekognition.clock import Clock
    from local.rekognition.service import Service
    from local.rekognition.settings import Settings

    try:
        settings, limits = Settings.from_environment(), Limits.from_environment()
    except ValueError as error:
        raise RuntimeError(str(error)) from error

    @cache
    def client() -> Any:
        import boto3

        return boto3.client("s3", endpoint_url=place.endpoint)

    def create() -> "Service":
        state, keep = place.folder / SERVICE, place.kept / SERVICE if place.keep else None
        shutil.rmtree(state / "models", ignore_errors=True)  # of a server that was killed
        return Service(settings, s3=client, state_dir=state, clock=Clock(), keep=keep)

    rekognition = plug(create, limits)
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
        serve(place)
    except RuntimeError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
