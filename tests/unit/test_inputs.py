from dataclasses import replace

import pytest
from customlabels.errors import InvalidInput
from customlabels.inputs import keeps_running, project_of, resolve, resolve_batch, resolve_teardown
from customlabels.promotion import check_source
from customlabels.settings import Defaults, Settings

SETTINGS = Settings("parts", "data", "state", 10800, 108000, 3600, "parts", "CustomLabels")
DEFAULTS = Defaults(
    "images/{project}/train/",
    "auto",
    {"metric": "f1", "minimum": 0.85, "perLabelMinimum": 0.0, "minimumTestImages": 1, "maxRegression": 0.02},
    {"minUnits": 1, "maxUnits": 1, "strategy": "blue-green", "keepRunning": True, "smokeImages": 5},
    0,
    10,
)


def test_an_empty_input_means_every_default():
    assert resolve({}, SETTINGS, DEFAULTS) == {
        "project": "parts",
        "training": {
            "source": {"kind": "folder", "value": "s3://data/images/parts/train/", "folder": ""},
            "refresh": "replace",
        },
        "testing": {"source": {"kind": "split", "value": "auto", "folder": ""}, "refresh": "keep"},
        "gate": {
            "metric": "f1",
            "minimum": 0.85,
            "perLabelMinimum": 0.0,
            "minimumTestImages": 1,
            "maxRegression": 0.02,
        },
        "model": {"minUnits": 1, "maxUnits": 1, "strategy": "blue-green", "keepRunning": True, "smokeImages": 5},
        "switchTo": None,
        "copyFrom": None,
        "minNewImages": 0,
        "keepVersions": 10,
        "dryRun": False,
        "force": False,
    }


def test_what_the_input_names_holds():
    run = resolve(
        {
            "project": "parts-blue",
            "training": {"manifest": "s3://other/train.manifest"},
            "testing": {"folder": "s3://other/test"},
            "refresh": {"testing": "replace"},
            "gate": {"metric": "recall", "minimum": 1},
            "model": {"minUnits": 2, "maxUnits": 5},
        },
        SETTINGS,
        DEFAULTS,
    )
    assert run["project"] == "parts-blue"
    assert run["training"]["source"] == {
        "kind": "manifest",
        "value": "s3://other/train.manifest",
        "folder": "",
    }
    assert run["testing"] == {
        "source": {"kind": "folder", "value": "s3://other/test/", "folder": ""},
        "refresh": "replace",
    }
    assert run["gate"] == {**DEFAULTS.gate, "metric": "recall", "minimum": 1}
    assert run["model"] == {**DEFAULTS.model, "minUnits": 2, "maxUnits": 5}


def test_a_switch_runs_on_where_trained_models_do_not():
    thrifty = replace(DEFAULTS, model={**DEFAULTS.model, "keepRunning": False})
    assert resolve({"switchTo": "previous"}, SETTINGS, thrifty)["model"]["keepRunning"] is True
    assert resolve({}, SETTINGS, thrifty)["model"]["keepRunning"] is False
    assert keeps_running({"switchTo": "previous"}, False) is True


@pytest.mark.parametrize("wanted", ["previous", "run-2026-11-22"])
def test_a_switch_asks_for_no_sources(wanted):
    run = resolve({"switchTo": wanted, "model": {"strategy": "in-place"}}, SETTINGS, DEFAULTS)
    assert (run["switchTo"], run["training"], run["testing"]) == (wanted, None, None)
    assert run["model"]["strategy"] == "in-place"
    assert run["gate"] == DEFAULTS.gate


