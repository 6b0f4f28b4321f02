"""The commands that the documents show, line by line, for the tests that run them.

A command is a line of a fenced block, or a piece of inline code, that begins with one of TOOLS. The words in
capitals that are filled in stand in PLACEHOLDERS, and what cannot be run within a test stands in ELSEWHERE.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from tests.templates import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
TOOLS = r"(?:make|python|\.venv/bin/\w+|sam|aws|curl|git|pip|openapi-python-client)"
# Settings may stand before a command, and its result be kept in a variable.
BEGIN = re.compile(rf"(?:[A-Z_]+=[^\s$]\S* )*(?:[A-Z_]+=\$\()?{TOOLS} \S|export [A-Z_]+=")
FENCE = re.compile(r"\s*```(\w*)")
SHELLS = ("", "sh", "bash", "console")
COMMENT = re.compile(r"\s+#.*$")
OPTIONAL = re.compile(r"\[([^][]+)\]")
# A word in capitals that is neither set here nor read from the environment.
CAPITALS = re.compile(r"(?<![\w$.-])(?:[A-Z][A-Z_]+|N)(?![\w=])…?")
NO_PLACEHOLDERS = frozenset({"AISERVICES_OPT_OUT_POLICY"})
# Names that stand for those that a reader has, and the placeholder that each is filled in as.
EXAMPLES = {
    r"custom-labels-dev/run-\d{4}-\d\d-\d\d-\d{6}": "PROJECT/VERSION",
    r"run-\d{4}-\d\d-\d\d-\d{6}|version1": "VERSION",
    r"\b\d{8}T\d{9}-[0-9a-f]{12}\b": "ID",
    r"\b[0-9a-f]{16}\b": "DIGEST…",
}
# The world of tests/local/test_doc_commands.py has a value of the same name for each.
PLACEHOLDERS = frozenset(
    {
        *("API_KEY_ID", "API_URL", "BUCKET", "DATA_BUCKET", "FOLDER", "IMAGE", "N", "PROJECT", "VERSION"),
        *("DIGEST…", "EXECUTION_ARN", "ID", "ID…", "IMAGE_ADDRESS"),
        *("OLD_BUCKET", "OLD_STACK", "TEST_DATASET_ARN", "TRAINING_DATASET_ARN"),
        *("POLICY", "ROOT"),
    }
)


class Command(NamedTuple):
    """A command, and where it stands."""

    page: str
    line: int
    text: str
    fenced: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"

    @property
    def unknown(self) -> set[str]:
        """The words in capitals that nobody can fill in."""
        return set(CAPITALS.findall(self.text)) - PLACEHOLDERS - NO_PLACEHOLDERS


def collected() -> list[Command]:
    """Every command of every page, in their order."""
    return [one for page in PAGES for one in commands(page, (ROOT / page).read_text(encoding="utf-8"))]


def to_run() -> list[Command]:
    """Those that are run as they stand, each text once; what prose only names is none of its own."""
    once = {one.text: one for one in reversed(collected()) if one.text not in ELSEWHERE}
    runs = sorted(once.values(), key=lambda one: (PAGES.index(one.page), one.line))
    return [one for one in runs if not is_mention(one, [other.text for other in runs] + list(ELSEWHERE))]


def is_mention(one: Command, texts: list[str]) -> bool:
    """Whether prose only names a command of another tool, such as `sam build`, that is run with its arguments."""
    foreign = one.text.startswith(("sam ", "aws ")) and not one.fenced
    return foreign and " -" not in one.text and any(text.startswith(f"{one.text} ") for text in texts)


def commands(page: str, text: str) -> Iterator[Command]:
    """The commands of a page; ValueError for a line of a block of commands that is none."""
    for number, shown, fenced in _code(text):
        if fenced and not BEGIN.match(shown):
            raise ValueError(f"{page}:{number}: {shown!r} begins with no tool that tests/documents.py knows")
        if BEGIN.match(shown):
            yield from (Command(page, number, form, fenced) for form in forms(shown))


def forms(text: str) -> list[str]:
    """A command without and with each of its optional parts, which stand in brackets if nothing is quoted."""
    if "'" in text or '"' in text or not OPTIONAL.search(text):
        return [text]
    parts = OPTIONAL.split(text)
    found = []
    for chosen in product((False, True), repeat=len(parts) // 2):
        kept = [part for index, part in enumerate(parts) if index % 2 == 0 or chosen[index // 2]]
        found.append(" ".join("".join(kept).split()))
    return found


def _code(text: str) -> Iterator[tuple[int, str, bool]]:
    """Number and text of each piece of inline code, and of each line of the blocks that hold commands."""
    block: list[tuple[int, str]] | None = None
    shell = False
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence and block is None:
            block, shell = [], fence[1] in SHELLS
        elif fence:
            lines = list(_joined(block or []))
            if shell and any(BEGIN.match(shown) for _, shown in lines):
                yield from ((at, shown, True) for at, shown in lines)
            block = None
        elif block is not None:
            block.append((number, line))
        else:
            yield from ((number, shown, False) for shown in re.findall(r"`([^`]+)`", line))


def _joined(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines without comments, those that end in a backslash with what follows them."""
    begun: tuple[int, str] | None = None
    for number, line in lines:
        at, before = begun or (number, "")
        whole = before + COMMENT.sub("", line).strip()
        begun = (at, whole.removesuffix("\\")) if whole.endswith("\\") else None
        if whole and begun is None:
            yield at, whole


