"""GET / and GET /page/<file>: what is served, under which policy, and nothing else of the disk."""

import re

import pytest
from customlabels.routes import page

from tests.stack import BUCKET, TABLE, start
from tests.templates import environment

FILES = sorted(path.name for path in page.FOLDER.iterdir())
SCRIPTS = [name for name in FILES if name.endswith(".js")]


@pytest.fixture(scope="module")
def api():
    known = environment("inference.yaml", "ApiRoutes", {"StateTableName": TABLE, "DataBucketName": BUCKET})
    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "test")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("about", "feedback", "model", "page", "uploads"):
            start(f"customlabels.routes.{name}", known)
        yield start("api", known)


def get(api, path, whole=None, **headers):
    event = {
        "resource": "/" if path == "/" else "/page/{name}",
        "path": path,
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {},
        "requestContext": {"requestId": "gateway", "stage": "v1", "path": whole or f"/v1{path}"},
        "body": None,
        "isBase64Encoded": False,
    }
    answer = api.handler(event, None)
    return answer["statusCode"], answer["body"], answer["headers"]


def test_every_file_is_served_with_its_type_and_the_policy(api):
    for name in FILES:
        path = "/" if name == "index.html" else f"/page/{name}"
        status, body, headers = get(api, path)
        assert (status, body) == (200, (page.FOLDER / name).read_text())
        assert headers["Content-Type"] == page.TYPES["." + name.rpartition(".")[2]]
        assert headers["Content-Security-Policy"] == page.POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-cache"
        assert headers["X-Request-Id"] == "gateway"


def test_the_policy_lets_in_nothing_inline_and_nobody_else():
    rules = dict(rule.split(" ", 1) for rule in page.POLICY.split("; "))
    assert (
        rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    )
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in page.POLICY


def test_a_page_that_is_known_is_not_sent_again(api):
    tag = get(api, "/")[2]["ETag"]
    status, body, headers = get(api, "/", **{"If-None-Match": f'"other", W/{tag}'})
    assert (status, body, headers["ETag"]) == (304, "", tag)
    assert get(api, "/page/app.js", **{"If-None-Match": tag})[0] == 200


@pytest.mark.parametrize("whole", ["/v1", "/labels/v1"])
def test_an_address_without_its_last_slash_is_sent_on(api, whole):
    status, body, headers = get(api, "/", whole)
    assert (status, body, headers["Location"]) == (308, "", "v1/")


@pytest.mark.parametrize(
    "name", ["index.html", "none.js", "../api.py", "..%2fapi.py", ".", "app.js.map", "customlabels", "App.js"]
)
def test_nothing_else_is_served(api, name):
    assert get(api, f"/page/{name}")[0] == 404


def test_the_scripts_never_take_text_for_html():
    for name in SCRIPTS:
        text = (page.FOLDER / name).read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text
        ), name
        assert "localStorage" not in text


def test_every_module_that_is_asked_for_exists():
    for name in SCRIPTS:
        asked = re.findall(r'from "\./([^"]+)"', (page.FOLDER / name).read_text())
        assert set(asked) <= set(FILES), name
    html = (page.FOLDER / "index.html").read_text()
    assert set(re.findall(r'(?:src|href)="page/([^"]+)"', html)) <= set(FILES)
