"""A training whose copies of the images are kept under a key of the operator's."""

import pytest

from tests.conftest import TIMES
from tests.proof.roles import KEY
from tests.stack import deployed


@pytest.mark.parametrize("key", ["", KEY], ids=["none", "own"])
def test_a_version_is_trained_under_the_key_that_the_stack_has(key):
    with deployed(TIMES, KMS_KEY_ARN=key) as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        result = stack.run({"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}})
        assert result.status == "SUCCEEDED"
        (project,) = stack.rekognition.describe_projects()["ProjectDescriptions"]
        found = stack.rekognition.describe_project_versions(ProjectArn=project["ProjectArn"])
        (version,) = found["ProjectVersionDescriptions"]
    assert version.get("KmsKeyId") == (key or None)
    assert ("RequestWithKey" in result.states) == bool(key)
