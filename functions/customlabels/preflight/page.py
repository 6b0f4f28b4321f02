"""The findings of a check as one page that a person can read anywhere: no request leaves it."""

from html import escape
from string import Template
from typing import Any

from customlabels.preflight.checks import Report

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; overflow-wrap: anywhere }
td.number, th.number { text-align: right }
section { border-left: .4rem solid #c80; padding: .1rem 1rem; margin: 1.5rem 0 }
section.error { border-color: #c22 }
code { font-size: .9em; overflow-wrap: anywhere }
</style>
<h1>$title</h1>
<p>$cause</p>
$datasets
$findings
$labels
</html>
""")
_COLUMNS = ("lines", "usable", "ignored", "invalid", "duplicates")


def page(report: Report, title: str) -> str:
    """The report as HTML; every text of it is escaped."""
    return _PAGE.substitute(
        title=escape(title),
        cause=escape(report.verdict.cause),
        datasets=_datasets(report.datasets),
        findings="\n".join(_finding(finding) for finding in report.to_json()["findings"]),
        labels=_labels(report.labels),
    )


def _datasets(datasets: dict[str, dict[str, Any]]) -> str:
    rows = []
    for name, counts in datasets.items():
        compared = ", ".join(f"{count:,} by {how}" for how, count in sorted(counts["compared"].items()))
        compared = compared.replace("by none", "by name only")
        numbers = [counts[column] for column in _COLUMNS]
        rows.append(_row([name, *numbers, counts["read"], compared]))
    return _table(["dataset", *_COLUMNS, "images read", "compared"], rows, numbers=range(1, 7))


def _finding(finding: dict[str, Any]) -> str:
    columns = [
        key for key in ("line", "item", "image", "label", "says") if any(key in one for one in finding["examples"])
    ]
    rows = [_row([one.get(column, "") for column in columns]) for one in finding["examples"]]
    return (
        f'<section class="{escape(finding["severity"])}">\n'
        f"<h2>{escape(finding['severity'].capitalize())}: {escape(finding['message'])}</h2>\n"
        f"<p><code>{escape(finding['code'])}</code></p>\n"
        f"{_table(columns, rows) if rows else ''}\n</section>"
    )


def _labels(labels: list[dict[str, Any]]) -> str:
    rows = [
        _row([one["label"], one["training"], "split off" if one["testing"] is None else one["testing"]])
        for one in labels
    ]
    return "<h2>Images of each label</h2>\n" + _table(["label", "training", "testing"], rows, numbers=(1, 2))


def _table(columns: list[str], rows: list[str], numbers: range | tuple[int, ...] = ()) -> str:
    head = "".join(
        f'<th class="number">{escape(name)}</th>' if index in numbers else f"<th>{escape(name)}</th>"
        for index, name in enumerate(columns)
    )
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(rows) + "\n</table>"


def _row(cells: list[Any]) -> str:
    return "<tr>" + "".join(map(_cell, cells)) + "</tr>"


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"
