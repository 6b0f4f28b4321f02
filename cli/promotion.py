"""Promoting a model: which version is meant that another project has."""

from botocore.exceptions import ClientError
from customlabels.names import is_version_arn

from cli.errors import CommandError, NotFound
from cli.facts import project_description, project_versions
from cli.models import find
from cli.stack import Cloud


def source(cloud: Cloud, named: str) -> str:
    """The ARN of the version that is named as an ARN or as PROJECT/VERSION; CommandError where there is none."""
    if is_version_arn(named):
        return named
    project, slash, version = named.partition("/")
    if not (project and slash and version) or "/" in version:
        raise CommandError(f"{named!r} is no version: give its ARN, or PROJECT/VERSION.")
    try:
        description = project_description(cloud, project)
    except ClientError as error:
        raise CommandError(
            f"Project {project!r} cannot be looked at ({error}): give the version's ARN."
        ) from error
    if description is None:
        raise NotFound(f"There is no project {project}: give PROJECT/VERSION of one that exists.")
    return find(project_versions(cloud, description["ProjectArn"]), version).arn
