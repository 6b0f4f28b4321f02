import json

import pytest
from customlabels.errors import NAMES, QuotaExceeded, TrainingFailed, refusal
from customlabels.failures import LONGEST_CAUSE, compose, read_failure

EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:custom-labels-train:run-1"


def lambda_cause(kind, message):
    return json.dumps({"errorMessage": message, "errorType": kind, "stackTrace": ["  File ..."]})


@pytest.mark.parametrize(
    ("failed", "error", "cause"),
    [
        (
            {"TrainingFailed": {"Error": "InvalidInput", "Cause": lambda_cause("InvalidInput", "project is 7.")}},
            "InvalidInput",
            "project is 7.",
        ),
        (
            {"StartFailed": {"Error": "Rekognition.LimitExceededException", "Cause": "Too many."}},
            "QuotaExceeded",
            "Rekognition.LimitExceededException: Too many.",
        ),
        (
            {"DatasetRejected": {"Error": "Rekognition.InvalidS3ObjectException", "Cause": "No object."}},
            "DatasetRejected",
            "Rekognition.InvalidS3ObjectException: No object.",
        ),
        (
            {"Unexpected": {"Error": "States.Timeout", "Cause": ""}},
            "Unexpected",
            "States.Timeout: no cause was given",
        ),
        ({"Ended": {"Error": "ABORTED", "Cause": "ended from outside"}}, "ABORTED", "ended from outside"),
    ],
)
def test_what_was_caught_becomes_one_of_the_contracts_errors(failed, error, cause):
    failure = read_failure(failed)
    assert (failure.error, failure.cause) == (error, cause)
    assert failure.error in NAMES or failure.error == "ABORTED"


def test_a_cause_is_bounded_and_keeps_what_runs_now():
    failure = read_failure({"Unexpected": {"Error": "KeyError", "Cause": "x" * 5000}})
    cause = compose(failure, EXECUTION, ["Running now: run-0."])
    assert len(cause) <= LONGEST_CAUSE
    assert cause.endswith("Running now: run-0. Read more in the history of execution run-1.")


def test_a_quota_is_told_from_another_refusal():
    limit = {"Error": "Rekognition.LimitExceededException", "Cause": "2 trainings."}
    other = {"Error": "Rekognition.ResourceInUseException", "Cause": "In use"}
    assert isinstance(refusal(limit, TrainingFailed, "No"), QuotaExceeded)
    assert str(refusal(other, TrainingFailed, "Version 1 could not be created")) == (
        "Version 1 could not be created: In use."
    )
