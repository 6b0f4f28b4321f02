"""Operations on projects."""

from typing import Any

from local.rekognition.engine import Call, Operation
from local.rekognition.errors import InvalidParameter, LimitExceeded, ResourceInUse, by_code
from local.rekognition.paging import page
from local.rekognition.resources import Dataset, Outcome, Pending, Project, moment
from local.rekognition.tags import first_tags

CUSTOM_LABELS = "CUSTOM_LABELS"


def create_project(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a project; a name that exists is in use, and AutoUpdate is for adapters only."""
    name, feature = request["ProjectName"], request.get("Feature", CUSTOM_LABELS)
    if "AutoUpdate" in request and feature == CUSTOM_LABELS:
        raise InvalidParameter("AutoUpdate is only for projects with the feature CONTENT_MODERATION.")
    with call.space() as space:
        if any(project.name == name for project in space.projects.values()):
            raise by_code(call.settings.duplicate_project_error, f"The project {name} exists already.")
        if len(space.projects) >= call.settings.projects_quota:
            raise LimitExceeded(
                f"The account has {call.settings.projects_quota} projects, and no more are allowed."
            )
        tags = first_tags(call, request)
        created, seconds = call.engine.millisecond(), call.settings.project_seconds
        project = Project(
            arn=space.arn(name, str(created)),
            created=created / 1000,
            status="CREATING" if seconds else "CREATED",
            tags=tags,
            name=name,
            feature=feature,
            auto_update=request.get("AutoUpdate"),
            pending=Pending(call.now() + seconds, Outcome("CREATED")) if seconds else None,
        )
        space.projects[project.arn] = project
        return {"ProjectArn": project.arn}


def describe_projects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Projects by name or all; without Features only those of Custom Labels; an unknown name is left out."""
    names, features = request.get("ProjectNames"), request.get("Features", [CUSTOM_LABELS])
    with call.space() as space:
        found = [
            project
            for project in space.projects.values()
            if project.feature in features and (names is None or project.name in names)
        ]
        found.sort(key=lambda project: project.created, reverse=call.settings.projects_newest_first)
        part, token = page(found, request, 100)
        described = [_described(project) for project in part]
    return {"ProjectDescriptions": described, **({"NextToken": token} if token else {})}


def delete_project(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a project that has no models (and, unless the settings say otherwise, no datasets)."""
    with call.space() as space:
        project = space.project(request["ProjectArn"])
        if project.status != "CREATED":
            raise ResourceInUse(f"The project {project.name} is {project.status}.")
        if project.versions:
            raise ResourceInUse(
                f"The project {project.name} has {len(project.versions)} models: delete them first."
            )
        if project.datasets and call.settings.project_needs_no_datasets_to_delete:
            raise ResourceInUse(f"The project {project.name} has datasets: delete them first.")
        project.status = "DELETING"
        project.pending = Pending(call.now() + call.settings.delete_seconds, Outcome(gone=True))
        return {"Status": project.status}


def _described(project: Project) -> dict[str, Any]:
    described = {
        "ProjectArn": project.arn,
        "CreationTimestamp": moment(project.created),
        "Status": project.status,
        "Datasets": [_dataset(dataset) for dataset in project.datasets.values()],
        "Feature": project.feature,
    }
    if project.auto_update:
        described["AutoUpdate"] = project.auto_update
    return described


def _dataset(dataset: Dataset) -> dict[str, Any]:
    described = {
        "CreationTimestamp": moment(dataset.created),
        "DatasetType": dataset.kind,
        "DatasetArn": dataset.arn,
        "Status": dataset.status,
        "StatusMessage": dataset.message,
        "StatusMessageCode": dataset.code,
    }
    return {key: value for key, value in described.items() if value is not None}


OPERATIONS: dict[str, Operation] = {
    "CreateProject": create_project,
    "DescribeProjects": describe_projects,
    "DeleteProject": delete_project,
}
