"""Where the commands of the documents are run: a checkout, a shell that keeps its variables, and local clouds."""

import base64
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from cli.stack import configured_name
from local import cloud, samples
from tests.documents import CAPITALS, EXAMPLES, PLACEHOLDERS
from tests.local.conftest import Deployed
from tests.templates import ROOT

SECONDS = 300.0
LABELS = {"normal": "0", "anomaly": "1"}  # the digits that stand for them
OLD_BUCKET, OLD_STACK = "old-images", "old-sample"
PRODUCTION = "custom-labels-production"  # the project that models are promoted to
# Where the walk has another name, or must have a port that is free.
STACK = re.compile(r"\bprod-custom-labels\b")
PORTS = re.compile(r"\b(?:4566|4580|5000|8080)\b")
BOXES = [{"Name": "bolt", "BoundingBox": {"Left": 0.25, "Top": 0.25, "Width": 0.5, "Height": 0.5}}]


def checkout(folder: Path, digits: Path) -> Path:
    """A checkout of the repository as it is, and the files that the documents speak of; returns `folder`."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folder.mkdir()
    for name in {line.split("/")[0] for line in listed.splitlines()}:
        (folder / name).symlink_to(ROOT / name)
    # An environment that make takes for up to date: nothing is installed.
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (folder / ".venv" / part.name).symlink_to(part)
    (folder / ".venv" / ".installed").unlink(missing_ok=True)
    (folder / ".venv" / ".installed").touch()
    for label, digit in LABELS.items():
        shutil.copytree(digits / "train" / digit, folder / "photos" / label)
    Image.open(samples.unseen(digits, LABELS["normal"])).convert("RGB").save(folder / "photo.jpg")
    (folder / "boxes.json").write_text(json.dumps(BOXES))
    policy = re.search(r'^\{"services".*$', (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    assert policy
    (folder / "opt-out.json").write_text(policy[0])
    (folder / ".aws-sam").mkdir()  # as sam leaves it
    return folder


@dataclass
class Shell:
    """Runs commands in a folder against the local cloud at a port; what one exports the next one finds."""

    folder: Path
    port: int
    clouds: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        binaries, home = self.folder / ".venv" / "bin", self.folder.with_name("home")
        (home / ".config" / "fish" / "conf.d").mkdir(parents=True, exist_ok=True)
        self.variables = {
            **cloud.environment(self.port),
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(home),
            "LOCAL_CLOUD_PORT": str(self.port),
            "LOCAL_CLOUD_FOLDER": str(self.clouds),
            "LOCAL_WAIT_SCALE": "0.01",
            "BROWSER": "true",  # a program that opens nothing
            "COLUMNS": "200",
        }

    def run(self, text: str, stdin: str = "", until: str | None = None) -> tuple[int, str]:
        """The exit status and all output of a command; one that does not end by itself is ended at `until`.

        What is given as `stdin` is typed at a terminal, as some commands ask nobody else.
        """
        kept = self.folder / ".variables"
        script = f'set -a\n{text}\nended=$?\nenv -0 > "{kept}"\nexit $ended'
        log = self.folder / ".output"
        keyboard, terminal = pty.openpty()
        with log.open("wb") as output:
            started = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.variables,
                stdin=terminal if stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_heed_interrupts,
            )
            try:
                os.write(keyboard, stdin.encode())
                if until is not None:
                    self._end(started, log, until)
                started.wait(SECONDS)
            except BaseException:
                os.killpg(started.pid, signal.SIGKILL)  # with whatever the command has started
                started.wait()
                raise
            finally:
                os.close(keyboard)
                os.close(terminal)
        if until is None:
            pairs = [line.split("=", 1) for line in kept.read_text().split("\0") if "=" in line]
            self.variables = {name: value for name, value in pairs if name not in ("_", "SHLVL", "ended")}
        return started.returncode, log.read_text(errors="replace")

    def _end(self, started: subprocess.Popen[bytes], log: Path, until: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not re.search(until, log.read_text(errors="replace")):
            assert started.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, f"{until} does not come: {log.read_text(errors='replace')}"
            time.sleep(0.1)
        os.killpg(started.pid, signal.SIGINT)

    def must(self, text: str, stdin: str = "") -> str:
        """The output of a command that must succeed."""
        status, output = self.run(text, stdin)
        assert status == 0, f"{text}\n{output}"
        return output


def _heed_interrupts() -> None:
    """Let a process be ended by SIGINT though the tests run in the background of a shell, which has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class World:
    """What stands in place of the words in capitals: a property each, of the same name in small letters."""

    shell: Shell
    deployed: Deployed | None = None
    ports: dict[str, str] = field(default_factory=dict)
    sent: int = 0  # images as feedback

    def filled(self, text: str) -> str:
        """The command with its placeholders, its ports and its example names replaced."""
        for example, name in EXAMPLES.items():
            text = re.sub(example, name, text)
        if "PROJECT/VERSION" in text and "--project" not in text:
            text = text.replace("PROJECT/VERSION", self._promoted())
        text = STACK.sub(configured_name("default"), text)
        text = CAPITALS.sub(lambda found: self._value(found[0]), text)
        return PORTS.sub(lambda found: self._port(found[0]), text)

    def _value(self, name: str) -> str:
        if name not in PLACEHOLDERS:
            return name
        several = name.endswith("…")
        value = getattr(self, name.removesuffix("…").lower() + ("s" if several else ""))
        return str(value)

    def _port(self, shown: str) -> str:
        return self.ports.setdefault(shown, str(self.shell.port if shown == "4566" else cloud.free_port()))

    @property
    def _stacks(self) -> Deployed:
        assert self.deployed, "this command needs both stacks"
        return self.deployed

    folder = "photos/"
    image = "photo.jpg"
    n = 1
    old_bucket = OLD_BUCKET

    @property
    def project(self) -> str:
        return self._stacks.project

    def _promoted(self) -> str:
        """A version of the other project, as PROJECT/VERSION."""
        return f"{PRODUCTION}/{next(iter(self._stacks.versions(PRODUCTION)))}"

    @property
    def bucket(self) -> str:
        return self.data_bucket

    @property
    def execution_arn(self) -> str:
        """A batch that is at work for longer than a command takes to begin."""
        s3 = self._stacks.cloud.client("s3")
        photos = s3.list_objects_v2(Bucket=self.bucket, Prefix="photos/")
        body = s3.get_object(Bucket=self.bucket, Key=photos["Contents"][0]["Key"])["Body"].read()
        for number in range(400):
            s3.put_object(Bucket=self.bucket, Key=f"many/{number}.png", Body=body)
        arn = json.loads(self.shell.must(f"python -m cli batch s3://{self.bucket}/many/ --json 2>/dev/null"))
        return str(arn["executionArn"])

    @property
    def data_bucket(self) -> str:
        return self._stacks.bucket

    @property
    def api_key_id(self) -> str:
        return self._stacks.inference.output("ApiKeyId")

    @property
    def api_url(self) -> str:
        return self._stacks.api.url

    @property
    def version(self) -> str:
        """The newest version that is not live."""
        live = self._stacks.live()
        found = [name for name in self._stacks.versions() if name != live]
        if not found:
            self.shell.must("""python -m cli run --input '{"force": true}'""")
            return self.version
        return found[0]

    @property
    def id(self) -> str:
        """New feedback, of an image like no other."""
        image = Image.open(self.shell.folder / "photo.jpg")
        self.sent += 1
        image.putpixel((0, 0), (self.sent, 255 - self.sent, 255))
        file = io.BytesIO()
        image.save(file, "PNG")
        body = json.dumps({"image": base64.b64encode(file.getvalue()).decode(), "labels": ["normal"]})
        status, said, _ = self._stacks.ask("/feedback", body.encode(), "application/json")
        assert status == 201, said
        return str(said["id"])

    @property
    def ids(self) -> str:
        return f"{self.id} {self.id}"

    @property
    def digests(self) -> str:
        """Of everything that was accepted."""
        accepted = self.shell.must("python -m cli review accepted --json 2>/dev/null")
        return " ".join(one["digest"] for one in json.loads(accepted))

    @property
    def image_address(self) -> str:
        """Of an image that was accepted and withdrawn."""
        s3 = self._stacks.cloud.client("s3")
        found = s3.list_objects_v2(Bucket=self.data_bucket, Prefix="images/reviewed/")["Contents"]
        return f"s3://{self.data_bucket}/{found[0]['Key']}"

    def arns(self) -> dict[str, str]:
        """Each version's ARN, by its name."""
        rekognition = self._stacks.cloud.client("rekognition")
        (found,) = rekognition.describe_projects(ProjectNames=[self._stacks.project])["ProjectDescriptions"]
        pages = rekognition.describe_project_versions(ProjectArn=found["ProjectArn"])
        arns = [one["ProjectVersionArn"] for one in pages["ProjectVersionDescriptions"]]
        return {arn.split("/")[3]: arn for arn in arns}

    @property
    def training_dataset_arn(self) -> str:
        return self.datasets()["TRAIN"]

    @property
    def test_dataset_arn(self) -> str:
        return self.datasets()["TEST"]

    def datasets(self) -> dict[str, str]:
        """The ARN of each dataset, by its type."""
        rekognition = self._stacks.cloud.client("rekognition")
        (found,) = rekognition.describe_projects(ProjectNames=[self._stacks.project])["ProjectDescriptions"]
        return {one["DatasetType"]: one["DatasetArn"] for one in found["Datasets"]}

    @property
    def old_stack(self) -> str:
        """A stack as the sample's, but for what it would cost to make."""
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
        client = self._stacks.cloud.client("cloudformation")
        client.create_stack(StackName=OLD_STACK, TemplateBody=json.dumps(template))
        return OLD_STACK

    @property
    def root(self) -> str:
        return self.shell.must("aws organizations list-roots --query 'Roots[0].Id' --output text").strip()

    @property
    def policy(self) -> str:
        asked = "aws organizations list-policies --filter AISERVICES_OPT_OUT_POLICY --query 'Policies[0].Id'"
        return self.shell.must(f"{asked} --output text").strip()
