"""`make demo`: both stacks deployed on the local cloud, a model trained and promoted, one image predicted.

Each step is a function of its own, so that the end-to-end test runs the same ones. Whatever runs here gets
`local.cloud.environment`, which knows no other endpoint than the local cloud's.
"""

import fcntl
import json
import os
import platform
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from cli import images, run, upload, watch
from cli.asking import reached
from cli.errors import CommandError, explain
from cli.screen import Screen
from cli.stack import Cloud, Stack, configured_name, find, reach
from local import cloud, samples

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
TEMPLATES = {"default": "template.yaml", "inference": "inference.yaml"}  # by environment of samconfig.toml
SHOWN = "7"  # the label of the unseen image that is sent to the API
_TAIL_LINES = 25


class DemoError(Exception):
    """What failed, and what to do, for the person at the terminal."""


class Endpoint(NamedTuple):
    """The HTTP API of the inference stack: address without a closing slash, and the API key's value."""

    url: str
    key: str


def build(environment: str, port: int) -> None:
    """`sam build` one stack for this machine's own Python and processor; DemoError with the log's end."""
    folder = _workplace(environment)
    places = ["--build-dir", str(folder / "build"), "--cache-dir", str(folder / "cache")]
    overrides = ["--parameter-overrides", *_overrides({})]
    template = ["--template-file", str(ROOT / TEMPLATES[environment])]
    _sam("build", environment, port, [*template, *places, *overrides])


def deploy_stack(environment: str, port: int, parameters: Mapping[str, str]) -> Stack:
    """`sam deploy` what `build` built, within `alone`, and return the stack; DemoError with the log's end."""
    built = _workplace(environment) / "build" / "template.yaml"
    quiet = ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    overrides = ["--parameter-overrides", *_overrides(parameters)]
    _sam("deploy", environment, port, ["--template-file", str(built), *quiet, *overrides])
    return find(local_cloud(port), configured_name(environment))


def deploy_inference(port: int, training: Stack) -> Stack:
    """Deploy the inference stack beside a deployed training stack."""
    passed = ("DataBucketName", "StateTableName")
    return deploy_stack("inference", port, {name: training.output(name) for name in passed})


def deploy(port: int) -> tuple[Stack, Stack]:
    """Build both stacks and deploy them; returns the training and the inference stack."""
    with alone(), ThreadPoolExecutor() as pool:
        for built in [pool.submit(build, environment, port) for environment in TEMPLATES]:
            built.result()
        training = deploy_stack("default", port, {})
        return training, deploy_inference(port, training)


def local_cloud(port: int) -> Cloud:
    """Clients of the local cloud."""
    return reach(cloud.environment(port))


def upload_samples(port: int, bucket: str, project: str, folder: Path) -> int:
    """Upload `train/` and `test/` of a samples folder below `images/<project>/`; returns how many images."""
    count = 0
    for part in images.PARTS:
        to = upload.Address(bucket, f"images/{project}/{part}/")
        sent = upload.send(local_cloud(port), folder / part, upload.Sent(to))
        if not sent.is_complete:
            why = "; ".join(upload.grouped(sent.failed)).strip() or f"{folder / part} holds none"
            raise DemoError(f"The sample images were not all uploaded to {to.uri}: {why}.")
        count += sent.images
    return count


def sources(bucket: str, project: str) -> dict[str, Any]:
    """The execution input that trains and tests on the uploaded samples."""
    return images.sources(f"s3://{bucket}/images/{project}/", split=True)


def train(port: int, training: Stack, project: str, screen: Screen) -> dict[str, Any]:
    """Run the training workflow to its end and return what `cli.watch.result` says of it."""
    here = local_cloud(port)
    made = sources(training.output("DataBucketName"), project)
    name = run.default_name(datetime.now(UTC))
    arn = run.start(here, training.output("StateMachineArn"), name, made)
    return watch.result(watch.follow(here, arn, project, screen))


def endpoint(port: int, inference: Stack) -> Endpoint:
    """Where the API answers, and the key it asks for."""
    answer = (
        local_cloud(port).client("apigateway").get_api_key(apiKey=inference.output("ApiKeyId"), includeValue=True)
    )
    return Endpoint(reached(inference.output("ApiUrl"), cloud.Place(port).endpoint), answer["value"])


def predict(api: Endpoint, image: Path) -> dict[str, Any]:
    """POST a PNG to the API and return its answer; DemoError when the status is not 200."""
    request = urllib.request.Request(  # noqa: S310 - the address is the local cloud's
        f"{api.url}/predictions",
        data=image.read_bytes(),
        headers={"Content-Type": "image/png", "x-api-key": api.key},
    )
    # No proxies: one that is set for the internet must not see calls to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        raise DemoError(f"POST {request.full_url} was answered with {error.code}: {said}") from error
    except (OSError, ValueError) as error:
        raise DemoError(f"POST {request.full_url} got no usable answer: {error}.") from error


def best(prediction: Mapping[str, Any]) -> str:
    """The likeliest label of an answer with its confidence, as a phrase."""
    labels = sorted(prediction["Predictions"], key=lambda label: -float(label["Confidence"]))
    return f"{labels[0]['Name']} ({labels[0]['Confidence']:.1f} %)" if labels else "no label"