@pytest.mark.parametrize(
    ("given", "default", "keeps"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"model": {"keepRunning": False}}, True, False),
        ({"model": {"keepRunning": "no"}}, True, True),
        ({"model": 7}, True, True),
        ([], False, False),
    ],
)
def test_an_input_that_was_never_checked_tells_whether_the_model_runs_on(given, default, keeps):
    assert keeps_running(given, default) is keeps


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "The input is []"),
        ("run", "The input is 'run'"),
        ({"projekt": "x"}, "projekt is 'x'; it is not known, accepted are project, training"),
        ({"project": "other"}, "project is 'other'; accepted is a name"),
        ({"project": "parts/1"}, "project is 'parts/1'"),
        ({"project": 7}, "project is 7"),
        ({"training": "s3://b/f/"}, "training is 's3://b/f/'; accepted is an object with one of folder"),
        ({"training": {"split": "auto"}}, "training is {'split': 'auto'}"),
        ({"training": {"folder": "s3://b/f", "manifest": "s3://b/m"}}, "one of folder, manifest, dataset"),
        ({"training": {"folder": "/tmp/x"}}, "training.folder is '/tmp/x'; accepted is s3://bucket/folder/"),
        ({"training": {"manifest": "s3://b/f/"}}, "accepted is s3://bucket/key."),
        ({"training": {"dataset": "arn:x"}}, "training.dataset is 'arn:x'; accepted is the ARN"),
        ({"testing": {"split": "half"}}, "testing.split is 'half'; accepted is 'auto'"),
        ({"testing": {"folder": 1}}, "testing.folder is 1"),
        ({"refresh": {"training": "add"}}, "refresh.training is 'add'; accepted is one of replace, merge, keep"),
        ({"minNewImages": -1}, "minNewImages is -1; accepted is a whole number at least 0"),
        ({"keepVersions": 0}, "keepVersions is 0; accepted is a whole number at least 1"),
        ({"force": "yes"}, "force is 'yes'; accepted is true or false"),
        ({"refresh": "keep"}, "refresh is 'keep'; accepted is an object with training, testing"),
        ({"gate": {"minimum": 85}}, "gate.minimum is 85; accepted is a number from 0 to 1"),
        ({"gate": {"minimum": True}}, "gate.minimum is True"),
        ({"gate": {"metric": "auc"}}, "gate.metric is 'auc'; accepted is one of f1, precision, recall"),
        ({"gate": {"min": 1}}, "gate.min is 1; it is not known"),
        ({"gate": {"maxRegression": -0.1}}, "gate.maxRegression is -0.1; accepted is a number from 0 to 1"),
        ({"gate": {"minimumTestImages": -1}}, "accepted is a whole number at least 0"),
        ({"model": {"minUnits": 0}}, "model.minUnits is 0; accepted is a whole number from 1 to 5"),
        ({"model": {"minUnits": 2}}, "model.maxUnits is 1; accepted is at least model.minUnits, 2"),
        ({"model": {"maxUnits": 1.5}}, "model.maxUnits is 1.5"),
        ({"model": {"strategy": "green"}}, "model.strategy is 'green'; accepted is one of blue-green, in-place"),
        ({"model": {"keepRunning": 1}}, "model.keepRunning is 1; accepted is true or false"),
        ({"model": {"smokeImages": 101}}, "model.smokeImages is 101; accepted is a whole number from 0 to 100"),
        ({"switchTo": None}, 'switchTo is None; accepted is the name of a version, or "previous"'),
        ({"switchTo": "a b"}, "switchTo is 'a b'; accepted is the name of a version"),
        ({"switchTo": "previous", "force": True}, "force stands beside switchTo"),
        ({"switchTo": "previous", "training": {}}, "accepted beside it are project and model"),
        ({"switchTo": "previous", "model": {"keepRunning": False}}, "model.keepRunning is false beside switchTo"),
        ({"dryRun": "yes"}, "dryRun is 'yes'; accepted is true or false"),
        ({"training": {"coco": 7}}, "training.coco is 7; accepted is s3://bucket/key"),
        ({"training": {"csv": {"file": "s3://b/x.csv", "image": "s"}}}, "training.csv is {'file'"),
    ],
)
def test_a_bad_value_is_named_with_what_is_accepted(given, said):
    with pytest.raises(InvalidInput) as caught:
        resolve(given, SETTINGS, DEFAULTS)
    assert said in str(caught.value)
    assert "accepted" in str(caught.value)


def test_a_bad_default_names_its_parameter():
    bad = Defaults("s3://No_Bucket/x", "auto", DEFAULTS.gate, DEFAULTS.model, 0, 10)
    with pytest.raises(InvalidInput, match="the parameter TrainingSource is 's3://No_Bucket/x'"):
        resolve({}, SETTINGS, bad)


@pytest.mark.parametrize(
    ("given", "project"),
    [
        ({"project": "parts-b"}, "parts-b"),
        ({"project": "a-b"}, "parts"),
        ({"project": "a/b"}, "parts"),
        ({}, "parts"),
        ([1], "parts"),
        (None, "parts"),
    ],
)
def test_a_clean_up_finds_a_project_in_any_input(given, project):
    assert project_of(given, "parts") == project


BATCH = {"images": "s3://photos/a", "output": "s3://data/batch/weekly"}


