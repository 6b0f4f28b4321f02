"""Runs the commands of the documents, in their order, on local clouds of their own.

Not on the stacks that other tests share: these commands stop models, accept feedback and delete both stacks.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from samcli.cli.types import CfnParameterOverridesType

from local import cloud, demo, samples
from tests.documents import Command, to_run
from tests.local.conftest import Deployed, wait_until
from tests.local.walking import LABELS, OLD_BUCKET, PRODUCTION, Shell, World, checkout
from tests.rounds import takes_long

pytestmark = takes_long("some hundred commands on clouds of their own")

YES = "y\n" * 5  # to whatever is asked


class Expected(NamedTuple):
    """What a command must have said, by a pattern, and how it is run."""

    says: str = r"\S"
    stdin: str = ""
    until: str | None = None  # it does not end by itself
    before: str | None = None  # a method of Walk
    after: str | None = None  # another
    status: int = 0


# By how commands begin; the first that fits counts. Whatever begins otherwise must succeed and say something.
EXPECTED = {
    r"make help": Expected("make demo"),
    r"(\w+=\S+ )*make up": Expected("local cloud is up at", before="down"),
    r"make down": Expected("The local cloud is down", before="up"),
    r"export": Expected(r"^$"),
    r"aws rekognition create-project": Expected("project/parts/", before="up"),
    r"aws organizations": Expected(r"Root|Policy|^$", before="up"),
    r"aws s3 rb": Expected("remove_bucket", before="emptied"),
    r"aws s3 sync": Expected("copy", before="one_missing"),
    r"aws s3 rm": Expected("delete"),
    r"aws stepfunctions stop-execution": Expected("stopDate", before="pictured", after="quiet"),
    r"aws cloudformation describe-stacks .*outputs\.yaml": Expected(r"^$", after="told_outputs"),
    r"python -m local\.rekognition": Expected("Custom Labels is up", until="clients need"),
    r"curl .*/_custom-labels/": Expected("CreateProjectVersion", before="up"),
    r"KEY=": Expected(r"^$"),
    r"curl .*uploads .*> form\.json": Expected(r"^$|Total"),
    r"curl \$\(jq": Expected(r"^$|Total"),
    r"curl .*/predictions": Expected(r'"Predictions"', before="answer"),
    r"python -m cli upload": Expected("To train on it"),
    r"python -m cli run --minimum": Expected("promoted"),
    r"python -m cli run .*--no-watch": Expected("RUNNING", before="parts", after="quiet"),
    r"python -m cli run .*DATASET_ARN": Expected("unchanged", before="trained_again"),
    r"python -m cli run .*dryRun": Expected("dryRun"),
    r"python -m cli run": Expected("promoted|unchanged"),
    r"python -m cli rollback": Expected("switched", before="two"),
    r"python -m cli promote": Expected("promoted", before="two", after="alone"),
    r"python -m cli batch .*--wait": Expected("5 answered, 0 failed", before="pictured"),
    r"python -m cli batch": Expected("To watch it", before="pictured", after="quiet"),
    r"python -m cli teardown --dry-run": Expected("each is deleted for good", after="still_live"),
    r"python -m cli teardown --yes --json": Expected('"deleted": {', before="anew"),
    r"python -m cli teardown": Expected("deleted", stdin="custom-labels\n", before="unleased"),
    r"python -m cli predict s3": Expected('"predictions"', before="unseen"),
    r"python -m cli predict": Expected("anomaly|normal", before="answer"),
    r"python -m cli completion .*>": Expected(r"^$"),
    r"python -m cli completion": Expected("clabels"),
    r"python -m cli watch": Expected("SUCCEEDED"),
    r"python -m cli history": Expected("promoted"),
    r"python -m cli status --project": Expected('"exists": false'),
    r"python -m cli status": Expected("RUNNING"),
    r"python -m cli start": Expected(r"runs\.", before="rest"),
    r"python -m cli stop": Expected("STOPPED|stopped", before="another"),
    r"python -m cli report.*--output": Expected(r"report\.html"),
    r"python -m cli report.*--json": Expected(r'"formVersion"'),
    r"python -m cli report": Expected(r"report-.*\.html"),
    r"python -m cli review page": Expected("Ctrl-C ends it", until=r"http://127\.0\.0\.1:\d+"),
    r"python -m cli review show": Expected(r"feedback-.*\.png"),
    r"python -m cli review accept .*--boxes": Expected("Accepted", before="undecided"),
    r"python -m cli review accept --all": Expected("Accepted", before="waiting"),
    r"python -m cli review accept ": Expected("Accepted"),
    r"python -m cli review accepted": Expected("bolt"),
    r"sam delete": Expected("Deleted successfully", stdin=YES),
}
# What needs a local cloud only, and what is left for the end: it stops or deletes what the others need.
BARE = re.compile(
    r"(\w+=\S+ )*make (up|down)|export|aws (rekognition|organizations)|python -m local\.|curl .*_custom-"
)
LAST = re.compile(r"python -m cli (stop|teardown( --yes --json)?)$|sam delete|aws s3 rb")
ORDER = ("python", "sam", "aws")

RUN = to_run()


def parameters(chosen: list[Command]) -> Any:
    return pytest.mark.parametrize("command", chosen, ids=[f"{one.page}:{one.line}: {one.text}" for one in chosen])


class Walk:
    """Runs one command after the other, each once what it needs is so."""

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self, command: Command) -> None:
        expected = next((of for begin, of in EXPECTED.items() if re.match(begin, command.text)), Expected())
        if expected.before:
            getattr(self, expected.before)()
        filled = self.world.filled(command.text)
        status, said = self.world.shell.run(filled, expected.stdin, expected.until)
        ends = (0, 130) if expected.until else (expected.status,)
        assert status in ends, f"{filled}\n{said}"
        assert re.search(expected.says, said), f"{filled}\n{said}"
        if "/predictions" not in filled and filled.startswith("curl"):
            assert '"code"' not in said, said
        if expected.after:
            getattr(self, expected.after)()

    @property
    def stacks(self) -> Deployed:
        assert self.world.deployed
        return self.world.deployed

    def up(self) -> None:
        self.world.shell.must("make up")

    def down(self) -> None:
        self.world.shell.must("make down")

    def two(self) -> None:
        """There are two versions, and the live one runs alone."""
        assert self.world.version
        self.answer()

    def answer(self) -> None:
        """The live model runs, and no other."""
        live = self.stacks.live()
        self._running({live} if live else set())

    def quiet(self) -> None:
        """No execution is at work."""
        steps = self.stacks.cloud.client("stepfunctions")

        def running() -> list[Any]:
            machines = steps.list_state_machines()["stateMachines"]
            lists = [steps.list_executions(stateMachineArn=one["stateMachineArn"]) for one in machines]
            return [one for of in lists for one in of["executions"] if one["status"] == "RUNNING"]

        wait_until(lambda: not running())

    def alone(self) -> None:
        """Nothing runs of the project that models are promoted to."""
        for name, status in self.stacks.versions(PRODUCTION).items():
            if status == "RUNNING":
                self.world.shell.must(f"python -m cli stop {name} --project {PRODUCTION}")

    def unleased(self) -> None:
        """No version is leased, as `python -m cli start` has done."""
        self.quiet()
        for name in self.stacks.versions():
            self.world.shell.must(f"python -m cli stop {name}")

    def anew(self) -> None:
        """There is a project, though it was deleted."""
        if not self.stacks.versions():
            self.world.shell.must("python -m cli run")
        self.unleased()

    def still_live(self) -> None:
        """Nothing was deleted."""
        assert self.stacks.live() in self.stacks.versions()

    def waiting(self) -> None:
        """Some feedback waits."""
        assert self.world.id

    def parts(self) -> None:
        """There are images of parts."""
        self.answer()
        self.world.shell.must(f"python -m cli upload photos/ --to s3://{self.world.data_bucket}/images/parts/")

    def unseen(self) -> None:
        """There is a test image, and a model to ask about it."""
        self.answer()
        image = samples.unseen(self.stacks.samples, LABELS["normal"]).read_bytes()
        self.stacks.cloud.client("s3").put_object(
            Bucket=self.world.data_bucket, Key="images/custom-labels/test/normal/unseen.png", Body=image
        )

    def told_outputs(self) -> None:
        """The file holds what sam reads as the inference stack's parameters."""
        (place,) = self.world.shell.folder.glob(".aws-sam/*-outputs.yaml")
        read = CfnParameterOverridesType().convert([f"file://{place}"], None, None)
        assert read["DataBucketName"] == self.world.data_bucket

    def pictured(self) -> None:
        """The live model runs, and there are five images to ask it about, in each of two folders."""
        self.answer()
        s3 = self.stacks.cloud.client("s3")
        for file in sorted((self.world.shell.folder / "photos").rglob("*.png"))[:5]:
            for folder in ("photos", "shots"):
                s3.put_object(Bucket=self.world.bucket, Key=f"{folder}/{file.name}", Body=file.read_bytes())

    def rest(self) -> None:
        """No model runs."""
        self._running(set())

    def another(self) -> None:
        """A model runs that is not live, alone."""
        self._running({self.world.version})

    def _running(self, wanted: set[str]) -> None:
        """These versions run and no others; straight through the service, which is quicker than the commands."""
        rekognition = self.stacks.cloud.client("rekognition")
        arns = self.world.arns()
        for name, status in self.stacks.versions().items():
            if status == "RUNNING" and name not in wanted:
                self.stacks.stop(arns[name])
            if status != "RUNNING" and name in wanted:
                rekognition.start_project_version(ProjectVersionArn=arns[name], MinInferenceUnits=1)
        wait_until(lambda: {n for n, status in self.stacks.versions().items() if status == "RUNNING"} == wanted)

    def undecided(self) -> None:
        """Neither a training dataset nor what was accepted says whether images have labels or boxes."""
        if self.world.digests:
            self.world.shell.must(f"python -m cli review withdraw {self.world.digests}")
        self.stacks.cloud.client("rekognition").delete_dataset(DatasetArn=self.world.training_dataset_arn)
        wait_until(lambda: "TRAIN" not in self.world.datasets())

    def trained_again(self) -> None:
        """There are both datasets, though one was deleted."""
        if "TRAIN" not in self.world.datasets():
            self.answer()
            self.world.shell.must("""python -m cli run --input '{"force": true}'""")

    def one_missing(self) -> None:
        """Of the images that are copied, one is not there yet."""
        s3, asked = self.stacks.cloud.client("s3"), {"Bucket": self.world.data_bucket}
        found = s3.list_objects_v2(**asked, Prefix="images/custom-labels/train/normal/")["Contents"]
        s3.delete_object(**asked, Key=found[0]["Key"])

    def emptied(self) -> None:
        """The data bucket holds no old version of anything, as the README asks."""
        s3, bucket = self.stacks.cloud.client("s3"), self.world.data_bucket
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


