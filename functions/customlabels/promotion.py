"""Which version may be copied from another project: told by its ARN before anything is created."""

from customlabels.errors import InvalidInput
from customlabels.names import parse_version_arn
from customlabels.preflight.findings import quoted


def check_source(arn: str, project: str, family: str, execution: str) -> None:
    """InvalidInput unless `arn` is a version that the execution can copy into `project`.

    It is one of another project, whose name begins with `family`, of the execution's own account and Region.
    """
    source = parse_version_arn(arn).project
    if arn.split(":")[3:5] != execution.split(":")[3:5]:
        region, account = execution.split(":")[3:5]
        raise InvalidInput(
            f"copyFrom is {quoted(arn)}; accepted is a version in this Region, {region}, and account, {account}."
        )
    if source == project:
        raise InvalidInput(
            f"copyFrom names a version of project {project} itself; switchTo puts live what it has already."
        )
    if not source.startswith(family):
        raise InvalidInput(
            f"copyFrom names a version of project {source}; accepted is one whose name begins with {family!r}, "
            f"the stack's parameter SourceProject, or Project where that is empty."
        )
