"""The AWS CLI, as it is, from a model's creation to its deletion."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import environment
from local.rekognition.settings import AT_ONCE
from tests.contract.sockets import Socket, standalone
from tests.images import LABELS, picture
from tests.rounds import takes_long

SCRIPT = Path(__file__).with_name("life_cycle.sh")
SAID = """\
Import
Create
training dataset: CREATE_COMPLETE
Update
training dataset: UPDATE_COMPLETE
across	checks	down
Distribute
test dataset: UPDATE_COMPLETE
12
Train
Describe
TRAINING_COMPLETED	1.0
Start
STARTING
Detect
across
Stop
STOPPING
model: STOPPED
Copy
copy: COPYING_COMPLETED
Delete
DELETING
DELETING
model: None
copy: None
DELETING
DELETING
projects: 0
"""


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Socket]:
    """One socket only: what the CLI sends is what botocore sends, and every command takes half a second."""
    with standalone(tmp_path / "state", AT_ONCE) as opened:
        yield opened


@takes_long("the AWS CLI takes a second for each of two dozen calls")
def test_the_aws_cli_lives_a_model_through(socket: Socket, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    socket.s3.create_bucket(Bucket="of-the-cli")
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(5):
            (folder / label / f"{number}.png").write_bytes(picture(label, number))
    aws = shutil.which("aws", path=str(Path(sys.executable).parent))
    assert aws is not None, "requirements-dev.txt lists it"
    ended = subprocess.run(
        ["sh", str(SCRIPT), "of-the-cli", str(folder)],
        env={
            **environment(),
            "AWS_ENDPOINT_URL": socket.s3_endpoint,
            "AWS_ENDPOINT_URL_REKOGNITION": socket.endpoint,
            "AWS": aws,
            "PAUSE": "0.2",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout == SAID
    assert os.access(SCRIPT, os.X_OK)
