"""Where a command acts: AWS or the local cloud, and what a deployed stack says of itself."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.errors import NO_REGION, CommandError, NotFound, code, message

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cloud:
    """Clients of one account: AWS itself (`endpoint` None), or whatever answers at the endpoint."""

    session: boto3.Session
    endpoint: str | None = None
    flag: str = ""  # what a command that is suggested needs in order to act on the same cloud
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds_between_polls(self) -> float:
        """AWS allows 5 describe calls a second for the whole account; a laptop has nobody else."""
        return 0.5 if self.endpoint else 5.0

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made once."""
        if service not in self._clients:
            config = Config(retries={"mode": "standard", "total_max_attempts": 2 if self.endpoint else 5})
            if self.endpoint:
                # An empty dict: a proxy set for the internet must not see calls to this machine.
                config = config.merge(Config(proxies={}))
            made = self.session.client(service, endpoint_url=self.endpoint, config=config)  # type: ignore[call-overload]
            self._clients[service] = made
        return self._clients[service]

    def table(self, name: str) -> Any:
        """A DynamoDB table, whose items are plain Python values."""
        config = self.client("dynamodb").meta.config
        return self.session.resource("dynamodb", endpoint_url=self.endpoint, config=config).Table(name)


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs and the parameters it was deployed with."""

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def output(self, key: str) -> str:
        """The value of an output; CommandError when the stack has none of that name."""
        if key not in self.outputs:
            raise CommandError(
                f"Stack {self.name} has no output {key}: it was deployed from another template or an older "
                f"one; deploy it again, or name another stack with --stack."
            )
        return self.outputs[key]

    def project(self, wanted: str | None) -> str:
        """The project a command is about: the one asked for, else the stack's default."""
        return wanted or self.parameters.get("Project") or _no_project(self.name)


def _no_project(stack: str) -> str:
    raise CommandError(f"Stack {stack} has no parameter Project: name the project with --project.")


def reach(environment: Mapping[str, str], flag: str = "") -> Cloud:
    """A cloud by the usual AWS variables; with AWS_ENDPOINT_URL set, the one behind that address."""
    # Not from os.environ: for the local cloud, the profile and the files of a real account do not count.
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    keys = environment.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, profile, None),
            "config_file": (None, None, environment.get("AWS_CONFIG_FILE", "~/.aws/config"), None),
            "credentials_file": (None, None, keys, None),
        }
    )
    session = boto3.Session(
        botocore_session=core,
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        # boto3 reads only AWS_DEFAULT_REGION; every other SDK and Lambda itself set AWS_REGION.
        region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
    )
    return Cloud(session, environment.get("AWS_ENDPOINT_URL") or None, flag)


def connect(local: bool, flag: str = "") -> Cloud:
    """The cloud a command acts on: this machine's with `local`, else what the environment says."""
    if not local:
        found = reach(os.environ, flag)
        if not found.session.region_name:
            raise CommandError(NO_REGION)
        return found
    from local import cloud

    try:
        return reach(cloud.environment(cloud.Place.from_environment().port), f"{flag} --local")
    except cloud.CloudError as error:
        raise CommandError(str(error)) from error


def find(cloud: Cloud, name: str) -> Stack:
    """The deployed stack of that name; CommandError when there is none."""
    try:
        found = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if code(error) == "ValidationError" and "does not exist" in message(error):
            deploy = "`make demo`" if cloud.endpoint else "`sam build && sam deploy`"
            where = f"at {cloud.endpoint}" if cloud.endpoint else f"in {cloud.session.region_name}"
            elsewhere = "" if cloud.endpoint else ", or set AWS_REGION to the region that it is in"
            raise NotFound(
                f"There is no stack {name} {where}: deploy it with {deploy}, "
                f"or name the one you deployed with --stack{elsewhere}."
            ) from error
        raise
    return Stack(
        name,
        {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])},
        {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in found.get("Parameters", [])},
    )


def configured_name(environment: str, path: Path = ROOT / "samconfig.toml") -> str:
    """The stack name that `samconfig.toml` deploys for an environment (`default`, `inference`)."""
    try:
        settings = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise CommandError(f"{path.name} is missing beside the templates: name the stack with --stack.") from None
    section = settings.get(environment, {})
    for command in ("deploy", "global"):
        name = section.get(command, {}).get("parameters", {}).get("stack_name")
        if name:
            return str(name)
    raise CommandError(
        f"{path.name} sets no stack_name under [{environment}.deploy.parameters]: name the stack with --stack."
    )
