import re
from html.parser import HTMLParser

from customlabels.preflight.checks import Preflight
from customlabels.preflight.line_checks import Facts
from customlabels.preflight.page import page

from tests.unit.test_line_checks import label, line

EVIL = "<script>alert('x')</script>&\"$cause"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def shown():
    preflight = Preflight()
    preflight.add("training", line(label(EVIL), **{"source-ref": f"s3://b-1/{EVIL}"}), Facts(content="etag:1"))
    preflight.add("training", line(label(EVIL, value=EVIL)))
    preflight.add("testing", line(label("bolt")))
    return page(preflight.report(page="s3://b/f.html"), f"Check of {EVIL}")


def test_the_page_is_self_contained_and_escapes_what_it_shows():
    html = shown()
    parser = Tags()
    parser.feed(html)
    assert "script" not in {tag for tag, _ in parser.tags}
    assert EVIL in parser.text
    assert not [attrs for _, attrs in parser.tags if {"src", "href", "action"} & attrs.keys()]
    assert not re.search(r"@import|url\(|http", html.replace("http-equiv", ""))


def test_the_page_shows_the_verdict_the_counts_the_findings_and_the_labels():
    parser = Tags()
    parser.feed(shown())
    for text in (
        "The data was refused before training",
        "Error: The training dataset has too few different labels, 1; accepted are 2 to 250 of images.",
        "ERROR_MANIFEST_TOO_FEW_LABELS",
        "1 by etag, 1 by name only",
        "Images of each label",
        "bolt",
    ):
        assert text in parser.text


def test_the_page_stays_small_however_much_is_wrong():
    preflight = Preflight()
    for number in range(3000):
        bad = line(label("l" * 200 + str(number), value="x"), **{"source-ref": f"s3://b-1/{number}"})
        preflight.add("training", bad)
        preflight.add("testing", line(label("m" * 200 + str(number)), **{"source-ref": f"s3://b-{number}/x"}))
    html = page(preflight.report(), "Check")
    assert len(html) < 500_000
