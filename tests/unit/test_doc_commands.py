"""Every command of the documents is run: by tests/local/test_doc_commands.py, or by what ELSEWHERE names."""

import re

import pytest

from tests.documents import (
    ELSEWHERE,
    EXAMPLES,
    PLACEHOLDERS,
    Command,
    collected,
    commands,
    forms,
    is_mention,
    to_run,
)
from tests.local.walking import World
from tests.templates import ROOT

PAGE = """\
A fenced block, and `make up` or `make` inline, and `sam build`.

```
make up     # with a comment
KEY=$(aws sts get-caller-identity --query Account)
curl -d '{"a": [1]}' \\
    http://127.0.0.1:4566/
LOCAL_CLOUD_KEEP=1 make up
```

```json
{"make": "up"}
```

```
 3.1 s  make nothing of it
```
"""


def texts(page: str) -> list[str]:
    return [one.text for one in commands("page.md", page)]


def test_commands_are_found_in_blocks_and_in_lines():
    assert texts(PAGE) == [
        "make up",
        "sam build",
        "make up",
        "KEY=$(aws sts get-caller-identity --query Account)",
        """curl -d '{"a": [1]}' http://127.0.0.1:4566/""",
        "LOCAL_CLOUD_KEEP=1 make up",
    ]
    assert [one.line for one in commands("page.md", PAGE)] == [1, 1, 4, 5, 6, 8]


def test_a_block_of_commands_holds_nothing_else():
    with pytest.raises(ValueError, match=r"page\.md:3: 'unknown-tool now' begins with no tool"):
        texts("```\nmake up\nunknown-tool now\n```\n")


def test_optional_parts_are_left_out_and_put_in():
    assert forms("python -m cli rollback [--to VERSION]") == [
        "python -m cli rollback",
        "python -m cli rollback --to VERSION",
    ]
    assert forms("curl -d '[1]'") == ["curl -d '[1]'"]


def test_words_in_capitals_are_placeholders_unless_they_are_set():
    text = """FOO=1 aws x --key DATA_BUCKET/a "$KEY" --units N -F a -H 'A: b' NOBODY_KNOWS ID…"""
    assert Command("page.md", 1, text, True).unknown == {"NOBODY_KNOWS"}


def test_a_name_in_prose_is_no_command_of_its_own():
    named, other = Command("page.md", 1, "sam build", False), Command("page.md", 1, "sam sync", False)
    assert is_mention(named, ["sam build --config-env inference"])
    assert not is_mention(other, ["sam build --config-env inference"])
    ours = Command("page.md", 1, "python -m cli start", False)
    assert not is_mention(ours, ["python -m cli start VERSION"])


def test_every_command_can_be_run():
    unknown = [f"{one}: what is {', '.join(sorted(one.unknown))}?" for one in to_run() if one.unknown]
    assert not unknown, "\n".join(["tests/documents.py has no such placeholder:", *unknown])


def test_every_placeholder_is_needed():
    shown = " ".join(one.text for one in to_run())
    for example, name in EXAMPLES.items():
        shown, found = re.subn(example, name, shown)
        assert found, f"no command has an example of {name}"
    assert [name for name in PLACEHOLDERS if name not in shown] == []


def test_the_world_has_a_value_for_every_placeholder():
    names = {name.removesuffix("…").lower() + ("s" if name.endswith("…") else "") for name in PLACEHOLDERS}
    assert [name for name in names if not hasattr(World, name)] == []


def test_the_table_names_what_stands_in_a_document_and_what_runs_it():
    assert ELSEWHERE.keys() <= {one.text for one in collected()}
    for text, elsewhere in ELSEWHERE.items():
        path, _, test = elsewhere.where.partition("::")
        assert (ROOT / path).is_file(), text
        assert f"def {test}(" in (ROOT / path).read_text() or not test, text
