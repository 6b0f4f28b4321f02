import pytest
from customlabels.names import PROJECT_NAME, parse_version_arn, version_name
from hypothesis import given
from hypothesis import strategies as st

MACHINE = "arn:aws:states:us-east-1:111122223333:execution:custom-labels-train:"


def test_a_version_is_named_as_its_execution():
    assert version_name(MACHINE + "run-2026-11-22_a.b") == "run-2026-11-22_a.b"


def test_refused_characters_are_replaced_and_the_names_stay_apart():
    first, second = version_name(MACHINE + "run é"), version_name(MACHINE + "run è")
    assert first.startswith("run---")
    assert first != second


@given(st.text(st.characters(codec="utf-8", exclude_characters=":"), min_size=1, max_size=80))
def test_every_execution_name_gives_a_name_that_rekognition_accepts(name):
    assert PROJECT_NAME.fullmatch(version_name(MACHINE + name))


def test_a_version_arn_tells_project_and_version():
    arn = "arn:aws:rekognition:us-east-1:111122223333:project/my-project/version/1/1690556751958"
    assert parse_version_arn(arn) == ("my-project", "1")
    with pytest.raises(ValueError, match="not the ARN of a project version"):
        parse_version_arn(arn.replace("version", "dataset"))
