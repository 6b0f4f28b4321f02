"""What a batch decides: how fast it asks, what is missing, what its lines say, and what came of it."""

import io
import itertools
import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.response import StreamingBody
from customlabels.batching import asking, lines, planning
from customlabels.batching.asking import IN_A_ROW, TRIES, Asking
from customlabels.batching.holding import Use, is_to_stop
from customlabels.batching.index import Index, slices
from customlabels.batching.listing import address_of, pages
from customlabels.batching.pacing import LEAST, Throttle, share
from customlabels.batching.places import Places
from customlabels.batching.planning import Planner, begin, still_busy
from customlabels.batching.rounds import first, following
from customlabels.batching.summary import Tally, exceeds, most, summary_of, too_many
from customlabels.costs import Prices
from customlabels.errors import InvalidInput
from customlabels.polling import begin as begin_poll

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PLACES = Places.of("s3://data/batch/out/", "one", "run-1")


class Store:
    """As much of S3 as batches use, in memory."""

    def __init__(self, **objects):
        self.objects = {key: (body, NOW) for key, body in objects.items()}

    def put_object(self, **asked):
        self.objects[asked["Key"]] = (asked["Body"], NOW)

    def get_object(self, **asked):
        body = self.objects[asked["Key"]][0][int(asked.get("Range", "bytes=0-")[6:-1]) :]
        return {"Body": StreamingBody(io.BytesIO(body), len(body))}

    def head_object(self, **asked):
        return {"ContentLength": len(self.objects[asked["Key"]][0])}

    def list_objects_v2(self, **asked):
        found = [
            {"Key": key, "Size": len(body), "LastModified": at}
            for key, (body, at) in sorted(self.objects.items())
            if key.startswith(asked["Prefix"]) and key > asked.get("StartAfter", "")
        ]
        return {"Contents": found} if found else {}

    def get_paginator(self, _name):
        def paginate(**asked):
            found = self.list_objects_v2(**asked).get("Contents", [])
            for at in range(0, len(found), 3):  # S3 gives 1,000
                yield {"Contents": found[at : at + 3]}

        return SimpleNamespace(paginate=paginate)

    def json(self, key):
        return json.loads(self.objects[key][0])


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


# How fast.


@pytest.mark.parametrize(
    ("per_unit", "units", "concurrency", "rate"),
    [(5, 1, 1, 5), (5, 5, 1, 25), (10, 5, 2, 25), (26, 1, 2, 13), (0.5, 1, 1, 0.5), (100, 5, 20, 25)],
)
def test_the_pace_is_that_of_the_units_in_even_shares(per_unit, units, concurrency, rate):
    assert share(per_unit, units) == (concurrency, rate)


def test_calls_are_spaced_evenly_and_never_closer_than_allowed():
    clock = Clock()
    throttle = Throttle(10, clock, clock.sleep)
    turns = []
    for _ in range(50):
        assert throttle.wait(1000)
        turns.append(clock())
    assert min(later - earlier for earlier, later in itertools.pairwise(turns)) >= 0.1 - 1e-9
    assert turns[-1] - turns[0] == pytest.approx(4.9)


def test_a_busy_model_is_asked_more_slowly_and_then_faster_again():
    clock = Clock()
    throttle = Throttle(20, clock, clock.sleep)
    rates = []
    for _ in range(400):  # it answers five a second, and refuses all the others
        throttle.wait(1000)
        rates.append(throttle.rate)
        if throttle.rate > 5:
            throttle.refused()
    assert rates[0] == 20
    assert 4 < sum(rates[-50:]) / 50 < 7
    clock.sleep(60)
    throttle.wait(1000)
    assert throttle.rate == 20


def test_the_rate_has_a_bottom_and_the_wait_an_end():
    clock = Clock()
    throttle = Throttle(20, clock, clock.sleep)
    for _ in range(1000):
        throttle.refused()
    assert throttle.rate == LEAST
    assert throttle.wait(clock() + 1)
    assert not throttle.wait(clock() + 1)  # the next turn is five seconds later


