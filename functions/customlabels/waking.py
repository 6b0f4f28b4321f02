"""Asks the function Wake to start the live model, for Predict while it sleeps and for POST /model/start.

Imported only where requests may wake it.
"""

import json
import time
from typing import Any

from customlabels.clients import WAKE
from customlabels.refusals import Refusal
from customlabels.telemetry import carried, log

AGAIN = 30  # seconds until Wake is asked again; till then its last answer is repeated
LONG = 300  # seconds after which a model that nobody starts is worth another look
STARTING = Refusal(
    "ModelStarting", "The model was asleep and is being started, which takes some minutes; try again later.", 60
)
STARTED = Refusal("ModelStarting", "The model has just been started; try again after some seconds.", 5)
SILENT = Refusal("ModelNotRunning", "The model is asleep, and could not be started now; try again later.", 60)


class Waker:
    """Asks the function Wake to start the live model."""

    def __init__(self, session: Any, function: str, service: str) -> None:
        self._session, self._function, self._service = session, function, service
        self._client: Any = None
        self._last: tuple[float, Refusal] | None = None  # when it was asked (monotonic seconds), and what it said

    def ask(self) -> Refusal:
        """How a request is answered that has found the model asleep; no failure of Wake is raised."""
        now = time.monotonic()
        if self._last is None or now - self._last[0] >= AGAIN:
            try:
                refusal = STARTED if self.told()["status"] == "RUNNING" else STARTING
            except Refusal as told:
                refusal = told
            except Exception as error:  # whatever it is, the client only needs to know that the model sleeps
                log(self._service, "ERROR", "Wake gave no answer", error=type(error).__name__)
                refusal = SILENT
            self._last = (now, refusal)
        return self._last[1]

    def told(self) -> dict[str, Any]:
        """What Wake answers, asked now: {"status": "RUNNING" or "STARTING", "why", "wakesLeft"}.

        Refusal with the reason where the model is not started; RuntimeError, or botocore's, where Wake fails.
        """
        self._client = self._client or self._session.create_client("lambda", config=WAKE.config)
        answer = self._client.invoke(FunctionName=self._function, Payload=json.dumps(carried()).encode())
        if answer.get("FunctionError"):
            raise RuntimeError("Wake failed")
        told: dict[str, Any] = json.load(answer["Payload"])
        log(self._service, "INFO", "asked to wake", status=told["status"], left=told["wakesLeft"])
        if told["status"] == "ASLEEP":
            raise Refusal("ModelNotRunning", f"The model is asleep, and is not started now. {told['why']}", LONG)
        return told
