"""The definitions as graphs, and what every state of them must have."""

import re

import pytest

from tests.templates import ROOT, branches, definition, source, states

FILES = sorted(path.name for path in (ROOT / "statemachine").iterdir())
TASKS = [
    pytest.param(state, id=f"{file}: {name}")
    for file in FILES
    for name, state in states(definition(file)).items()
    if state["Type"] == "Task"
]


def targets(state):
    """Every state that a state can go on to."""
    for key in ("Next", "Default"):
        if key in state:
            yield state[key]
    for rule in (*state.get("Choices", []), *state.get("Catch", [])):
        yield rule["Next"]


def graphs(definition):
    """The definition and each branch in it: names may only be reached within one of these."""
    yield definition
    for state in definition["States"].values():
        for branch in branches(state):
            yield from graphs(branch)


@pytest.mark.parametrize("file", FILES)
def test_every_target_exists_and_every_state_is_reached(file):
    for graph in graphs(definition(file)):
        reached, ahead = set(), [graph["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                assert name in graph["States"], f"{name} is a target but no state"
                reached.add(name)
                ahead.extend(targets(graph["States"][name]))
        assert reached == graph["States"].keys()


@pytest.mark.parametrize("file", FILES)
def test_every_path_ends(file):
    for graph in graphs(definition(file)):
        ends = {
            name
            for name, state in graph["States"].items()
            if state.get("End") or state["Type"] in ("Succeed", "Fail")
        }
        while more := {n for n, s in graph["States"].items() if n not in ends and ends & set(targets(s))}:
            ends |= more
        assert ends == graph["States"].keys()


@pytest.mark.parametrize("state", TASKS)
def test_every_task_has_a_timeout_and_retries(state):
    assert state["TimeoutSeconds"] > 0
    assert state["Retry"]


@pytest.mark.parametrize("state", [task for task in TASKS if "aws-sdk:rekognition" in task.values[0]["Resource"]])
def test_calls_are_tried_again_on_throttling_and_server_faults_only(state):
    (retry,) = state["Retry"]
    assert set(retry["ErrorEquals"]) == {
        "Rekognition.ThrottlingException",
        "Rekognition.ProvisionedThroughputExceededException",
        "Rekognition.InternalServerErrorException",
        "Rekognition.SdkClientException",
        "States.Timeout",
    }
    assert retry["BackoffRate"] > 1
    assert retry["JitterStrategy"] == "FULL"
    assert retry["MaxDelaySeconds"] <= 60


FUNCTIONS = [task for task in TASKS if task.values[0]["Resource"].startswith("${")]


# What no function of a machine raises; the states' Retry lists everything else.
NOT_RAISED = {
    "train.asl.json": {"ModelRejected", "TooManyFailures", "TeardownFailed"},
    "batch.asl.json": {
        *("DatasetRejected", "TrainingFailed", "ModelRejected", "SmokeTestFailed", "SwitchFailed"),
        "TeardownFailed",
    },
    "teardown.asl.json": {
        *("QuotaExceeded", "DatasetRejected", "TrainingFailed", "ModelRejected", "StartFailed"),
        *("SmokeTestFailed", "SwitchFailed", "TooManyFailures"),
    },
}


@pytest.mark.parametrize(
    ("file", "state"),
    [
        pytest.param(file, task.values[0], id=task.id)
        for task in FUNCTIONS
        if (file := task.id.partition(":")[0]) in NOT_RAISED and ": Report" not in task.id
    ],
)
def test_what_a_function_says_is_final_and_anything_else_is_tried_again(file, state):
    from customlabels.errors import NAMES

    final, other = state["Retry"]
    assert final["MaxAttempts"] == 0
    assert set(final["ErrorEquals"]) == NAMES - NOT_RAISED[file]
    assert other["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", ["CleanUp", "Conclude", "EndBatch", "FailTeardown"])
def test_the_last_resort_goes_on_trying(name):
    final, other = definition("after_train.asl.json")["States"][name]["Retry"]
    assert (final["ErrorEquals"], final["MaxAttempts"]) == (["Unexpected"], 0)
    assert other["MaxAttempts"] * other["MaxDelaySeconds"] > 3 * 3600


def test_every_failure_of_a_run_is_cleaned_up_and_named():
    from customlabels.errors import NAMES

    run = definition("train.asl.json")["States"]
    after = {
        "CleanUp",
        "Conclude",
        "ConcludeFailure",
        "Notify",
        "NotifyFailed",
        "PublishOutcome",
        "PublishFailure",
    }
    harmless = {"MeasureChampion", "Report"}  # a run does not fail for want of these
    for name, state in run.items():
        if state["Type"] in ("Task", "Parallel") and name not in after | harmless:
            last = state["Catch"][-1]
            assert last["ErrorEquals"] == ["States.ALL"], name
            assert last["Next"] == "CleanUp", name
            assert re.fullmatch(r"\$\.failed\.(\w+)", last["ResultPath"])[1] in NAMES, name


def calls(graph, distributed=False):
    """Every state that calls a function, with whether it stands in a Distributed Map: (name, state, whether)."""
    for name, state in graph["States"].items():
        if state.get("Resource", "").startswith("${"):
            yield name, state, distributed
        for branch in state.get("Branches", []):
            yield from calls(branch, distributed)
        if inner := state.get("ItemProcessor"):
            yield from calls(inner, distributed or inner.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


@pytest.mark.parametrize("file", FILES)
def test_every_function_is_told_which_execution_calls_it(file):
    for name, state, distributed in calls(definition(file)):
        if "Parameters" not in state:
            continue  # it is passed the whole state, in which `execution` stands; test_log.py looks
        paths = {"$.execution"} if distributed else {"$.execution", "$$.Execution.Id"}
        assert state["Parameters"].get("execution.$") in paths, (
            f'{name} in {file} calls a function without its execution: its Parameters need "execution.$": '
            f'"$.execution"'
            + (" (in a Distributed Map $$.Execution.Id is a child's)" if distributed else ' or "$$.Execution.Id"')
        )


@pytest.mark.parametrize("file", FILES)
def test_every_function_logs_the_execution(file):
    decorator = '@logger.inject_lambda_context(correlation_id_path="execution")'
    resources = source("template.yaml")["Resources"]
    for _, state, _ in calls(definition(file)):
        properties = resources[re.fullmatch(r"\$\{(\w+)Arn\}", state["Resource"])[1]]["Properties"]
        module = properties["Handler"].removesuffix(".handler") + ".py"
        text = (ROOT / properties.get("CodeUri", "functions/") / module).read_text()
        assert f"\n{decorator}\ndef handler(" in text, f"handler in {module}, called in {file}, needs {decorator}"


def test_every_failure_of_a_batch_lets_go_and_is_named():
    from customlabels.errors import NAMES

    for name, state in definition("batch.asl.json")["States"].items():
        if state["Type"] == "Task" and name != "EndFailedBatch":
            last = state["Catch"][-1]
            assert (last["ErrorEquals"], last["Next"]) == (["States.ALL"], "EndFailedBatch"), name
            assert re.fullmatch(r"\$\.failed\.(\w+)", last["ResultPath"])[1] in NAMES, name


def test_the_children_of_a_map_give_nothing_back():
    # What they give back together may have 256 KiB.
    for file in FILES:
        for state in states(definition(file)).values():
            if state["Type"] == "Map":
                assert state["ResultPath"] is None
                for inner in state["ItemProcessor"]["States"].values():
                    assert inner["OutputPath"] is None or "End" not in inner


def test_every_failure_of_a_teardown_is_named_and_lets_go():
    from customlabels.errors import NAMES

    after = {"FailTeardown", "PublishDeleted", "NotifyDeleted", "PublishFailure", "NotifyFailed"}
    for name, state in definition("teardown.asl.json")["States"].items():
        if state["Type"] == "Task" and name not in after:
            last = state["Catch"][-1]
            assert (last["ErrorEquals"], last["Next"]) == (["States.ALL"], "FailTeardown"), name
            assert last["ResultPath"].removeprefix("$.failed.") in NAMES, name


@pytest.mark.parametrize("file", FILES)
def test_functions_files_and_states_bear_the_same_names(file):
    resources = source("template.yaml")["Resources"]
    for name, state in states(definition(file)).items():
        if not state.get("Resource", "").startswith("${"):
            continue
        function = re.fullmatch(r"\$\{(\w+)Arn\}", state["Resource"])[1]
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", function).lower()
        assert resources[function]["Properties"]["Handler"] == f"{snake}.handler"
        folder = resources[function]["Properties"].get("CodeUri", "functions/")
        assert (ROOT / folder / f"{snake}.py").is_file()
        # A function that serves several states bears what their names have in common.
        words = re.findall("[A-Z][a-z]+", function)
        assert name == function or words[0] in name, (name, function)


@pytest.mark.parametrize("file", FILES)
def test_the_template_gives_every_substitution_and_no_other(file):
    text = (ROOT / "statemachine" / file).read_text()
    machine = next(
        of["Properties"]
        for of in source("template.yaml")["Resources"].values()
        if of.get("Properties", {}).get("DefinitionUri") == f"statemachine/{file}"
    )
    assert set(re.findall(r"\$\{(\w+)\}", text)) == machine["DefinitionSubstitutions"].keys()
