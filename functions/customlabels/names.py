"""Names and ARNs of Custom Labels' resources: what may be a name, and what an ARN says."""

import hashlib
import re
from typing import NamedTuple

PROJECT_NAME = re.compile(r"[a-zA-Z0-9_.\-]{1,255}")  # CreateProject.ProjectName in the service model
VERSION_NAME = re.compile(r"[a-zA-Z0-9_.\-]{1,255}")  # CreateProjectVersion.VersionName in the service model
_REFUSED = re.compile(r"[^a-zA-Z0-9_.\-]")  # what CreateProjectVersion.VersionName refuses
_VERSION_ARN = re.compile(r"arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project/([^/]+)/version/([^/]+)/\d+")
DATASET_ARN = re.compile(
    r"arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project/[a-zA-Z0-9_.\-]{1,255}/dataset/(train|test)/[0-9]+"
)


class VersionName(NamedTuple):
    """What a project version's ARN says of it."""

    project: str
    version: str


def version_name(execution_arn: str) -> str:
    """The name of the version that an execution trains: the execution's own name.

    Characters that Rekognition refuses become `-`; a short hash of the ARN then keeps two names apart.
    """
    name = execution_arn.rsplit(":", 1)[-1]
    accepted = _REFUSED.sub("-", name)
    if accepted == name:
        return name
    return f"{accepted}-{hashlib.sha256(execution_arn.encode()).hexdigest()[:8]}"


def tag_value(execution_arn: str) -> str:
    """The execution's ARN as a tag's value, which may not hold every character of an execution's name."""
    return re.sub(r"[^\w\s.:/=+\-@]", "-", execution_arn)[:256]


def is_version_arn(text: str) -> bool:
    """Whether a text has the form of a project version's ARN."""
    return _VERSION_ARN.fullmatch(text) is not None


def parse_version_arn(arn: str) -> VersionName:
    """Project and version named by a project version's ARN; ValueError for any other text."""
    match = _VERSION_ARN.fullmatch(arn)
    if not match:
        raise ValueError(f"{arn!r} is not the ARN of a project version")
    return VersionName(*match.groups())
