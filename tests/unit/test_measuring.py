"""A slice of a measurement, whatever the answers to it."""

import pytest
from customlabels import measuring
from customlabels.measuring import Busy, GivenUp, Row, ask_slice, begin
from customlabels.outcomes import Thing
from customlabels.snapshots import JudgedImage
from hypothesis import given
from hypothesis import strategies as st

PLACE = {"Bucket": "data", "Name": "x.json"}


def images(count):
    return iter([JudgedImage(f"s3://data/{n}.png", (Thing("bolt", None),), (), None) for n in range(count)])


def ask(answers):
    """Answers an image as its number says: a row, a failed one, or an error."""

    def one(image):
        answer = answers[int(image.reference.split("/")[-1].removesuffix(".png"))]
        if isinstance(answer, Exception):
            raise answer
        return Row(image.reference, answer)

    return one


def test_a_model_that_is_busy_is_asked_again_from_there():
    rows = []
    first = ask_slice(images(6), begin(PLACE, 6), ask([False, False, Busy("x"), False, False, False]), rows.append)
    assert (first["done"], first["asked"], first["part"], first["note"]) == (False, 2, 1, None)
    second = ask_slice(images(6), first, ask([False] * 6), rows.append)
    assert (second["done"], second["asked"], second["note"]) == (True, 6, None)
    assert rows == [image.reference for image in images(6)]


def test_a_model_that_answers_nothing_in_a_whole_slice_is_given_up():
    end = ask_slice(images(3), begin(PLACE, 3), ask([Busy("ThrottlingException")] * 3), [].append)
    assert end["done"] is True
    assert end["note"] == "the live version has no capacity left to be measured (ThrottlingException)"


def test_what_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(measuring, "SLICES", 3)
    monkeypatch.setattr(measuring, "SECONDS", -1)
    measure, calls = begin(PLACE, 5), 0
    while not measure["done"]:
        measure, calls = ask_slice(images(5), measure, ask([False] * 5), [].append), calls + 1
    assert calls == 3
    assert measure["note"] == "only 0 of 5 test images were measured in the time allowed"


@pytest.mark.parametrize(
    ("count", "failed", "ends"), [(6, 1, False), (6, 2, True), (100, 5, False), (100, 6, True)]
)
def test_a_twentieth_of_the_images_may_fail_and_one_always(count, failed, ends):
    answers = [True] * failed + [False] * (count - failed)
    end = ask_slice(images(count), begin(PLACE, count), ask(answers), [].append)
    assert end["done"] is True
    assert (end["note"] is not None) is ends


answers = st.sampled_from([False, True, Busy("busy"), GivenUp("stopped")])


@given(st.lists(answers, max_size=80), st.integers(1, 9))
def test_each_image_is_written_once_and_the_end_is_reached(told, batch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "BATCH", batch)
        rows, measure, told = [], begin(PLACE, len(told)), list(told)
        while not measure["done"]:
            before = measure["asked"]
            measure = ask_slice(images(len(told)), measure, ask(told), rows.append)
            told[measure["asked"] :] = [
                False if isinstance(one, Busy) else one for one in told[measure["asked"] :]
            ]
            assert measure["done"] or measure["asked"] > before
        assert rows == [image.reference for image in images(measure["asked"])]
        assert measure["note"] or measure["asked"] == len(told)
