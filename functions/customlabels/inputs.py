"""The execution's input: every key checked, every default filled in."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from customlabels.batching.places import RESULTS
from customlabels.errors import InvalidInput
from customlabels.locations import parse_uri
from customlabels.names import PROJECT_NAME, VERSION_NAME, is_version_arn
from customlabels.preflight.findings import quoted
from customlabels.settings import Defaults, Settings
from customlabels.sources import address_of, default_source, parse_source

METRICS = ("f1", "precision", "recall")
REFRESHES = ("replace", "merge", "keep")
UNITS = 5  # inference units of one model: a quota of the service
STRATEGIES = ("blue-green", "in-place")
SMOKE_IMAGES = 100  # which is some seconds of a model on one inference unit


class _Rule(NamedTuple):
    accepted: str
    holds: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(low: int, high: int | None = None) -> _Rule:
    bounds = f"at least {low}" if high is None else f"from {low} to {high}"
    return _Rule(
        f"a whole number {bounds}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= (high or value),
    )


_SHARE = _Rule("a number from 0 to 1", lambda value: _number(value) and 0 <= value <= 1)


def _one_of(*words: str) -> _Rule:
    return _Rule(f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value in words)


_GATE = {
    "metric": _one_of(*METRICS),
    "minimum": _SHARE,
    "perLabelMinimum": _SHARE,
    "minimumTestImages": _whole(0),
    "maxRegression": _SHARE,
}
_FLAG = _Rule("true or false", lambda value: isinstance(value, bool))
_MODEL = {
    "minUnits": _whole(1, UNITS),
    "maxUnits": _whole(1, UNITS),
    "strategy": _one_of(*STRATEGIES),
    "keepRunning": _FLAG,
    "smokeImages": _whole(0, SMOKE_IMAGES),
}
_REFRESH = {"training": _one_of(*REFRESHES), "testing": _one_of(*REFRESHES)}
_NAME = _Rule(
    'the name of a version, or "previous"',
    lambda value: isinstance(value, str) and VERSION_NAME.fullmatch(value) is not None,
)
_VERSION = _Rule("the ARN of a project version", lambda value: isinstance(value, str) and is_version_arn(value))
_KEYS = {
    "project": None,
    "training": None,
    "testing": None,
    "refresh": None,
    "gate": None,
    "model": None,
    "switchTo": _NAME,
    "copyFrom": _VERSION,
    "minNewImages": _whole(0),
    "keepVersions": _whole(1),
    "dryRun": _FLAG,
    "force": _FLAG,
}

LONGEST_OUTPUT = 500  # bytes: keys of results go on, and a key has 1,024 at the most
TOLERATED = 0.05
_SOURCES = ("images", "manifest")
_BATCH = {
    "project": None,
    "images": None,
    "manifest": None,
    "output": None,
    "minConfidence": _Rule("a number from 0 to 100", lambda value: _number(value) and 0 <= value <= 100),
    "tolerated": _SHARE,
}


def resolve(given: Any, settings: Settings, defaults: Defaults) -> dict[str, Any]:
    """The run that `given` (the execution's input) asks for, complete.

    Gives {"project", "training": {"source", "refresh"}, "testing": same, "gate", "model", "switchTo", "copyFrom",
    "minNewImages", "keepVersions", "dryRun", "force"}; InvalidInput names the key, the value and what is accepted.
    A run that switches to a version that exists, or copies one, has null sources.
    """
    if not isinstance(given, dict):
        raise InvalidInput(f"The input is {quoted(given)}; accepted is a JSON object, {{}} for all defaults.")
    _known("", given, _KEYS)
    project = _project(given.get("project", settings.project), settings.project)
    refresh = _section("refresh", given, {"training": "replace", "testing": "keep"}, _REFRESH)
    # What is switched to goes live, and runs, whatever the deployment says of models that are trained.
    known = {**defaults.model, "keepRunning": True} if "switchTo" in given else defaults.model
    model = _section("model", given, known, _MODEL)
    if model["maxUnits"] < model["minUnits"]:
        raise InvalidInput(
            f"model.maxUnits is {model['maxUnits']}; accepted is at least model.minUnits, {model['minUnits']}."
        )
    plain: dict[str, Any] = {
        "minNewImages": defaults.min_new_images,
        "keepVersions": defaults.keep_versions,
        "dryRun": False,
        "force": False,
    }
    plain |= {key: given[key] for key in plain if key in given}
    for key, value in plain.items():
        _hold(key, value, _KEYS[key])
    parts: dict[str, Any] = {"training": None, "testing": None}
    switch_to, copy_from = _switch_to(given, model), _copy_from(given)
    if switch_to is not None or copy_from is not None:
        return {
            "project": project,
            **parts,
            "gate": _section("gate", given, defaults.gate, _GATE),
            "model": model,
            "switchTo": switch_to,
            "copyFrom": copy_from,
            **plain,
        }
    for key, parameter, text in (
        ("training", "TrainingSource", defaults.training_source),
        ("testing", "TestingSource", defaults.testing_source),
    ):
        testing = key == "testing"
        value = given.get(key)
        if value is None:
            value = default_source(parameter, text, project=project, bucket=settings.data_bucket, testing=testing)
        source = parse_source(key, value, testing=testing)
        parts[key] = {"source": source._asdict(), "refresh": refresh[key]}
    return {
        "project": project,
        **parts,
        "gate": _section("gate", given, defaults.gate, _GATE),
        "model": model,
        "switchTo": None,
        "copyFrom": None,
        **plain,
    }


def resolve_batch(given: Any, settings: Settings, name: str) -> dict[str, Any]:
    """The batch that `given` (the execution's input) asks for, complete; `name` is the execution's.

    Gives {"project", "source": {"kind": "images" or "manifest", "value"}, "output", "minConfidence" or null,
    "tolerated"}; InvalidInput names the key, the value and what is accepted.
    """
    if not isinstance(given, dict):
        raise InvalidInput(
            f'The input is {quoted(given)}; accepted is a JSON object such as {{"images": "s3://…"}}.'
        )
    _known("", given, _BATCH)
    project = _project(given.get("project", settings.project), settings.project)
    named = [key for key in _SOURCES if key in given]
    if len(named) != 1:
        raise InvalidInput(
            f"The input names {' and '.join(named) or 'no images'}; accepted is images or manifest."
        )
    kind, text = named[0], given[named[0]]
    if not isinstance(text, str):
        raise InvalidInput(f"{kind} is {quoted(text)}; accepted is a text.")
    values = {"minConfidence": None, "tolerated": TOLERATED}
    values |= {key: given[key] for key in values if key in given}
    for key, value in values.items():
        if key in given:
            _hold(key, value, _BATCH[key])
    return {
        "project": project,
        "source": {"kind": kind, "value": address_of(kind, text, folder=kind == "images")},
        "output": _output(given.get("output"), f"s3://{settings.data_bucket}/{RESULTS}", name),
        **values,
    }


def _output(given: Any, root: str, name: str) -> str:
    """Where the results of a batch go, below `root`: nothing else of the bucket can be overwritten."""
    if given is None:
        return f"{root}{name}/"
    good = (
        isinstance(given, str)
        and given.startswith(root)
        and len(given.encode("utf-8", "replace")) <= LONGEST_OUTPUT
    )
    if not good or not parse_uri(given).key.removeprefix(RESULTS).strip("/"):
        raise InvalidInput(
            f"output is {quoted(given)}; accepted is a folder below {root}, of {LONGEST_OUTPUT} bytes at the most."
        )
    return given if given.endswith("/") else f"{given}/"


def resolve_teardown(given: Any, settings: Settings) -> dict[str, Any]:
    """What a teardown's input asks for, complete: {"project", "dryRun", "force"}; InvalidInput as for a run."""
    if not isinstance(given, dict):
        raise InvalidInput(
            f"The input is {quoted(given)}; accepted is a JSON object, {{}} for the stack's project."
        )
    flags = {"dryRun": _FLAG, "force": _FLAG}
    _known("", given, {"project": None, **flags})
    for key, rule in flags.items():
        _hold(key, given.get(key, False), rule)
    project = _project(given.get("project", settings.project), settings.project)
    return {"project": project, **{key: given.get(key, False) for key in flags}}


def _switch_to(given: Mapping[str, Any], model: Mapping[str, Any]) -> str | None:
    """The version that a run switches to; it trains nothing, so that what says how to train is refused."""
    if "switchTo" not in given:
        return None
    _hold("switchTo", given["switchTo"], _KEYS["switchTo"])
    accepted = ("project", "switchTo", "model")
    other = [key for key in given if key not in accepted]
    if other:
        raise InvalidInput(
            f"{other[0]} stands beside switchTo, which trains nothing; accepted beside it are project and model."
        )
    if not model["keepRunning"]:
        raise InvalidInput(
            "model.keepRunning is false beside switchTo; accepted is true, as it makes a version live."
        )
    return str(given["switchTo"])


def _copy_from(given: Mapping[str, Any]) -> str | None:
    """The version of another project that a run copies; it trains nothing, but is judged like a training."""
    if "copyFrom" not in given:
        return None
    _hold("copyFrom", given["copyFrom"], _KEYS["copyFrom"])
    accepted = ("project", "copyFrom", "gate", "model", "keepVersions")
    other = [key for key in given if key not in accepted]
    if other:
        raise InvalidInput(
            f"{other[0]} stands beside copyFrom, which trains nothing; accepted beside it are project, gate, "
            f"model and keepVersions."
        )
    return str(given["copyFrom"])


def keeps_running(given: Any, default: bool) -> bool:
    """Whether an input meant the model to go on running, for cleaning up after it."""
    if isinstance(given, dict) and "switchTo" in given:
        return True
    model = given.get("model") if isinstance(given, dict) else None
    named = model.get("keepRunning") if isinstance(model, dict) else None
    return named if isinstance(named, bool) else default


def project_of(given: Any, default: str) -> str:
    """The project that an input meant, for cleaning up after it: the default when it names none that can be."""
    named = given.get("project") if isinstance(given, dict) else None
    good = isinstance(named, str) and PROJECT_NAME.fullmatch(named) and named.startswith(default)
    return str(named) if good else default


def _project(name: Any, family: str) -> str:
    if not isinstance(name, str) or not PROJECT_NAME.fullmatch(name) or not name.startswith(family):
        raise InvalidInput(
            f"project is {quoted(name)}; accepted is a name of letters, digits, '_', '.' and '-' that begins with "
            f"{family!r}, the stack's parameter Project."
        )
    return name


def _section(
    name: str, given: Mapping[str, Any], defaults: Mapping[str, Any], rules: Mapping[str, _Rule]
) -> dict[str, Any]:
    values = given.get(name, {})
    if not isinstance(values, dict):
        raise InvalidInput(f"{name} is {quoted(values)}; accepted is an object with {', '.join(rules)}.")
    _known(f"{name}.", values, rules)
    merged = {**defaults, **values}
    for key, rule in rules.items():
        _hold(f"{name}.{key}", merged[key], rule)
    return merged


def _hold(where: str, value: Any, rule: _Rule | None) -> None:
    if rule and not rule.holds(value):
        raise InvalidInput(f"{where} is {quoted(value)}; accepted is {rule.accepted}.")


def _known(prefix: str, values: Mapping[str, Any], accepted: Any) -> None:
    for key in values:
        if key not in accepted:
            raise InvalidInput(
                f"{prefix}{key} is {quoted(values[key])}; it is not known, accepted are {', '.join(accepted)}."
            )