def demo(place: cloud.Place, screen: Screen) -> None:
    """Every step of `make demo`, each announced with its time; DemoError, CommandError or CloudError."""
    port = place.port
    step = Steps(screen)
    with alone(), ThreadPoolExecutor() as pool:
        with step("Starting the local cloud, building both stacks, writing the sample images"):
            builds = [pool.submit(build, environment, port) for environment in TEMPLATES]
            written = pool.submit(samples.write_digits)
            cloud.up(place.port, place.base, place.wait_scale, place.keep)
            folder = written.result()
            for built in builds:
                built.result()
        with step("Deploying the training stack"):
            training = deploy_stack("default", port, {})
        project, bucket = training.project(None), training.output("DataBucketName")
        # The API needs only the names that the training stack made: it is deployed meanwhile.
        deployed = pool.submit(deploy_inference, port, training)
        with step(f"Uploading the sample images to s3://{bucket}/images/{project}/"):
            count = upload_samples(port, bucket, project, folder)
            screen.line(f"      {count} images")
        with step("Training: the state machine runs to its end"):
            ended = train(port, training, project, screen)
        if ended["status"] != "SUCCEEDED":
            watch.show_result(ended, screen)
            raise DemoError(f"The training ended {ended['status']}; the execution is {ended['executionArn']}.")
        with step("Deploying the inference stack (begun while the images were uploaded)"):
            api = endpoint(port, deployed.result())
    image = samples.unseen(folder, SHOWN)
    with step("Asking the API about an image that the model has never seen"):
        prediction = predict(api, image)
    screen.line()
    watch.show_result(ended, screen)
    show_next(port, training, api, image, prediction, screen)
    screen.line(f"Done in {step.elapsed():.0f} s; the cloud stays up.", style="bold")


def show_next(
    port: int,
    training: Stack,
    api: Endpoint,
    image: Path,
    prediction: Mapping[str, Any],
    screen: Screen,
) -> None:
    """Print the prediction and how to go on; every command works when it is pasted."""
    shown = os.path.relpath(image)
    machine = training.output("StateMachineArn")
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    known = cloud.environment(port)
    exports = " ".join(f"{name}={shlex.quote(known[name])}" for name in names)
    python = os.path.relpath(sys.executable)
    same = "" if port == cloud.Place.port else f"LOCAL_CLOUD_PORT={port} "
    screen.line()
    screen.line(f"Prediction: {shown} is {best(prediction)}; it shows a {image.stem}.", style="bold")
    screen.line(f"API:        {api.url}")
    screen.line(f"Page:       {api.url}/ (to try images in a browser; its API key is {api.key})")
    screen.line()
    screen.line("Ask again:")
    screen.line(
        f"  curl -sS --data-binary @{shlex.quote(shown)} -H 'Content-Type: image/png' "
        f"-H 'x-api-key: {api.key}' {api.url}/predictions"
    )
    screen.line(f"  {same}{python} -m cli predict {shlex.quote(shown)} --local")
    screen.line("Train again:")
    screen.line(f"  {exports} aws stepfunctions start-execution --state-machine-arn {machine} --input '{{}}'")
    screen.line(f"  {same}{python} -m cli run --local")
    screen.line("Stop the local cloud, and forget everything in it:")
    screen.line(f"  {same}make down")


class Steps:
    """Announces steps with the time since the first and, when each ends, how long it took."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._began = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the steps began."""
        return time.monotonic() - self._began

    @contextmanager
    def __call__(self, title: str) -> Iterator[None]:
        """One step; its end is announced only if it ended well."""
        began = self.elapsed()
        self._screen.line(f"{began:5.1f} s  {title}", style="bold cyan")
        yield
        self._screen.line(f"      done in {self.elapsed() - began:.1f} s", style="dim")


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    """Template parameters that fit this machine, with others, as sam takes them.

    The local cloud runs every function on its own interpreter, so packages are built for that one.
    """
    processor = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    fitting = {"Runtime": runtime, "Architecture": processor, **parameters}
    # Unquoted, sam takes a value up to its first space.
    return [f'{name}="{value}"' for name, value in fitting.items()]


@contextmanager
def alone() -> Iterator[None]:
    """Two processes that deploy, to whichever local cloud, do it one after the other: they build in one place."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "deploy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _workplace(environment: str) -> Path:
    """Where sam works on one stack: two builds at once share neither caches nor the working folder.

    sam keeps unpacked dependencies in `.aws-sam/` of the working folder whatever its options say, and each
    build removes those of the other.
    """
    folder = LOCAL / "build" / environment
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _sam(command: str, environment: str, port: int, arguments: Sequence[str]) -> None:
    log = LOCAL / "logs" / f"sam-{command}-{environment}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    sam = Path(sys.executable).with_name("sam")
    common = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", environment]
    known = {
        **cloud.environment(port),
        "PATH": f"{sam.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",  # sam looks there for Python
    }
    with log.open("wb") as output:
        ended = subprocess.run(  # noqa: S603 - sam of our own environment, with arguments of our own
            [str(sam), command, *common, *arguments],
            cwd=_workplace(environment),
            env=known,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        advice = "mend what it says" if command == "build" else "mend what it says, `make down`"
        raise DemoError(
            f"{tail}\n`sam {command}` of {TEMPLATES[environment]} failed; the whole log is "
            f"{os.path.relpath(log)}: {advice}, and `make demo` again."
        )


def main() -> int:
    """Run the demo on the port that LOCAL_CLOUD_PORT names; 0, or 1 with a sentence on stderr."""
    screen = Screen()
    try:
        place = cloud.Place.from_environment()
        demo(place, screen)
    except (DemoError, CommandError, cloud.CloudError) as error:
        screen.error(str(error))
    except (ClientError, BotoCoreError) as error:
        screen.error(explain(error, place.endpoint))
    except KeyboardInterrupt:
        screen.error("Interrupted; what is up stays up until `make down`.")
        return 130
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
