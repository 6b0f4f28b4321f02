"""Projects, tags, policies, pages, quotas, faults and settings."""

import re
from collections.abc import Callable

import pytest

from local.rekognition.errors import (
    InternalServer,
    InvalidPaginationToken,
    InvalidParameter,
    InvalidPolicyRevisionId,
    LimitExceeded,
    MalformedPolicyDocument,
    ProvisionedThroughputExceeded,
    ResourceAlreadyExists,
    ResourceInUse,
    ResourceNotFound,
    ServiceQuotaExceeded,
    Throttling,
    UnknownOperation,
    Validation,
)
from local.rekognition.settings import Settings

from .conftest import ACCOUNT, REGION, Desk

POLICY = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "210987654321"},
 "Action": "rekognition:CopyProjectVersion", "Resource": "*"}]}"""


def test_project_arn_ends_in_the_creation_time_in_milliseconds(desk: Desk) -> None:
    arn = desk.project("parts")
    pattern = rf"arn:aws:rekognition:{REGION}:{ACCOUNT}:project/parts/(\d{{13}})"
    match = re.fullmatch(pattern, arn)
    assert match
    found = desk("DescribeProjects")["ProjectDescriptions"][0]
    assert found["CreationTimestamp"].timestamp() * 1000 == pytest.approx(int(match[1]))
    assert {key: found[key] for key in ("ProjectArn", "Status", "Datasets", "Feature")} == {
        "ProjectArn": arn,
        "Status": "CREATED",
        "Datasets": [],
        "Feature": "CUSTOM_LABELS",
    }


def test_arns_are_unique_within_a_millisecond(desk: Desk) -> None:
    stamps = [desk.project(f"p{number}").rsplit("/", 1)[1] for number in range(20)]
    assert len(set(stamps)) == 20


def test_a_new_project_is_creating_for_as_long_as_set(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(project_seconds=5)
    arn = desk.project()
    assert desk("DescribeProjects")["ProjectDescriptions"][0]["Status"] == "CREATING"
    with pytest.raises(ResourceInUse):
        desk("DeleteProject", ProjectArn=arn)
    desk.wait(5)
    assert desk("DescribeProjects")["ProjectDescriptions"][0]["Status"] == "CREATED"


def test_a_second_project_of_a_name_is_in_use(desk: Desk) -> None:
    desk.project()
    with pytest.raises(ResourceInUse, match="parts"):
        desk.project()


def test_projects_by_name_and_feature(desk: Desk) -> None:
    desk.project("a")
    desk("CreateProject", ProjectName="b", Feature="CONTENT_MODERATION", AutoUpdate="ENABLED")

    def names(**request: object) -> list[str]:
        return [
            one["ProjectArn"].split("/")[1] for one in desk("DescribeProjects", **request)["ProjectDescriptions"]
        ]

    assert names() == ["a"]
    assert names(Features=["CUSTOM_LABELS", "CONTENT_MODERATION"]) == ["b", "a"]
    assert names(ProjectNames=["a", "unknown"]) == ["a"]
    with pytest.raises(InvalidParameter, match="AutoUpdate"):
        desk("CreateProject", ProjectName="c", AutoUpdate="ENABLED")


def test_a_project_is_deleted_once_it_is_empty(desk: Desk) -> None:
    project = desk.project()
    dataset = desk.dataset(project, "TRAIN")
    with pytest.raises(ResourceInUse, match="datasets"):
        desk("DeleteProject", ProjectArn=project)
    desk("DeleteDataset", DatasetArn=dataset)
    desk.wait()
    assert desk("DeleteProject", ProjectArn=project) == {"Status": "DELETING"}
    assert desk("DescribeProjects")["ProjectDescriptions"][0]["Status"] == "DELETING"
    desk.wait()
    assert desk("DescribeProjects") == {"ProjectDescriptions": []}
    with pytest.raises(ResourceNotFound):
        desk("DeleteProject", ProjectArn=project)


def test_accounts_and_regions_do_not_see_each_other(desk: Desk) -> None:
    desk.project()
    assert desk("DescribeProjects", account="210987654321") == {"ProjectDescriptions": []}
    other = desk.service.call("DescribeProjects", {}, account=ACCOUNT, region="us-east-1")
    assert other == {"ProjectDescriptions": []}


def test_pages(desk: Desk) -> None:
    for number in range(5):
        desk.project(f"p{number}")
    first = desk("DescribeProjects", MaxResults=2)
    second = desk("DescribeProjects", MaxResults=2, NextToken=first["NextToken"])
    third = desk("DescribeProjects", MaxResults=2, NextToken=second["NextToken"])
    listed = [one["ProjectArn"] for part in (first, second, third) for one in part["ProjectDescriptions"]]
    assert [arn.split("/")[1] for arn in listed] == ["p4", "p3", "p2", "p1", "p0"]
    assert "NextToken" not in third
    assert len(desk("DescribeProjects", NextToken="")["ProjectDescriptions"]) == 5


def test_a_bad_token_and_too_large_a_page_are_refused(desk: Desk) -> None:
    for number in range(3):
        desk.project(f"p{number}")
    token = desk("DescribeProjects", MaxResults=1)["NextToken"]
    with pytest.raises(InvalidPaginationToken):
        desk("DescribeProjects", NextToken="nonsense")
    with pytest.raises(InvalidPaginationToken):
        desk("DescribeProjects", NextToken=token, ProjectNames=["p1"])
    with pytest.raises(Validation):
        desk("DescribeProjects", MaxResults=101)


def test_the_quota_of_projects(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(projects_quota=1)
    desk.project("a")
    with pytest.raises(LimitExceeded):
        desk.project("b")


def test_tags(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(tags_quota=2)
    arn = desk("CreateProject", ProjectName="parts", Tags={"a": "1"})["ProjectArn"]
    desk("TagResource", ResourceArn=arn, Tags={"b": "2", "a": "3"})
    assert desk("ListTagsForResource", ResourceArn=arn) == {"Tags": {"a": "3", "b": "2"}}
    with pytest.raises(ServiceQuotaExceeded):
        desk("TagResource", ResourceArn=arn, Tags={"c": ""})
    desk("UntagResource", ResourceArn=arn, TagKeys=["a", "unknown"])
    assert desk("ListTagsForResource", ResourceArn=arn) == {"Tags": {"b": "2"}}
    with pytest.raises(ResourceNotFound):
        desk("ListTagsForResource", ResourceArn=f"{arn}9")


def test_policies_are_updated_by_their_revision(desk: Desk) -> None:
    project = desk.project()
    request = {"ProjectArn": project, "PolicyName": "copy", "PolicyDocument": POLICY}
    revision = desk("PutProjectPolicy", **request)["PolicyRevisionId"]
    with pytest.raises(ResourceAlreadyExists):
        desk("PutProjectPolicy", **request)
    with pytest.raises(InvalidPolicyRevisionId):
        desk("PutProjectPolicy", **request, PolicyRevisionId="0")
    newer = desk("PutProjectPolicy", **request, PolicyRevisionId=revision)["PolicyRevisionId"]
    listed = desk("ListProjectPolicies", ProjectArn=project)["ProjectPolicies"]
    assert [one["PolicyRevisionId"] for one in listed] == [newer]
    desk("DeleteProjectPolicy", ProjectArn=project, PolicyName="copy")
    assert desk("ListProjectPolicies", ProjectArn=project) == {"ProjectPolicies": []}


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        "{}",
        POLICY.replace("Copy", "Delete"),
        POLICY.replace('"Action"', '"NotAction"'),
        '{"Statement": 1}',
    ],
)
def test_a_policy_that_does_more_than_copying_is_malformed(desk: Desk, document: str) -> None:
    with pytest.raises(MalformedPolicyDocument):
        desk("PutProjectPolicy", ProjectArn=desk.project(), PolicyName="copy", PolicyDocument=document)


def test_a_fault_before_the_call_leaves_nothing_behind(desk: Desk) -> None:
    desk.service.faults.add("CreateProject", "ThrottlingException")
    with pytest.raises(Throttling):
        desk.project()
    assert desk("DescribeProjects") == {"ProjectDescriptions": []}
    desk.project()


def test_a_fault_after_the_call_leaves_its_effect(desk: Desk) -> None:
    desk.service.faults.add("CreateProject", "InternalServerError", call=2, effect="after")
    desk.project("a")
    with pytest.raises(InternalServer) as caught:
        desk.project("b")
    assert (caught.value.code, caught.value.status) == ("InternalServerError", 500)
    assert len(desk("DescribeProjects")["ProjectDescriptions"]) == 2


def test_faults_of_every_call_until_they_are_cleared(desk: Desk) -> None:
    desk.service.faults.add("DescribeProjects", "ThrottlingException", call=None)
    for _ in range(3):
        with pytest.raises(Throttling):
            desk("DescribeProjects")
    desk.service.faults.clear()
    desk("DescribeProjects")
    with pytest.raises(ValueError, match="unknown error code"):
        desk.service.faults.add("DescribeProjects", "Nonsense")


def test_the_rate_of_calls(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(requests_per_second=5)
    for _ in range(5):
        desk("DescribeProjects")
    with pytest.raises(ProvisionedThroughputExceeded):
        desk("DescribeProjects")
    desk.project()  # the rate is that of one operation
    desk.wait(1)
    desk("DescribeProjects")


def test_other_operations_of_rekognition_are_not_served(desk: Desk) -> None:
    with pytest.raises(UnknownOperation, match="DetectFaces is not served"):
        desk("DetectFaces")


def test_settings_from_the_environment() -> None:
    found = Settings.from_environment(
        environment={"CUSTOM_LABELS_START_SECONDS": "2.5", "CUSTOM_LABELS_STOP_WHILE_STARTING": "no", "HOME": "/"}
    )
    assert (found.start_seconds, found.stop_while_starting) == (2.5, False)
    assert found.running_models_quota == 2
    with pytest.raises(ValueError, match="CUSTOM_LABELS_START is not a setting"):
        Settings.from_environment(environment={"CUSTOM_LABELS_START": "1"})
    with pytest.raises(ValueError, match="not a valid int: projects per account"):
        Settings.from_environment(environment={"CUSTOM_LABELS_PROJECTS_QUOTA": "many"})