class Elsewhere(NamedTuple):
    """What runs a command that no test of documents can run: `where` is a file or a test of it."""

    where: str
    why: str


DEPLOYED = "tests/local/test_end_to_end.py::test_a_model_is_trained_gated_and_live"
BUILT = Elsewhere(DEPLOYED, "`deployed` runs `sam build` and `sam deploy` with samconfig.toml, and no questions")
DEMO = Elsewhere(DEPLOYED, "`deployed` and `trained` are the steps of local.demo")
ITSELF = Elsewhere(".ci/run", "it runs the tests")
BENCH = "it takes minutes; the test runs the same functions"
PYTHON = "it builds for a Python that this machine may lack; the test reads what sam reads"
SETTINGS = Elsewhere("tests/unit/test_environments.py::test_sam_knows_every_option", PYTHON)
ROLES = (
    "aws cloudformation deploy --stack-name pipeline-prod --template-file docs/pipeline/role.yaml"
    " --capabilities CAPABILITY_IAM --parameter-overrides Repository=OWNER/REPOSITORY GitHubEnvironment=prod"
    " StackName=prod-custom-labels"
)
ELSEWHERE = {
    "make demo": DEMO,
    "LOCAL_CLOUD_PORT=4600 make demo": DEMO,
    "make test": ITSELF,
    "make test-all": Elsewhere("tests/rounds.py", "it runs the tests, for hours"),
    "make lint": Elsewhere("Makefile", "`make test` begins with it"),
    ".venv/bin/ruff format .": Elsewhere(
        "Makefile", "it would change the files; `make lint` runs it with --check"
    ),
    "make bench": Elsewhere("tests/workflow/test_event_budget.py", BENCH),
    "python -m bench transitions": Elsewhere("tests/workflow/test_event_budget.py", BENCH),
    "python -m bench load": Elsewhere("tests/local/test_api.py::test_under_load_no_request_is_lost", BENCH),
    "python -m bench api": Elsewhere("tests/unit/test_predict.py", "it takes minutes, and measures what ships"),
    "make lock": Elsewhere(
        "tests/unit/test_shipped.py::test_each_runtime_gets_what_is_asked_for",
        "it asks pypi.org; the test reads what it made",
    ),
    "make audit": Elsewhere(
        "tests/unit/test_shipped.py::test_what_ships_is_what_is_tested",
        "it asks pypi.org; the test reads the same files",
    ),
    "python -m local.openapi": Elsewhere(
        "tests/unit/test_openapi.py::test_the_file_is_what_the_code_says",
        "it would write a file that other tests read",
    ),
    "python -m local.docs": Elsewhere(
        "tests/unit/test_docs.py::test_a_page_that_is_out_of_date_is_told",
        "it would write a page that other tests read",
    ),
    "openapi-python-client generate --path functions/openapi.json": Elsewhere(
        "tests/unit/test_openapi.py::test_it_is_valid", "somebody else's program, which is not installed"
    ),
    "sam build --parameter-overrides Runtime=python3.13": BUILT,
    "sam deploy --guided": BUILT,
    "sam build --config-env inference --parameter-overrides Runtime=python3.13": BUILT,
    "sam deploy --config-env inference --guided": BUILT,
    "sam build --config-env prod": SETTINGS,
    "sam deploy --config-env prod": SETTINGS,
    "sam build --config-env prod-inference": SETTINGS,
    "sam deploy --config-env prod-inference": SETTINGS,
    ROLES: Elsewhere(
        "tests/unit/test_pipeline.py::test_the_roles_are_valid", "the local cloud knows no identity providers"
    ),
}
