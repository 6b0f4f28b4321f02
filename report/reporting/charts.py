"""The report's charts, drawn by matplotlib from the report's JSON.

They are as wide as a column of the page; long labels are cut, as the tables have them whole.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from reporting.snapshot import BOXES
from reporting.svg import BAD, BAR, CARD, GOOD, INK, LINE, MARK, MUTED, SIZE, drawing, inline

SHOWN = 30  # labels in a chart
WRITTEN = 14  # labels up to which the confusion matrix has its numbers written into it
_WIDTH = 480  # in the figure's units, a 72nd of an inch
_CELL = 6.9  # width of half an ideograph, or of a Latin letter
_LONGEST = 20  # cells of a label
_ROW = 21  # height of a bar with its gap
_NAMES = {"f1": "F1", "precision": "Precision", "recall": "Recall"}


def charts(document: dict[str, Any]) -> dict[str, str]:
    """Each chart that the report has the facts for, as an `svg` element by the name of its section."""
    drawn: dict[str, str] = {}
    with drawing():
        if document["labels"]:
            drawn["labels"] = _labels(document)
        if document["curves"]:
            drawn["curve"] = _curve(document["curves"]["all"])
            if document["curves"]["worst"]:
                drawn["worst"] = _worst(document["curves"]["worst"])
        if document["confusion"] and document["confusion"]["pairs"]:
            drawn["confusion"] = _confusion(document["confusion"])
        if document["kind"] == BOXES and document["labels"] and document["boxes"]:
            drawn["boxes"] = _boxes(document["labels"])
        if sum(run["f1"] is not None for run in document["history"]) > 1:
            drawn["history"] = _history(document["history"])
    return drawn


def metric_name(metric: str) -> str:
    """The metric as people write it."""
    return _NAMES.get(metric, metric)


def cut(label: str, longest: int = _LONGEST) -> str:
    """The label as it fits into a chart: so many cells, an ideograph taking two, and no control character."""
    shown, room = "", longest
    for letter in label:
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn"):
            letter = "\N{REPLACEMENT CHARACTER}"
        room -= _cells(letter)
        if room < 1 and len(shown) + 1 < len(label):
            return shown + "…"
        shown += letter
    return shown


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def confused(pairs: list[dict[str, Any]], most: int = SHOWN) -> list[str]:
    """The labels of a confusion matrix, sorted; of more than `most` those of the pairs confused most."""
    every = sorted({pair[side] for pair in pairs for side in ("true", "predicted")})
    if len(every) <= most:
        return every
    chosen: dict[str, None] = {}
    for pair in pairs:
        if pair["true"] != pair["predicted"]:
            new = {pair["true"], pair["predicted"]} - chosen.keys()
            if len(chosen) + len(new) <= most:
                chosen.update(dict.fromkeys(sorted(new)))
    return sorted(chosen)


def _figure(height: float, width: float = _WIDTH) -> Figure:
    return Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")


def _axes(figure: Figure, left: float, top: float, right: float, bottom: float) -> Axes:
    """Axes with these margins in the figure's units."""
    width, height = figure.get_figwidth() * 72, figure.get_figheight() * 72
    place = (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
    axes = figure.add_axes(place)
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)
    return axes


def _names(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels=[cut(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)


def _margin(labels: list[str]) -> float:
    return 14 + _CELL * max((_cells(cut(label)) for label in labels), default=0)


def _labels(document: dict[str, Any]) -> str:
    metric = document["verdict"]["metric"] if document["verdict"]["metric"] in _NAMES else "f1"
    rows = document["labels"][:SHOWN]
    names = [row["label"] for row in rows]
    figure = _figure(_ROW * len(rows) + 70)
    axes = _axes(figure, _margin(names), 32, 48, 38)
    values = [row[metric] for row in rows]
    axes.barh(range(len(rows)), values, height=0.62, color=BAR)
    for index, value in enumerate(values):
        axes.text(1.02, index, f"{value:.3f}", va="center", color=INK)
    before = [(row["champion"][metric], index) for index, row in enumerate(rows) if row["champion"]]
    if before:
        _mark(axes, before, "D", 5, MARK, "champion")
    mean = document["metrics"][metric]
    axes.axvline(mean, color=INK, linewidth=1, linestyle=(0, (4, 3)), label=f"mean {mean:.3f}")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, borderaxespad=0.2, handlelength=1.6)
    _names(axes, names)
    axes.set_xlim(0, 1)
    axes.set_xlabel(metric_name(metric))
    axes.grid(axis="x", linewidth=0.7)
    axes.spines["bottom"].set_visible(False)
    worst = ", ".join(f"{cut(row['label'])} {row[metric]:.3f}" for row in rows[:3])
    return inline(
        figure,
        "labels",
        f"Bars of {metric_name(metric)} for {len(rows)} labels, worst first: {worst}. Mean {mean:.3f}. "
        "The table below has every label.",
    )


def _curve(curve: dict[str, Any]) -> str:
    figure = _figure(300)
    axes = _axes(figure, 52, 32, 16, 46)
    _draw_curve(axes, curve)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, borderaxespad=0.2, handlelength=1.6)
    axes.set_xlabel("Confidence threshold, the same for every label")
    return inline(figure, "curve", _told(curve, "all predictions together"))


