"""The report without AWS: what is counted, drawn and written, from plain facts."""

import json
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reporting.charts import charts, confused, cut
from reporting.document import document
from reporting.facts import Champion, Facts, Prices
from reporting.page import page
from reporting.pictures import SIDE, UnreadablePicture, thumbnail
from reporting.snapshot import BOXES, IMAGES, judged
from reporting.summary import read_summary
from reporting.tally import WORST, Tally

TRAINING, EVALUATION = "rekognition-custom-labels-training", "rekognition-custom-labels-evaluation"
DETAILS = "rekognition-custom-labels-evaluation-details"
MISCHIEF = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "零件检测",
    "$x^2$ & {{ 7 * 7 }} {% raw %}",
    "\x07bell\u202eturned",
    "x" * 255,
)


def line(image: str, shows: str, said: dict[str, tuple[float, bool]]) -> str:
    """A line of a snapshot: an image of one label; of each prediction its confidence, and whether it counts."""
    written: dict[str, Any] = {
        "source-ref": f"s3://data/{image}",
        f"{TRAINING}-0": 1,
        f"{TRAINING}-0-metadata": {
            "class-name": shows,
            "confidence": 1.0,
            "type": "groundtruth/image-classification",
        },
    }
    for number, (label, (confidence, counts)) in enumerate(said.items()):
        is_right = label == shows
        written[f"{EVALUATION}-{number}"] = 1
        written[f"{EVALUATION}-{number}-metadata"] = {
            "class-name": label,
            "confidence": confidence,
            DETAILS: {
                "is-true-positive": counts and is_right,
                "is-false-positive": counts and not is_right,
                "is-present-in-ground-truth": is_right,
            },
        }
    return json.dumps(written)


def box_line(truth: list[list[Any]], said: list[list[Any]]) -> str:
    """The same of boxes: [label, left, top, width, height], predictions followed by confidence and is-right."""
    labels = sorted({one[0] for one in (*truth, *said)})

    def placed(boxes: list[list[Any]]) -> dict[str, Any]:
        names = ("left", "top", "width", "height")
        return {
            "image_size": [{"width": 400, "height": 200, "depth": 3}],
            "annotations": [
                {"class_id": labels.index(one[0]), **dict(zip(names, one[1:5], strict=True))} for one in boxes
            ],
        }

    names = {str(number): label for number, label in enumerate(labels)}
    objects = [{"confidence": one[5], DETAILS: {"is-present-in-ground-truth": one[6]}} for one in said]
    return json.dumps(
        {
            "source-ref": "s3://data/boxes.png",
            f"{TRAINING}-0": placed(truth),
            f"{TRAINING}-0-metadata": {"class-map": names, "objects": [{"confidence": 1} for _ in truth]},
            EVALUATION: placed(said),
            f"{EVALUATION}-metadata": {"class-map": names, "objects": objects},
        }
    )


def summary(labels: list[str], f1: float = 0.9, nested: bool = False, **more: Any) -> dict[str, Any]:
    """A summary file in which a label's F1 is that of the one before it and a little more."""
    means: dict[str, Any] = {"F1Score": f1, "Precision": f1, "Recall": f1, **more}
    return {
        "EvaluationDetails": {"Labels": labels, "NumberOfTrainingImages": 40, "NumberOfTestingImages": 20},
        "AggregatedEvaluationResults": {"Metrics": means} if nested else means,
        "LabelEvaluationResults": [
            {
                "Label": label,
                "NumberOfTestingImages": 10,
                "Metrics": {"Threshold": 0.5, "Precision": f1, "Recall": f1, "F1Score": f1 + index / 10_000},
            }
            for index, label in enumerate(labels)
        ],
    }