# What is missing.


def test_an_index_knows_what_was_noted_in_its_slice():
    images = [f"s3://data/{n}.png" for n in range(1000)]
    parts = [Index(part, 3) for part in range(3)]
    for part in parts:
        part.add(images[::2])
    stored = [Index(part.part, 3, part.stored) for part in parts]
    missing = [part.missing([*images, *images]) for part in stored]
    assert sorted(itertools.chain(*missing)) == sorted(images[1::2])
    assert sum(part.mine(images) for part in parts) == len(images)


def test_an_index_is_cut_so_that_a_slice_stays_small():
    assert (slices(0), slices(499 * 1024**2), slices(2 * 1024**3)) == (1, 1, 5)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://other/a b.png", "s3://other/a b.png"),
        ("shots/1.png", "s3://data/shots/1.png"),
        ('{"source-ref": "s3://other/1.png", "label": 1}', "s3://other/1.png"),
        ('{"image": "shots/ü.png"}', "s3://data/shots/ü.png"),
        ('{"key": "1.png"}', "s3://data/1.png"),
        ('"shots/1.png"', "s3://data/shots/1.png"),
        ("", None),
    ],
)
def test_a_line_of_a_manifest_names_an_image(text, address):
    assert address_of(text, "data") == address


@pytest.mark.parametrize("text", ["{", '{"name": "1.png"}', '{"image": 1}', "s3://"])
def test_a_line_that_names_none_is_refused(text):
    with pytest.raises(InvalidInput, match="A line of the manifest is"):
        address_of(text, "data")


def test_a_manifest_is_read_on_from_where_a_call_has_stopped(monkeypatch):
    monkeypatch.setattr("customlabels.batching.listing.LINES", 4)
    text = "".join(f"shots/{'ü' * n}{n}.png\r\n" for n in range(10)) + "\nlast.png"
    store = Store(list=text.encode())
    whole = list(pages(store, "manifest", "s3://data/list", None))
    assert sum(len(page.images) for page in whole) == 11
    assert [list(pages(store, "manifest", "s3://data/list", page.token)) for page in whole] == [
        whole[at:] for at in range(1, len(whole) + 1)
    ]


def folder(count):
    return Store(**{f"shots/{n:03}.png": b"image" for n in range(count)}, **{"shots/notes.txt": b"x"})


def planned(store, plan=None, size=4):
    made = Planner(store, PLACES, size).plan(plan or begin(begin_poll(5, 60, 3600)), "images", "s3://data/shots/")
    chunks = [image for n in range(1, made["chunks"] + 1) for image in store.json(PLACES.chunk(n))]
    return made, chunks


def test_a_plan_holds_every_image_that_has_no_line():
    store = folder(10)
    plan, images = planned(store)
    assert (plan["done"], plan["images"], plan["chunks"]) == (True, 10, 3)
    assert images == [f"s3://data/shots/{n:03}.png" for n in range(10)]
    assert store.json(PLACES.round(1)) == [{"chunk": 1}, {"chunk": 2}, {"chunk": 3}]
    told = [lines.answer(image, "one", []) for image in images[:5]] + [lines.failure(images[7], "Bad", "so")]
    store.put_object(Key=f"{PLACES.results}earlier-000001-x.jsonl", Body="\n".join(told).encode())
    again, left = planned(store)
    assert (again["images"], left) == (10, [images[5], images[6], *images[8:]])


def test_a_plan_is_made_in_many_calls_and_slices(monkeypatch):
    monkeypatch.setattr(planning, "SECONDS", 0)
    monkeypatch.setattr("customlabels.batching.index.SLICE_BYTES", 300)
    store = folder(30)
    for at in range(0, 20, 2):
        told = [lines.answer(f"s3://data/shots/{n:03}.png", "one", []) for n in (at, at + 1)]
        store.put_object(Key=f"{PLACES.results}earlier-{at:06}-x.jsonl", Body="\n".join(told).encode())
    plan, calls = begin(begin_poll(5, 60, 3600)), 0
    while not plan["done"]:
        plan, images = planned(store, plan)
        calls += 1
        assert plan == json.loads(json.dumps(plan))  # as it travels in the state
    assert calls > 10
    assert plan["images"] == 30
    assert sorted(images) == [f"s3://data/shots/{n:03}.png" for n in range(20, 30)]


