import json

import pytest
from customlabels.errors import DatasetRejected
from customlabels.exports.streams import elements, text_lines
from hypothesis import given
from hypothesis import strategies as st

FILE, ACCEPTED = "s3://b/x.json", "a list of things"


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def read(text, size=7):
    return list(elements(cut(text.encode(), size), FILE, ACCEPTED))


def test_the_elements_of_every_array_come_one_by_one():
    text = '\ufeff {"info": {"year": 2017}, "images": [{"id": 1}, {"id": 2}], "n": 12345678901'
    text += ', "none": [], "ü": [1.5]} \n'
    assert read(text) == [
        ("info", -1, {"year": 2017}),
        ("images", 0, {"id": 1}),
        ("images", 1, {"id": 2}),
        ("n", -1, 12345678901),
        ("ü", 0, 1.5),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
FILES = st.lists(JSON, max_size=5) | st.dictionaries(st.text(max_size=8), JSON, max_size=5)


@given(FILES, st.integers(1, 60), st.booleans(), st.sampled_from([None, 1]))
def test_any_json_in_any_chunks_is_read_as_the_standard_library_reads_it(value, size, ascii_only, indent):
    got = read(json.dumps(value, ensure_ascii=ascii_only, indent=indent), size)
    if isinstance(value, list):
        assert got == [("", index, one) for index, one in enumerate(value)]
    else:
        expected = []
        for key, inner in value.items():
            if isinstance(inner, list):
                expected += [(key, index, one) for index, one in enumerate(inner)]
            else:
                expected.append((key, -1, inner))
        assert got == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "where it ends"),
        ('"text"', "at '\"text\"'"),
        ("image,label\n", "at 'image,label\\n'"),
        ("[1, 2", "where it ends"),
        ("[1 2]", "at '2]'"),
        ("[1, tru]", "at 'tru]'"),
        ('{"a": 1', "where it ends"),
        ('{"a" 1}', "at '1}'"),
        ('{1: "a"}', "at ': \"a\"}'"),
        ('{"a": [1], "b": nothing}', "at 'nothing}'"),
        ("[1] [2]", "at '[2]'"),
        ("[" * 100_000, "at '["),
    ],
)
def test_other_text_is_refused_with_what_stands_there(text, told):
    with pytest.raises(DatasetRejected) as refused:
        read(text, 1000)
    assert str(refused.value).startswith(f"{FILE} is not the JSON of such a file {told}")
    assert str(refused.value).endswith(f"; accepted is {ACCEPTED}.")


def test_bytes_that_are_no_utf_8_are_refused():
    with pytest.raises(DatasetRejected) as refused:
        list(elements([b'["\xff"]'], FILE, ACCEPTED))
    assert str(refused.value) == f"{FILE} is not UTF-8 text; accepted is {ACCEPTED}."


def test_an_element_that_never_ends_is_refused_before_memory_is(monkeypatch):
    monkeypatch.setattr("customlabels.exports.streams.LONGEST_ELEMENT", 300_000)
    chunks = iter([b'["', *[b"x" * 1000] * 100_000])
    with pytest.raises(DatasetRejected):
        list(elements(chunks, FILE, ACCEPTED))
    assert sum(1 for _ in chunks) > 90_000  # the rest was never read


@given(st.lists(st.binary(max_size=10).map(lambda row: row.replace(b"\n", b"")), max_size=8), st.integers(1, 9))
def test_lines_do_not_depend_on_the_chunks(rows, size):
    data = b"".join(row + b"\n" for row in rows)
    assert list(text_lines(cut(data, size), FILE)) == rows
    assert list(text_lines(cut(data + b"last", size), FILE)) == [*rows, b"last"]


def test_a_line_far_too_long_is_refused(monkeypatch):
    monkeypatch.setattr("customlabels.exports.streams.LONGEST_ELEMENT", 1000)
    with pytest.raises(DatasetRejected) as refused:
        list(text_lines([b"x" * 600] * 2, FILE))
    assert str(refused.value) == f"{FILE} has a line of more than 1,000 bytes; accepted is a text."
