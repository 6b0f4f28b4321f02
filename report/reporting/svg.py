"""Figures as SVG that stands within a page: small, in the page's own colours, and safe beside other figures."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

# Stand-ins that matplotlib draws with; the page's style sheet has the true colours, another set in the dark.
INK, MUTED, LINE = "#010203", "#020304", "#030405"
BAR, GOOD, BAD, MARK, CARD = "#040506", "#050607", "#060708", "#070809", "#08090a"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    BAR: "--bar",
    GOOD: "--good",
    BAD: "--bad",
    MARK: "--mark",
    CARD: "--card",
}
SIZE = 12  # of text, in the figure's own units: a 72nd of an inch of its width

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_SETTINGS: Any = {  # of matplotlib
    "svg.fonttype": "none",  # text stays text: small, selectable, and in the reader's own fonts
    "text.parse_math": False,  # a label may hold dollar signs
    "font.size": SIZE,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": SIZE,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "legend.frameon": False,
    "legend.fontsize": SIZE,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Everything that makes or writes a figure is done inside."""
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # Its own font, with which it measures, lacks Chinese; the reader's browser has it.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def inline(figure: Figure, name: str, alternative: str) -> str:
    """The figure as an `svg` element; `name` is unique within the page, `alternative` says what it shows."""
    file = BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(file.getvalue())  # noqa: S314 (it was written here)
    _strip(root)
    _rename(root, name)
    root.attrib.pop("height", None)
    root.attrib.pop("width", None)
    root.set("role", "img")
    root.set("aria-label", alternative)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    text = ElementTree.tostring(root, encoding="unicode")
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text


def _strip(root: ElementTree.Element) -> None:
    """Take out the metadata, and the style sheet, which would hold for the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)


def _rename(root: ElementTree.Element, name: str) -> None:
    """Make the identifiers that are referred to unique within the page, and take out the others."""
    link = f"{{{_LINK}}}href"
    used = {value[1:] for one in root.iter() if (value := one.get(link, "")).startswith("#")}
    used |= {found for one in root.iter() for value in one.attrib.values() for found in _REFERENCE.findall(value)}
    short = {old: f"{name}-{number}" for number, old in enumerate(sorted(used))}
    for one in root.iter():
        if "id" in one.attrib and one.attrib["id"] not in short:
            del one.attrib["id"]
        for key, value in one.attrib.items():
            if key == "id":
                one.set(key, short[value])
            elif key == link and value.startswith("#"):
                one.set(key, "#" + short[value[1:]])
            elif "url(#" in value:
                one.set(key, _REFERENCE.sub(lambda found: f"url(#{short[found.group(1)]})", value))
