"""The report as one HTML page: no script, and nothing is asked of any server."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from reporting.charts import SHOWN, confused, metric_name
from reporting.snapshot import BOXES

REASONS = 5  # of the verdict that are shown unfolded
PAIRS = 15  # confused pairs in the table
NOTHING = "\N{EN DASH}"  # stands for a value that is not there
CHANGES = 10  # labels that a comparison lists on either side

_HERE = Path(__file__).parent
_SECTIONS = (  # anchor, title
    ("labels", "Labels"),
    ("curves", "Precision and recall by threshold"),
    ("confusion", "What is taken for what"),
    ("boxes", "Boxes"),
    ("mistakes", "The worst mistakes"),
    ("champion", "Compared with the champion"),
    ("history", "History of versions"),
    ("findings", "Data findings"),
    ("cost", "Cost"),
)


def page(document: dict[str, Any], charts: dict[str, str], pictures: dict[str, str]) -> str:
    """The page of a report; every text of it is escaped.

    `charts` are svg elements as `charts.charts` gives them. `pictures` has a `data:` URI for each image of a
    mistake, or a sentence that says why there is none.
    """
    skipped = {"confusion"} if document["kind"] == BOXES else {"boxes"}
    confusion = document["confusion"]
    return _template().render(
        report=document,
        charts={name: Markup(text) for name, text in charts.items()},  # noqa: S704 (drawn by reporting.svg)
        pictures=pictures,
        sections=[one for one in _SECTIONS if one[0] not in skipped],
        style=Markup((_HERE / "page.css").read_text()),  # noqa: S704 (a file of this folder)
        confused=confused(confusion["pairs"]) if confusion else [],
        wrong=[pair for pair in confusion["pairs"] if pair["true"] != pair["predicted"]] if confusion else [],
        shown=SHOWN,
        pairs=PAIRS,
        reasons=REASONS,
        changes=CHANGES,
        nothing=NOTHING,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "metric": _metric,
        "signed": _signed,
        "share": _share,
        "count": _count,
        "money": _money,
        "duration": _duration,
        "when": _when,
        "date": lambda text: _when(text).removesuffix(" UTC"),
        "metric_name": metric_name,
        "file": lambda address: address.rsplit("/", 1)[-1],
    }
    return environment.get_template("page.html.j2")


def _metric(value: Any) -> str:
    return NOTHING if value is None else f"{float(value):.3f}"


def _signed(value: Any) -> str:
    """With a sign, and a true minus."""
    return NOTHING if value is None else f"{float(value):+.3f}".replace("-", "\N{MINUS SIGN}")


def _share(value: Any) -> str:
    return NOTHING if value is None else f"{float(value):.1%}"


def _count(value: Any) -> str:
    return NOTHING if value is None else f"{int(value):,}"


def _money(value: Any) -> str:
    return NOTHING if value is None else f"{float(value):,.2f}"


def _duration(seconds: Any) -> str:
    if seconds is None:
        return NOTHING
    whole = round(float(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole / 60:.0f} min" if whole < 3570 else f"{whole / 3600:.1f} h"


def _when(text: Any) -> str:
    """A time as it is read by people; as it stands where it is no ISO 8601."""
    if not text:
        return NOTHING
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    zone = " UTC" if found.utcoffset() is not None and not found.utcoffset() else ""
    return found.strftime("%Y-%m-%d %H:%M") + zone