def test_a_plan_waits_for_a_mark_that_is_fresh():
    store = folder(3)
    store.objects[PLACES.busy_mark(1)] = (b"", datetime.now(UTC))
    plan, _ = planned(store)
    assert (plan["wait"], plan["done"], plan["poll"]["seconds"]) == (True, False, 5)
    assert not still_busy(store, PLACES, datetime.now(UTC) + timedelta(minutes=17))


def test_a_batch_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(planning, "CHUNKS", 2)
    with pytest.raises(InvalidInput, match="more than 2 chunks of 4"):
        planned(folder(10))


# What is asked.


def refused(code, status=400):
    return ClientError(
        {"Error": {"Code": code, "Message": "so"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Detect"
    )


class Model:
    """Answers of a model: those that are planned for a key, the last of them again and again."""

    def __init__(self, **planned):
        self.planned, self.asked = {key: list(of) for key, of in planned.items()}, []

    def detect_custom_labels(self, **given):
        key = given["Image"]["S3Object"]["Name"]
        options = {name: value for name, value in given.items() if name not in ("ProjectVersionArn", "Image")}
        self.asked.append((key, options))
        left = self.planned.get(key, [None])
        error = left.pop(0) if len(left) > 1 else left[0]
        if error:
            raise error
        return {"CustomLabels": [{"Name": "bolt", "Confidence": 90.0}]}


def ask(model, *images, last=False, options=None):
    throttle = Throttle(1e6)
    asked = Asking(
        model, "arn", "one", options or {}, throttle, time.monotonic() + 60, last=last, sleep=lambda _: None
    ).ask([f"s3://data/{image}" for image in images])
    return [json.loads(line) for line in asked.lines], asked


def test_each_image_gets_its_line_in_order():
    model = Model(b=[refused("InvalidImageFormatException")], c=[refused("ImageTooLargeException")])
    told, asked = ask(model, "a", "b", "c", options={"MinConfidence": 50})
    assert told == [
        {"image": "s3://data/a", "Model": "one", "Predictions": [{"Name": "bolt", "Confidence": 90.0}]},
        {"image": "s3://data/b", "error": "InvalidImageFormatException: so"},
        {"image": "s3://data/c", "error": "ImageTooLargeException: so"},
    ]
    assert (asked.left, asked.error) == (0, None)
    assert all(given == {"MinConfidence": 50} for _, given in model.asked)


@pytest.mark.parametrize("code", sorted(asking.BUSY))
def test_a_busy_model_is_asked_as_often_as_it_takes(code):
    model = Model(a=[refused(code)] * 50 + [None])
    told, asked = ask(model, "a")
    assert (len(told), asked.left, len(model.asked)) == (1, 0, 51)


@pytest.mark.parametrize("fault", [refused("InternalServerError", 500), ReadTimeoutError(endpoint_url="x")])
def test_a_fault_of_the_service_is_tried_again_and_then_left(fault):
    assert ask(Model(a=[fault] * (TRIES - 1) + [None]), "a")[1].left == 0
    told, asked = ask(Model(a=[fault]), "a", "b")
    assert ([line["image"] for line in told], asked.left, asked.error) == (["s3://data/b"], 1, None)
    told, asked = ask(Model(a=[fault]), "a", "b", last=True)
    assert asked.left == 0
    assert told[0]["error"].startswith(("InternalServerError: so", "ReadTimeoutError: "))


def test_a_service_that_is_down_ends_the_call():
    names = [f"i{n}" for n in range(3 * IN_A_ROW)]
    model = Model(**{name: [refused("InternalServerError", 500)] for name in names})
    told, asked = ask(model, *names, last=True)
    assert asked.left > IN_A_ROW
    assert isinstance(asked.error, ClientError)
    assert len(told) < IN_A_ROW


@pytest.mark.parametrize(
    ("code", "raises"), [("AccessDeniedException", True), ("ResourceNotReadyException", False)]
)
def test_what_concerns_the_model_ends_the_call(code, raises):
    told, asked = ask(Model(b=[refused(code)]), "b", "b")
    assert (told, asked.left, asked.error is not None) == ([], 2, raises)


# Who stops the model.


@pytest.mark.parametrize(
    ("use", "stops"),
    [
        (Use(live=True, marked=True, held=False, at_work=False), True),
        (Use(live=True, marked=True, held=False, at_work=True), True),
        (Use(live=True, marked=True, held=True, at_work=False), False),
        (Use(live=True, marked=False, held=False, at_work=False), False),
        (Use(live=False, marked=False, held=False, at_work=False), True),
        (Use(live=False, marked=True, held=False, at_work=True), False),
        (Use(live=False, marked=True, held=True, at_work=False), False),
    ],
)
def test_who_leaves_a_model_stops_it_only_if_nobody_is_to_have_it(use, stops):
    assert is_to_stop(use) is stops


# What came of it.


def test_rounds_that_bring_nothing_are_counted():
    poll = begin_poll(1, 1, 1)
    round_ = {**first("1.json", 5, poll), "began": "then"}
    round_ = following(round_, "2.json", 5, 0, poll, NOW)
    assert (round_["number"], round_["stalled"], round_["began"]) == (2, 1, "then")
    assert following(round_, "3.json", 5, 1, poll, NOW)["stalled"] == 0


def tally():
    counted = Tally()
    found = [{"Name": "bolt"}, {"Name": "bolt"}, {"Name": "nut"}]
    counted.add([{"image": "s3://d/1", "Model": "one", "Predictions": found}] * 3, own=True)
    counted.add([{"image": "s3://d/2", "error": "ImageTooLargeException: it is: large"}], own=False)
    return counted


def test_lines_are_counted_by_image():
    counted = tally()
    assert (counted.answered, counted.failed, counted.asked, counted.images) == (3, 1, 3, 4)
    assert counted.labels == {"bolt": 3, "nut": 3}
    assert counted.reasons == {"ImageTooLargeException": 1}
    assert Tally(**json.loads(json.dumps(counted.given))) == counted


def test_what_is_tolerated_is_a_share_of_the_images():
    assert not exceeds(tally(), 0.25)
    assert exceeds(tally(), 0.24)
    assert not exceeds(Tally(), 0)
    assert too_many(tally(), 0.2, "s3://s").startswith(
        "1 of 4 images failed, 25.0%; tolerated are 20.0%: ImageTooLargeException 1."
    )


def test_the_summary_tells_pace_and_cost_of_this_execution():
    model = {"arn": "arn", "version": "one", "units": {"MinInferenceUnits": 2}}
    round_ = {**first("1", 0, begin_poll(1, 1, 1)), "began": NOW.isoformat()}
    round_["ended"] = (NOW + timedelta(hours=1)).isoformat()
    event = {"project": "parts", "execution": "e", "model": model, "round": round_, "tolerated": 0.05}
    whole, result = summary_of(event, tally(), PLACES, Prices(1, 4))
    assert (whole["seconds"], whole["cost"]) == (3600, {"inferenceUnits": 2, "amount": 8.0})
    assert result["results"] == "s3://data/batch/out/one/"
    assert result["summary"] == "s3://data/batch/out/_summary.json"
    assert "examples" not in result


def test_the_state_holds_the_most_frequent_labels_only():
    counts = {f"label {n}": n for n in range(250)}
    assert list(most(counts)) == [f"label {n}" for n in range(249, 229, -1)]