def _worst(curves: list[dict[str, Any]]) -> str:
    rows = (len(curves) + 1) // 2
    figure = _figure(200 * rows + 40)
    width, height = 0.37, 128 / (200 * rows + 40)
    for number, curve in enumerate(curves):
        bottom = 1 - ((number // 2 + 1) * 200 - 24) / (200 * rows + 40)
        axes = figure.add_axes((0.115 + number % 2 * 0.5, bottom, width, height))
        axes.set_facecolor("none")
        axes.tick_params(length=0, pad=5)
        axes.set_title(cut(curve["label"], 26), fontweight="bold")
        _draw_curve(axes, curve)
        axes.axvline(curve["completeFrom"], color=INK, linewidth=1, linestyle=(0, (1, 2)), label="own threshold")
        axes.set_xticks((0, 0.25, 0.5, 0.75, 1), labels=("0", "", "0.5", "", "1"))
        if number == 0:
            handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="lower left", ncols=4, bbox_to_anchor=(0.02, 0), handlelength=1.4, columnspacing=1
    )
    return inline(figure, "worst", " ".join(_told(curve, f"label {cut(curve['label'])}") for curve in curves))


def _draw_curve(axes: Axes, curve: dict[str, Any]) -> None:
    cuts = np.array([point["threshold"] for point in curve["points"]])
    for name, colour in (("precision", BAR), ("recall", MARK)):
        values = np.array([np.nan if point[name] is None else point[name] for point in curve["points"]])
        sure = (cuts >= curve["completeFrom"]) | (name == "recall")
        axes.plot(cuts, np.where(sure, values, np.nan), color=colour, linewidth=2, label=name)
        if not sure.all():
            # One point more, so that the two parts of the line meet.
            joined = ~sure | (np.append(~sure, False)[:-1]) | np.append(False, ~sure)[:-1]
            axes.plot(
                cuts,
                np.where(joined, values, np.nan),
                color=colour,
                linewidth=1.6,
                linestyle=(0, (3, 2)),
                label="at most",
            )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.grid(linewidth=0.7)


def _told(curve: dict[str, Any], what: str) -> str:
    points = [point for point in curve["points"] if point["threshold"] in (0.25, 0.5, 0.75)]
    told = "; ".join(
        f"at {point['threshold']}: precision {_percent(point['precision'])}, recall {_percent(point['recall'])}"
        for point in points
    )
    return f"Precision and recall of {what} by confidence threshold: {told}."


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _confusion(confusion: dict[str, Any]) -> str:
    labels = confused(confusion["pairs"])
    index = {label: number for number, label in enumerate(labels)}
    values = np.zeros((len(labels), len(labels)))
    for pair in confusion["pairs"]:
        if pair["true"] in index and pair["predicted"] in index:
            values[index[pair["true"]], index[pair["predicted"]]] = pair["value"]
    longest = 14 if len(labels) > WRITTEN else _LONGEST
    margin = 36 + _CELL * max(_cells(cut(label, longest)) for label in labels)
    # Few labels get larger cells, but not so large that the chart is mostly paper.
    cell = min((_WIDTH - margin - 8) / len(labels), 64)
    side = cell * len(labels)
    below = _below(labels, longest, cell)
    figure = _figure(side + below + 30, margin + side + 8)
    axes = _axes(figure, margin, 6, 8, below + 24)
    _cells_of(axes, values, confusion["areShares"], len(labels) <= WRITTEN)
    shown = [cut(label, longest) for label in labels]
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels=shown)
    upright = below > 20
    axes.set_xticks(np.arange(len(labels)) + 0.5, labels=shown, rotation=90 if upright else 0)
    size = min(SIZE, cell * 0.8)
    axes.tick_params(labelsize=size, labelcolor=INK)
    axes.set_ylim(len(labels), 0)
    axes.set_xlim(0, len(labels))
    axes.set_xlabel("Predicted label")
    axes.set_ylabel("True label", labelpad=8)
    for spine in axes.spines.values():
        spine.set_visible(False)
    wrong = [pair for pair in confusion["pairs"] if pair["true"] != pair["predicted"]][:3]
    told = ", ".join(f"{cut(pair['true'])} taken for {cut(pair['predicted'])}" for pair in wrong) or "none"
    return inline(
        figure,
        "confusion",
        f"Confusion matrix of {len(labels)} labels. Confused most: {told}. The table has the pairs.",
    )