def test_a_batch_is_completed():
    assert resolve_batch({"images": "s3://photos/a"}, SETTINGS, "run-1") == {
        "project": "parts",
        "source": {"kind": "images", "value": "s3://photos/a/"},
        "output": "s3://data/batch/run-1/",
        "minConfidence": None,
        "tolerated": 0.05,
    }
    given = {
        "manifest": "s3://photos/list.txt",
        "output": "s3://data/batch/x/",
        "minConfidence": 0,
        "tolerated": 1,
    }
    assert resolve_batch({**given, "project": "parts-2"}, SETTINGS, "run-1") == {
        "project": "parts-2",
        "source": {"kind": "manifest", "value": "s3://photos/list.txt"},
        "output": "s3://data/batch/x/",
        "minConfidence": 0,
        "tolerated": 1,
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "The input is"),
        ({}, "The input names no images; accepted is images or manifest"),
        ({**BATCH, "manifest": "s3://photos/list"}, "The input names images and manifest; accepted is images or"),
        ({**BATCH, "colour": 1}, "colour is 1; it is not known, accepted are project, images, manifest, output"),
        ({**BATCH, "project": "other"}, "project is 'other'"),
        ({**BATCH, "images": 1}, "images is 1; accepted is a text"),
        ({**BATCH, "images": "photos"}, "images is 'photos'; accepted is s3://bucket/folder/"),
        ({"manifest": "s3://photos/"}, "manifest is 's3://photos/'; accepted is s3://bucket/key"),
        ({**BATCH, "output": "s3://other/batch/x/"}, "accepted is a folder below s3://data/batch/"),
        ({**BATCH, "output": "s3://data/batch/"}, "output is 's3://data/batch/'"),
        ({**BATCH, "output": "s3://data/images/"}, "output is 's3://data/images/'"),
        ({**BATCH, "output": f"s3://data/batch/{'x' * 500}"}, "of 500 bytes at the most"),
        ({**BATCH, "minConfidence": 101}, "minConfidence is 101; accepted is a number from 0 to 100"),
        ({**BATCH, "minConfidence": None}, "minConfidence is None"),
        ({**BATCH, "tolerated": "5%"}, "tolerated is '5%'; accepted is a number from 0 to 1"),
        ({**BATCH, "tolerated": True}, "tolerated is True"),
    ],
)
def test_a_batch_that_is_not_accepted_is_refused_with_what_is(given, says):
    with pytest.raises(InvalidInput) as refused:
        resolve_batch(given, SETTINGS, "run-1")
    assert says in str(refused.value)


COPIED = "arn:aws:rekognition:eu-west-1:123456789012:project/parts-dev/version/one/1690556751958"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:parts-train:one"


def test_a_copy_is_judged_by_the_gate_of_its_input_and_trains_nothing():
    run = resolve({"copyFrom": COPIED, "gate": {"minimum": 0.5}, "keepVersions": 3}, SETTINGS, DEFAULTS)
    assert (run["copyFrom"], run["switchTo"], run["training"], run["testing"]) == (COPIED, None, None, None)
    assert (run["gate"]["minimum"], run["gate"]["maxRegression"], run["keepVersions"]) == (0.5, 0.02, 3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"copyFrom": "one"}, "copyFrom is 'one'; accepted is the ARN of a project version."),
        ({"copyFrom": None}, "copyFrom is None; accepted is the ARN of a project version."),
        ({"copyFrom": COPIED, "training": {}}, "training stands beside copyFrom, which trains nothing; accepted"),
        ({"copyFrom": COPIED, "dryRun": True}, "dryRun stands beside copyFrom"),
        ({"copyFrom": COPIED, "switchTo": "previous"}, "copyFrom stands beside switchTo"),
        ({"copyFrom": COPIED, "gate": {"minimum": 2}}, "gate.minimum is 2"),
    ],
)
def test_what_does_not_go_with_a_copy_is_refused(given, says):
    with pytest.raises(InvalidInput) as caught:
        resolve(given, SETTINGS, DEFAULTS)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("project", "family", "execution", "says"),
    [
        (
            "parts-dev",
            "parts",
            EXECUTION,
            "copyFrom names a version of project parts-dev itself; switchTo puts live",
        ),
        ("parts", "others", EXECUTION, "accepted is one whose name begins with 'others', the stack's parameter"),
        (
            "parts",
            "parts",
            EXECUTION.replace("eu-", "us-"),
            "accepted is a version in this Region, us-west-1, and",
        ),
        ("parts", "parts", EXECUTION.replace("12:", "13:"), "and account, 123456789013."),
    ],
)
def test_a_source_is_of_another_project_and_the_same_account_and_region(project, family, execution, says):
    with pytest.raises(InvalidInput) as caught:
        check_source(COPIED, project, family, execution)
    assert says in str(caught.value)
    check_source(COPIED, "parts", "parts", EXECUTION)


def test_a_teardown_has_its_defaults_and_its_own_keys():
    assert resolve_teardown({}, SETTINGS) == {"project": "parts", "dryRun": False, "force": False}
    given = {"project": "parts-dev", "dryRun": True, "force": True}
    assert resolve_teardown(given, SETTINGS) == given
    with pytest.raises(InvalidInput, match="it is not known, accepted are project, dryRun, force"):
        resolve_teardown({"gate": {}}, SETTINGS)