def old_images(world: World) -> None:
    """A bucket as Lookout for Vision's users have one: images and a manifest of each kind."""
    s3 = world.deployed.cloud.client("s3")
    s3.create_bucket(Bucket=OLD_BUCKET)
    lines: dict[str, list[str]] = {"parts": [], "masks": []}
    for label in LABELS:
        for file in sorted((world.shell.folder / "photos" / label).iterdir()):
            key = f"images/{label}/{file.name}"
            s3.put_object(Bucket=OLD_BUCKET, Key=key, Body=file.read_bytes())
            shared = {
                "human-annotated": "yes",
                "creation-date": "2024-05-02T08:30:11.204",
                "job-name": "labeling-job/a",
            }
            classified = {
                "source-ref": f"s3://{OLD_BUCKET}/{key}",
                "anomaly-label": int(label == "anomaly"),
                "anomaly-label-metadata": {
                    **shared,
                    "confidence": 1,
                    "class-name": label,
                    "type": "groundtruth/image-classification",
                },
            }
            mask = {
                "anomaly-mask-ref": f"s3://{OLD_BUCKET}/{key}",
                "anomaly-mask-ref-metadata": {**shared, "type": "groundtruth/semantic-segmentation"},
            }
            lines["parts"].append(json.dumps(classified))
            lines["masks"].append(json.dumps({**classified, **mask}))
    for name, of in lines.items():
        s3.put_object(Bucket=OLD_BUCKET, Key=f"{name}.manifest", Body="\n".join(of).encode())


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return samples.write_digits(tmp_path_factory.mktemp("samples") / "digits", 20, 1)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, digits: Any) -> Iterator[Walk]:
    """A checkout whose local cloud is not up yet."""
    base = tmp_path_factory.mktemp("bare")
    walk = Walk(World(Shell(checkout(base / "checkout", digits), cloud.free_port(), base / "clouds")))
    yield walk
    cloud.down(walk.world.shell.port, base / "clouds")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, digits: Any) -> Iterator[Walk]:
    """A checkout, and both stacks deployed on a cloud of its own."""
    base, port = tmp_path_factory.mktemp("both"), cloud.free_port()
    cloud.up(port, base / "clouds", 0.01)
    try:
        training, inference = demo.deploy(port)
        api = demo.endpoint(port, inference)
        deployed = Deployed(port, base / "clouds", demo.local_cloud(port), training, inference, api, digits)
        world = World(Shell(checkout(base / "checkout", digits), port, base / "clouds"), deployed)
        old_images(world)
        yield Walk(world)
    finally:
        cloud.down(port, base / "clouds")


@parameters([one for one in RUN if BARE.match(one.text)])
def test_of_the_local_cloud(bare: Walk, command: Command):
    bare.run(command)


@parameters([one for one in RUN if not BARE.match(one.text) and not LAST.match(one.text)])
def test_of_both_stacks(both: Walk, command: Command):
    both.run(command)


@parameters(sorted((one for one in RUN if LAST.match(one.text)), key=lambda one: ORDER.index(one.text.split()[0])))
def test_of_the_end(both: Walk, command: Command):
    both.run(command)
