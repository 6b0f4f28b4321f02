"""The command `report`: which report it finds, what it writes, and what it says where there is none."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import report, stack
from cli.__main__ import app
from local import moto
from local.rekognition.settings import Settings
from tests.unit.test_cli_commands import TEMPLATE

PROJECT = TEMPLATE["Parameters"]["Project"]["Default"]


@pytest.fixture(scope="module")
def reported() -> Iterator[moto.Cloud]:
    """A stack with two reports; the first run's is where its record says, the third run has failed without one."""
    with moto.cloud(Settings(workers=0)) as cloud:
        cloud.client("cloudformation").create_stack(
            StackName=stack.configured_name("default"),
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[{"ParameterKey": "MachineArn", "ParameterValue": "arn:machine"}],
        )
        found = stack.find(stack.connect(False), stack.configured_name("default"))
        bucket, table = found.output("DataBucketName"), found.output("StateTableName")
        for folder, name in (("elsewhere", "one"), (f"reports/{PROJECT}/two", "two")):
            for file, text in (("index.html", f"<h1>{name}</h1>"), ("report.json", json.dumps({"version": name}))):
                cloud.client("s3").put_object(Bucket=bucket, Key=f"{folder}/{file}", Body=text)
        for day, name, address in (
            ("20", "one", {"S": f"s3://{bucket}/elsewhere/index.html"}),
            ("22", "three", {"NULL": True}),
        ):
            item = {"item": {"S": f"run#2026-11-{day}#{name}"}, "version": {"S": name}, "report": address}
            cloud.client("dynamodb").put_item(TableName=table, Item={"project": {"S": PROJECT}, **item})
        yield cloud


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


@pytest.fixture(autouse=True)
def folder(reported: moto.Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_newest_report_by_the_records(folder: Path) -> None:
    result = call()
    assert result.exit_code == 0, result.output
    assert (folder / "report-one.html").read_text() == "<h1>one</h1>"
    assert f"Report on one of {PROJECT}: {folder / 'report-one.html'}" in result.stdout


def test_a_version_without_a_record(folder: Path) -> None:
    assert call("two", "--output", "page.html").exit_code == 0
    assert (folder / "page.html").read_text() == "<h1>two</h1>"
    arn = f"arn:aws:rekognition:us-east-1:123456789012:project/{PROJECT}/version/two/1690556751958"
    assert call(arn, "--output", str(folder)).exit_code == 0
    assert (folder / "report-two.html").exists()


def test_json_is_the_report_and_writes_no_file(folder: Path) -> None:
    result = call("one", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"version": "one"})
    assert list(folder.iterdir()) == []


def test_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(report.webbrowser, "open", lambda address: opened.append(address) or len(opened) < 2)
    assert "No browser" not in call("two", "--open").stdout
    assert opened == [(folder / "report-two.html").as_uri()]
    assert "No browser could be opened" in call("two", "--open").stdout


def test_where_there_is_no_report(folder: Path) -> None:
    for arguments, code, said in (
        (["nine"], 3, "There is no report on version 'nine': nothing is at s3://"),
        (["--project", "custom-labels-new"], 3, "No run of custom-labels-new has a report yet"),
        (["one", "--output", "no/such/folder.html"], 2, "cannot be written to 'no/such/folder.html'"),
    ):
        result = call(*arguments)
        assert (result.exit_code, said in result.stderr) == (code, True), result.output
    told = json.loads(call("nine", "--json").stdout)
    assert told["error"]["message"].startswith("There is no report on version 'nine'")