def facts(labels: list[str], lines: list[str], **more: Any) -> Facts:
    """The facts of a run, with a champion that was a little worse."""
    confusion = [
        {"GroundTruthLabel": one, "PredictedLabel": other, "Value": 0.9 if one == other else 0.01}
        for index, one in enumerate(labels)
        for other in labels[index : index + 3]
    ]
    read = read_summary(summary(labels, ConfusionMatrix=confusion))
    tally = Tally(read.thresholds, read.known)
    tally.take(lines)
    verdict = {
        "accepted": False,
        "metric": "f1",
        "value": 0.9,
        "minimum": 0.95,
        "champion": 0.8,
        "reasons": ["low"],
    }
    event = {
        "project": "parts",
        "version": "run-2",
        "verdict": verdict,
        "cost": {"trainingSeconds": 7200, "inferenceUnits": 2},
    }
    given = {
        "event": event,
        "created": "2026-11-25T10:00:00+00:00",
        "prices": Prices(1.0, 4.0),
        "summary": read,
        "tally": tally,
        "champion": Champion("run-1", read_summary(summary(labels, 0.8))),
        **more,
    }
    return Facts(**given)


class Elements(HTMLParser):
    """The elements of a page as a browser finds them: names with attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, Any]]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.found.append((tag, attrs))


def made(found: Facts, pictures: dict[str, str] | None = None) -> tuple[dict[str, Any], str]:
    """The report as JSON and as a page, the first once written and read."""
    told = document(found)
    text = page(told, charts(told), pictures or {})
    return json.loads(json.dumps(told)), text


@pytest.mark.parametrize("nested", [False, True])
def test_both_documented_forms_of_the_summary(nested: bool) -> None:
    pairs = [{"GroundTruthLabel": "bolt", "PredictedLabel": "nut", "Value": 0.1}]
    read = read_summary(summary(["bolt", "nut"], 0.9, nested, ConfusionMatrix=pairs))
    assert (read.f1, read.test_images, read.confusion) == (0.9, 20, (("bolt", "nut", 0.1),))
    assert read.thresholds == {"bolt": 0.5, "nut": 0.5}
    boxes = read_summary(summary(["bolt"], 0.9, nested, AveragePrecision=0.8, AverageRecall=0.7))
    assert (boxes.average_precision, boxes.average_recall, boxes.confusion) == (0.8, 0.7, ())


def test_what_is_counted_of_images() -> None:
    tally = Tally({"bolt": 0.5, "nut": 0.25})
    tally.take(
        [
            line("a", "bolt", {"bolt": (0.9, True)}),
            line("b", "bolt", {"bolt": (0.3, False), "nut": (0.85, True)}),
            line("c", "nut", {}),
            line("d", "nut", {"nut": (0.6, True)}),
            "{",
            json.dumps(["no", "object"]),
            "",
        ]
    )
    assert (tally.kind, tally.images, tally.mistaken, tally.unreadable) == (IMAGES, 4, 2, 2)
    assert (tally.truth, tally.right, tally.wrong) == ({"bolt": 2, "nut": 2}, {"bolt": 1, "nut": 1}, {"nut": 1})
    counts = tally.micro()
    assert (counts["truePositives"], counts["falsePositives"], counts["falseNegatives"]) == (2, 1, 2)
    assert (counts["precision"], counts["recall"]) == (pytest.approx(2 / 3), 0.5)

    everything = tally.curve()
    points = {point["threshold"]: (point["precision"], point["recall"]) for point in everything["points"]}
    assert everything["completeFrom"] == 0.5  # of bolt, for wrong ones below it are not listed
    assert points[0.3] == (0.75, 0.75)  # what equals the threshold counts
    assert points[0.6] == (pytest.approx(2 / 3, abs=1e-6), 0.5)
    assert points[0.87] == (1.0, 0.25)
    assert points[1.0] == (None, 0.0)
    nut = tally.curve("nut")
    assert (nut["completeFrom"], nut["points"][70]) == (0.25, {"threshold": 0.7, "precision": 0.0, "recall": 0.0})


def test_the_worst_mistakes_come_first() -> None:
    tally = Tally({"bolt": 0.5, "nut": 0.5})
    tally.take(line(f"slight-{number}", "bolt", {"bolt": (0.49, False)}) for number in range(WORST + 10))
    tally.take([line("both", "bolt", {"bolt": (0.1, False), "nut": (0.99, True)}), line("silent", "bolt", {})])
    worst = tally.worst()
    assert tally.mistaken == WORST + 12
    assert [one["image"] for one in worst[:3]] == ["s3://data/both", "s3://data/silent", "s3://data/slight-0"]
    assert len(worst) == WORST
    assert [(one["error"], one["label"], one["confidence"]) for one in worst[0]["errors"]] == [
        ("false positive", "nut", 0.99),
        ("false negative", "bolt", 0.1),
    ]
    assert worst[1]["errors"][0]["confidence"] is None


def test_what_is_counted_of_boxes() -> None:
    place, other = [10, 20, 100, 50], [200, 20, 100, 50]
    text = box_line(
        [["bolt", *place], ["bolt", *other]],
        [["bolt", *place, 0.9, True], ["nut", *other, 0.8, False], ["bolt", *other, 0.0, True]],
    )
    one = judged(text, {"bolt": 0.5, "nut": 0.5})
    assert (one.kind, one.size, [said.counts for said in one.said]) == (BOXES, (400, 200), [True, True, False])
    tally = Tally({"bolt": 0.5, "nut": 0.5})
    tally.add(one)
    assert (tally.truth, tally.right, tally.wrong) == ({"bolt": 2}, {"bolt": 1}, {"nut": 1})
    (worst,) = tally.worst()
    assert [(error["error"], error["label"], error["confidence"]) for error in worst["errors"]] == [
        ("false negative", "bolt", None),
        ("false positive", "nut", 0.8),
    ]
    assert [(box["label"], box["isRight"]) for box in worst["predicted"]] == [("bolt", True), ("nut", False)]


def test_labels_that_the_model_does_not_know_do_not_count() -> None:
    tally = Tally({"bolt": 0.5}, ["bolt", "untested"])
    tally.take([line("a", "bolt", {"bolt": (0.9, True)}), line("b", "foreign", {})])
    assert (tally.truth, tally.mistaken) == ({"bolt": 1}, 0)


def test_the_json_agrees_with_the_page() -> None:
    lines = [line(f"{number}", "bolt", {"bolt": (0.9, True)}) for number in range(8)]
    lines += [
        line("wrong", "bolt", {"bolt": (0.2, False), "nut": (0.8, True)}),
        line("nut", "nut", {"nut": (0.7, True)}),
    ]
    runs = [
        {
            "version": "run-1",
            "started": "2026-11-20T08:00:00+00:00",
            "outcome": "promoted",
            "metrics": {"f1": 0.8125},
        },
        {"version": "run-0", "outcome": "failed", "error": "DatasetRejected", "metrics": None},
        {"version": "run-2", "outcome": "unchanged"},
    ]
    told, text = made(facts(["bolt", "nut"], lines, runs=runs))
    assert (told["form"], told["formVersion"], told["kind"]) == ("custom-labels-report", 1, IMAGES)
    assert [one["label"] for one in told["labels"]] == ["bolt", "nut"]
    bolt = told["labels"][0]
    assert (bolt["truePositives"], bolt["falseNegatives"], bolt["falsePositives"]) == (8, 1, 0)
    assert bolt["champion"]["f1"] == 0.8
    assert told["champion"]["differences"]["f1"] == pytest.approx(0.1)
    assert [run["version"] for run in told["history"]] == ["run-2", "run-1", "run-0"]
    assert told["cost"]["training"] == 2.0
    assert (told["cost"]["runningPerHour"], told["cost"]["runningPerDay"]) == (8.0, 192.0)
    for shown in (
        "Refused",
        '<li class="free">low</li>',
        f"<b>{told['verdict']['value']:.3f}</b>; the minimum is 0.950",
        f"<dd>{told['metrics']['precision']:.3f}",
        f"+{told['champion']['differences']['f1']:.3f}",
        "<dd>1<small>of 10 test images",
        "said <b><bdi>nut</bdi></b>: 80.0% (threshold 50.0%)",
        "missed <b><bdi>bolt</bdi></b>: 20.0% (threshold 50.0%)",
        "0.812",
        "failed: DatasetRejected",
        "192.00",
        "5,760.00",
    ):
        assert shown in text, shown


def test_nothing_from_outside_is_markup() -> None:
    labels = list(MISCHIEF)
    lines = [line(f"{label}.png", label, {label: (0.9, True), labels[0]: (0.8, True)}) for label in labels]
    lines.append(line("half", "\ud800half", {}))
    finding = {
        "code": "X<b>",
        "severity": "warning",
        "dataset": "training",
        "message": MISCHIEF[0],
        "count": 1,
        "examples": [{"label": MISCHIEF[1]}],
    }
    counts = dict.fromkeys(("lines", "usable", "ignored", "invalid", "duplicates", "read"), 1)
    findings = {
        "verdict": {"accepted": True, "cause": MISCHIEF[0]},
        "datasets": {"<b>training": counts},
        "labels": [{"label": label, "training": 1, "testing": None} for label in labels],
        "findings": [finding],
    }
    runs = [
        {"version": MISCHIEF[0], "outcome": "<i>", "error": MISCHIEF[1], "started": "<u>", "metrics": {"f1": 0.5}}
    ]
    told, text = made(
        facts(labels, lines, findings=findings, runs=runs), {f"s3://data/{MISCHIEF[0]}.png": "<b>no"}
    )
    for forbidden in ("<script", "<b>no", "<i>", "<u>", "X<b>"):
        assert forbidden not in text, forbidden
    elements = Elements(text).found
    assert {"img", "script", "object", "iframe", "link", "base", "form", "foreignobject"}.isdisjoint(
        name for name, _ in elements
    )
    addresses = [value for _, told in elements for key, value in told if key in ("src", "href", "xlink:href")]
    assert addresses
    assert all(address.startswith("#") for address in addresses)
    assert not [key for _, told in elements for key, _ in told if key.startswith("on")]
    assert "{{ 7 * 7 }}" in text
    for label in labels:
        assert label in unescape(text)
        assert label in {one["label"] for one in told["labels"]}
    assert "default-src 'none'" in text


def test_as_many_labels_and_images_as_there_may_be() -> None:
    labels = [
        f"{number:03d} " + "名" * (number % 3) + "n" * (251 if number % 5 == 0 else 9) for number in range(250)
    ]
    lines = (
        line(f"{number}.jpg", labels[number % 250], {labels[(number * 7) % 250]: (0.5 + number % 50 / 100, True)})
        for number in range(10_000)
    )
    found = facts(labels, [])
    assert found.tally is not None
    found.tally.take(lines)
    told, text = made(found)
    assert found.tally.images == 10_000
    assert len(told["labels"]) == 250
    assert len(told["mistakes"]["worst"]) == WORST
    # Of each test image only its predictions are kept, so that a full report of pictures still has room.
    picture = "data:image/jpeg;base64," + "A" * 15_000
    text = page(told, charts(told), {one["image"]: picture for one in told["mistakes"]["worst"]})
    assert text.count(picture) == WORST
    assert len(text.encode()) < 5_000_000
    assert all(f"<bdi>{label}</bdi>" in text for label in labels)
    assert "The worst 30 of 250 labels" in text
    assert "labels of the pairs confused most" in text


def test_nothing_that_is_missing_fails_a_report() -> None:
    bare = Facts(
        {"project": "parts", "version": "run-1"}, "soon", Prices(1, 1), missing={"summary": "It is <gone>."}
    )
    told, text = made(bare)
    assert (told["labels"], told["curves"], told["mistakes"], told["kind"]) == (None, None, None, None)
    assert "No verdict" in text
    assert "It is &lt;gone&gt;." in text
    lines = [line("a", "bolt", {"bolt": (0.9, True)})]
    for lacking in ("summary", "tally", "champion"):
        told, text = made(facts(["bolt", "nut"], lines, **{lacking: None}))
        assert "Compared with the champion" in text
    _, text = made(
        facts(["bolt"], lines, champion=Champion("run-1", None), missing={"champion": "It was deleted."})
    )
    assert "It was deleted." in text
    _, text = made(facts([], []))
    assert "no result for any label" in text
    boxes = read_summary(summary(["bolt"], AveragePrecision=0.9, AverageRecall=0.9))
    lost = {"snapshot": "The evaluation is lost."}
    told, text = made(facts(["bolt"], [], summary=boxes, tally=None, missing=lost))
    assert (told["kind"], told["boxes"], text.count("The evaluation is lost.")) == (BOXES, None, 3)
    odd = {"project": "parts", "version": "run-1", "verdict": {"accepted": 1, "metric": None, "reasons": None}}
    told, _ = made(facts(["bolt"], lines, event=odd))
    assert (told["verdict"]["accepted"], told["verdict"]["metric"], told["verdict"]["reasons"]) == (True, "f1", [])


def test_a_chart_is_text_in_the_colours_of_the_page() -> None:
    drawn = charts(document(facts(["bolt", "$nut$"], [line("a", "bolt", {"bolt": (0.9, True)})])))
    assert set(drawn) == {"labels", "curve", "worst", "confusion"}
    for name, text in drawn.items():
        assert 'role="img"' in text
        assert "aria-label=" in text
        assert "var(--ink)" in text or "var(--muted)" in text
        assert "<style" not in text
        assert all(part.startswith(f"{name}-") for part in text.split(' id="')[1:])
    assert "$nut$" in drawn["labels"]


def test_labels_are_cut_to_what_fits() -> None:
    assert cut("bolt") == "bolt"
    assert cut("x" * 20) == "x" * 20
    assert cut("x" * 21) == "x" * 19 + "…"
    assert cut("零" * 20) == "零" * 9 + "…"
    assert "\x00" not in cut("a\x00b")


def test_of_many_labels_those_that_are_confused_most() -> None:
    pairs = [{"true": f"{one:02d}", "predicted": f"{one:02d}", "value": 0.9} for one in range(40)]
    assert confused(pairs[:10]) == [f"{one:02d}" for one in range(10)]
    pairs += [{"true": "07", "predicted": "33", "value": 0.3}, {"true": "33", "predicted": "12", "value": 0.2}]
    assert confused(pairs) == ["07", "12", "33"]


def test_thumbnails_are_small_and_show_the_boxes() -> None:
    file = BytesIO()
    Image.new("RGB", (800, 400), "white").save(file, "PNG")
    mistake: dict[str, Any] = {"size": (800, 400), "truth": [{"label": "bolt", "box": [200, 100, 300, 200]}]}
    mistake["predicted"] = [{"label": "nut", "box": [600, 100, 100, 100], "isRight": False}]
    image = opened(thumbnail(file.getvalue(), mistake))
    assert image.size == (SIDE, SIDE // 2)
    red, _, blue = image.getpixel((40, 40))
    assert blue > red + 60  # the left side of the true box
    across = [image.getpixel((120, row)) for row in range(20, 41)]
    assert any(red > blue + 60 for red, _, blue in across)  # a dash of the predicted one
    assert image.getpixel((75, 40)) == pytest.approx((255, 255, 255), abs=8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_any_kind_of_picture(mode: str) -> None:
    file = BytesIO()
    Image.new(mode, (300, 100)).save(file, "JPEG" if mode == "CMYK" else "PNG")
    nothing: dict[str, Any] = {"size": None, "truth": [], "predicted": []}
    assert opened(thumbnail(file.getvalue(), nothing)).size == (SIDE, 53)


def opened(uri: str) -> Image.Image:
    import base64

    image = Image.open(BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
    assert image.format == "JPEG"
    return image.convert("RGB")


def test_a_file_that_is_no_picture() -> None:
    nothing: dict[str, Any] = {"size": None, "truth": [], "predicted": []}
    for data in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n broken"):
        with pytest.raises(UnreadablePicture, match="no PNG or JPEG"):
            thumbnail(data, nothing)
    file = BytesIO()
    Image.new("1", (4200, 4200)).save(file, "PNG")
    with pytest.raises(UnreadablePicture, match="4200 by 4200"):
        thumbnail(file.getvalue(), nothing)


def test_the_documentation_lists_every_member() -> None:
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text()
    told, _ = made(facts(["bolt", "nut"], [line("a", "bolt", {"nut": (0.9, True)})]))
    members = {
        *told,
        *told["verdict"],
        *told["metrics"],
        *told["labels"][0],
        *told["champion"],
        *told["history"][0],
    }
    members |= {*told["mistakes"], *told["mistakes"]["worst"][0], *told["curves"]["all"], *told["confusion"]}
    members |= {*told["cost"]} - {"trainingPrice", "inferencePrice"}
    assert not sorted(member for member in members if f"`{member}`" not in text)
    assert f"`{told['form']}`, {told['formVersion']}" in text
