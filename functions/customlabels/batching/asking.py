"""Asks a model about the images of a chunk: each gets one line, or is left for the next call."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from customlabels.batching.lines import answer, failure, place
from customlabels.batching.pacing import Throttle, backoff

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

THREADS, FEWEST = 64, 8
LATENCY = 4  # seconds that calls may take without keeping a function from its pace
TRIES = 6  # of a call that fails for another reason than a busy model
IN_A_ROW = 30  # calls that fail, whatever their image: then it is not the images
# What is tried again is decided here, where it is known whether the model is busy or broken.
ONCE = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=THREADS,
)
OF_THE_IMAGE = frozenset(
    {
        "InvalidImageFormatException",
        "ImageTooLargeException",
        "InvalidS3ObjectException",
        "InvalidParameterException",  # a key that DetectCustomLabels does not take
        "ValidationException",
    }
)
BUSY = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "LimitExceededException",
        "TooManyRequestsException",
    }
)
# The model was stopped meanwhile: the next round starts it again.
ASLEEP = frozenset({"ResourceNotReadyException", "ResourceNotFoundException"})


class Asked(NamedTuple):
    """The lines of the images that have one, in order; how many have none; and what ended the call, if so."""

    lines: list[str]
    left: int
    error: Exception | None


class Asking:
    """One call's questions to one version of a model."""

    def __init__(
        self,
        rekognition: "RekognitionClient",
        arn: str,
        version: str,
        options: dict[str, Any],
        throttle: Throttle,
        deadline: float,
        *,
        last: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`options` goes with each call; `deadline` is a time of time.monotonic.

        With `last`, an image whose calls all failed gets a line that says so, and is not left.
        """
        self._rekognition, self._arn, self._version, self._options = rekognition, arn, version, options
        self._throttle, self._deadline, self._last, self._sleep = throttle, deadline, last, sleep
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._in_a_row = 0  # of failed calls; a race may miscount it by some, which does not matter

    def ask(self, images: Sequence[str]) -> Asked:
        """Ask about each image, until the deadline or until the model cannot be asked any more."""
        threads = min(THREADS, max(FEWEST, math.ceil(self._throttle.most * LATENCY)))
        with ThreadPoolExecutor(threads) as pool:
            lines = list(pool.map(self._line, images))
        told = [line for line in lines if line is not None]
        return Asked(told, len(lines) - len(told), self._error)

    def _line(self, image: str) -> str | None:
        tries = 0
        while not self._ended.is_set() and self._throttle.wait(self._deadline):
            if self._ended.is_set():
                break
            try:
                found = self._rekognition.detect_custom_labels(
                    ProjectVersionArn=self._arn, Image=place(image), **self._options
                )
            except ClientError as error:
                code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
                if code in OF_THE_IMAGE:
                    self._in_a_row = 0
                    return failure(image, code, message)
                if code in BUSY:
                    self._throttle.refused()
                    continue
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                if code in ASLEEP or status < 500:
                    self._end(None if code in ASLEEP else error)
                    return None
                fault: Exception = error
            except (BotoCoreError, HTTPClientError) as error:
                code, message, fault = type(error).__name__, str(error), error
            else:
                self._in_a_row = 0
                return answer(image, self._version, list(found["CustomLabels"]))
            tries += 1
            self._in_a_row += 1
            if self._in_a_row > IN_A_ROW:
                self._end(fault)
                return None
            if tries == TRIES:
                return failure(image, code, message) if self._last else None
            self._sleep(backoff(tries))
        return None

    def _end(self, error: Exception | None) -> None:
        self._error = self._error or error
        self._ended.set()
