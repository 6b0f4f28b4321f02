"""Whom a command asks what an image shows: the deployed API, or Rekognition itself."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from customlabels.predictions import shape
from customlabels.preflight.headers import Header

from cli import models
from cli.desk import Desk
from cli.errors import CommandError, ModelNotRunning, code, understood
from cli.pictures import Ready
from cli.stack import Cloud, Stack, configured_name, find

SECONDS = 60  # for an answer; the API itself gives up after 29
_BUSY = ("ThrottlingException", "ProvisionedThroughputExceededException", "TooManyRequestsException")
_NO_IMAGE = ("ImageTooLargeException", "InvalidImageFormatException", "InvalidParameterException")


class Answer(NamedTuple):
    """Labels of an image, the most confident first, and the version that gave them."""

    predictions: list[dict[str, Any]]
    model: str


class Wanted(NamedTuple):
    """What is wanted of each image; None leaves it to the labels' own thresholds, or to their number."""

    confidence: float | None = None
    results: int | None = None


class Unanswered(Exception):
    """An image that got no labels: the error's name, a sentence, and the seconds until another try, if told."""

    def __init__(self, name: str, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.name, self.message, self.after = name, message, after


@dataclass(frozen=True)
class Api:
    """The API of the inference stack."""

    address: str
    key: str
    is_local: bool
    via: str = "api"

    def ask(self, image: Ready, wanted: Wanted) -> Answer:
        """POST /predictions."""
        fields = {"image": base64.b64encode(image.data).decode()}
        options = {"minConfidence": wanted.confidence, "maxResults": wanted.results}
        request = urllib.request.Request(  # noqa: S310 - the address is an output of the stack
            f"{self.address}/predictions",
            data=json.dumps(fields | {key: value for key, value in options.items() if value is not None}).encode(),
            headers={"Content-Type": "application/json", "x-api-key": self.key},
        )
        # A proxy set for the internet must not see calls to this machine.
        proxies = [urllib.request.ProxyHandler({})] if self.is_local else []
        try:
            with urllib.request.build_opener(*proxies).open(request, timeout=SECONDS) as answer:
                body = json.load(answer)
                return Answer(body["Predictions"], body["Model"])
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            raise Unanswered("Unreachable", f"{self.address} gave no usable answer: {error}.", 1) from None


def _refusal(error: urllib.error.HTTPError) -> Unanswered:
    """What the API, or the gateway before it, answered in place of labels."""
    after = error.headers.get("Retry-After") or ""
    try:
        told = json.loads(error.read())
        name, message = str(told["code"]), str(told["message"])
    except (OSError, ValueError, KeyError, TypeError):
        name, message = "Unreachable", f"The API answered with HTTP {error.code} and no message."
    return Unanswered(name, message, int(after) if after.isdigit() else None)


@dataclass(frozen=True)
class Model:
    """The live version, asked by DetectCustomLabels."""

    cloud: Cloud
    address: str
    start: str  # the command that starts it
    via: str = "rekognition"

    def ask(self, image: Ready, wanted: Wanted) -> Answer:
        """DetectCustomLabels with the image's bytes."""
        options: dict[str, Any] = {}
        if wanted.confidence is not None:
            options["MinConfidence"] = wanted.confidence
        if wanted.results is not None:
            options["MaxResults"] = wanted.results
        try:
            found = self.cloud.client("rekognition").detect_custom_labels(
                ProjectVersionArn=self.address, Image={"Bytes": image.data}, **options
            )["CustomLabels"]
        except ClientError as error:
            raise self._refusal(error) from None
        except (BotoCoreError, HTTPClientError) as error:
            problem = understood(error, self.cloud.endpoint)
            raise Unanswered(problem.name, str(problem)) from None
        size = Header("", image.width, image.height)
        return Answer(shape(found, size, None, None), self.address.split("/")[3])

    def _refusal(self, error: ClientError) -> Unanswered:
        problem = understood(error, self.cloud.endpoint)
        if code(error) in ("ResourceNotReadyException", "ResourceNotFoundException"):
            name = self.address.split("/")[3]
            return Unanswered("ModelNotRunning", f"Version {name} does not run: start it with `{self.start}`.")
        if code(error) in _BUSY:
            return Unanswered("TooManyRequests", str(problem), 1)
        return Unanswered("InvalidImage" if code(error) in _NO_IMAGE else problem.name, str(problem))


Asked = Api | Model  # somebody who answers; Unanswered where an image is not answered


def whom(desk: Desk, direct: bool, inference: str | None) -> Asked:
    """The API of the project, where its inference stack is deployed; else, or if `direct`, the live version."""
    found = None if direct else _stack(desk.cloud, inference)
    if found is None:
        return _live(desk)
    served = found.project(None)
    if served != desk.project:
        desk.screen.line(
            f"The API of stack {found.name} answers for project {served}: Rekognition itself is asked.",
            style="yellow",
        )
        return _live(desk)
    answer = desk.cloud.client("apigateway").get_api_key(apiKey=found.output("ApiKeyId"), includeValue=True)
    address = reached(found.output("ApiUrl"), desk.cloud.endpoint)
    return Api(address, answer["value"], desk.cloud.endpoint is not None)


def _stack(cloud: Cloud, wanted: str | None) -> Stack | None:
    """The inference stack; None where none is deployed and none was named."""
    if wanted:
        return find(cloud, wanted)
    try:
        return find(cloud, configured_name("inference"))
    except CommandError:
        return None


def _live(desk: Desk) -> Model:
    item = models.live_item(desk.cloud, desk.stack.output("StateTableName"), desk.project)
    about = f"--project {desk.project}{desk.cloud.flag}"
    if item is None:
        raise ModelNotRunning(
            f"Project {desk.project} has no live model: train one with `python -m cli run {about}`."
        )
    return Model(desk.cloud, item["projectVersionArn"], f"python -m cli start {about}")


def reached(api_url: str, endpoint: str | None) -> str:
    """The address of an API without a closing slash; at a local cloud, where that serves it.

    The stack's output is `https://<id>.execute-api.…/<stage>`, or a domain of one's own, which stays.
    """
    parts = urlsplit(api_url)
    identity, _, rest = (parts.hostname or "").partition(".")
    if endpoint is None or not rest.startswith("execute-api."):
        return api_url.rstrip("/")
    return f"{endpoint}/restapis/{identity}{parts.path.rstrip('/')}/_user_request_"