def _below(labels: list[str], longest: int, cell: float) -> float:
    """Height of the names below the matrix: they stand upright where they are wider than a cell."""
    widest = _CELL * max(_cells(cut(label, longest)) for label in labels)
    return 16 if widest < cell else widest + 8


def _cells_of(axes: Axes, values: Any, are_shares: bool, is_written: bool) -> None:
    highest = values.max() or 1
    colours = np.zeros((*values.shape, 4))
    diagonal = np.eye(len(values), dtype=bool)
    colours[..., :3] = np.where(diagonal[..., None], to_rgb(GOOD), to_rgb(BAD))
    # A root, so that one mistake among many is seen; not opaque, so that the numbers are.
    colours[..., 3] = np.sqrt(values / highest) * 0.6
    for row, column in np.argwhere(values).tolist():
        square = Rectangle((column, row), 1, 1, facecolor=colours[row, column], edgecolor="none")
        axes.add_patch(square)
        if is_written:
            value = values[row, column]
            text = f"{value:.0%}" if are_shares else f"{value:g}"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", size=SIZE - 1)
    axes.set_xticks(np.arange(len(values) + 1), minor=True)
    axes.set_yticks(np.arange(len(values) + 1), minor=True)
    axes.grid(which="minor", linewidth=0.6)
    axes.tick_params(which="minor", length=0)


def _mark(
    axes: Axes, points: Sequence[tuple[float, float]], marker: str, size: float, colour: str, name: str
) -> None:
    across, up = zip(*points, strict=True)
    axes.plot(
        across,
        up,
        marker,
        markersize=size,
        color=colour,
        markeredgecolor=CARD,
        markeredgewidth=0.8,
        clip_on=False,
        zorder=3,
        label=name,
    )


def _boxes(labels: list[dict[str, Any]]) -> str:
    rows = labels[:SHOWN]
    names = [row["label"] for row in rows]
    figure = _figure(_ROW * len(rows) + 70)
    axes = _axes(figure, _margin(names), 32, 16, 38)
    start = np.zeros(len(rows))
    for key, name, colour in (
        ("truePositives", "found", GOOD),
        ("falseNegatives", "missed", MARK),
        ("falsePositives", "wrong", BAD),
    ):
        counts = np.array([row[key] or 0 for row in rows])
        axes.barh(range(len(rows)), counts, left=start, height=0.62, color=colour, label=name)
        start = start + counts
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, borderaxespad=0.2, handlelength=1.2)
    _names(axes, names)
    axes.set_xlabel("Boxes")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.grid(axis="x", linewidth=0.7)
    axes.spines["bottom"].set_visible(False)
    total = [sum(row[key] or 0 for row in rows) for key in ("truePositives", "falseNegatives", "falsePositives")]
    return inline(
        figure,
        "boxes",
        f"Boxes of {len(rows)} labels, worst first: {total[0]} found, {total[1]} missed, {total[2]} wrong. "
        "The table below has every label.",
    )


def _history(history: list[dict[str, Any]]) -> str:
    runs = [run for run in reversed(history) if run["f1"] is not None]
    figure = _figure(230)
    axes = _axes(figure, 44, 32, 16, 32)
    values = [float(run["f1"]) for run in runs]
    axes.plot(range(len(runs)), values, color=BAR, linewidth=2, zorder=2)
    for name, marker, colour, belongs in (
        ("put live", "o", GOOD, lambda run: run["outcome"] in ("promoted", "switched")),
        ("failed", "X", BAD, lambda run: run["outcome"] == "failed"),
        ("this version", "D", MARK, lambda run: run["isThis"]),
    ):
        chosen = [(index, values[index]) for index, run in enumerate(runs) if belongs(run)]
        if chosen:
            _mark(axes, chosen, marker, 7, colour, name)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, borderaxespad=0.2, handlelength=1)
    low = min(values)
    axes.set_ylim(max(0, low - max(0.02, (1 - low) * 0.3)), 1.01)
    axes.set_xlim(-0.4, len(runs) - 0.6)
    axes.set_xticks([0, len(runs) - 1], labels=["oldest", "this version"])
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.get_xticklabels()[1].set_horizontalalignment("right")
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.grid(axis="y", linewidth=0.7)
    axes.spines["left"].set_color(LINE)
    told = ", ".join(f"{cut(run['version'])} {run['f1']:.3f}" for run in runs[-5:])
    return inline(figure, "history", f"F1 of {len(runs)} versions, oldest first; the last ones: {told}.")
