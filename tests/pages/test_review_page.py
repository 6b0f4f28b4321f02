"""The page on which people review: accept, correct, discard and withdraw, and what must never reach them."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from customlabels import feedback
from playwright.sync_api import Browser, Locator, Page, expect
from typer.testing import CliRunner

from cli import review_server
from cli.__main__ import app
from cli.review_server import LARGEST_BODY, TOKEN_HEADER, Server
from tests import waiting
from tests.browser import Opened
from tests.browser import opened as browse
from tests.conftest import TIMES
from tests.images import picture
from tests.pages.hands import serious
from tests.stack import BUCKET, PROJECT, Stack, deployed
from tests.templates import ROOT
from tests.unit.rekognition.scenes import scene
from tests.waiting import BOX, keys, put_item, send

HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
PNG_THEN_SCRIPT = picture("down", 90)[:60] + SCRIPT  # begins as a PNG, and its pixels are none


@pytest.fixture(scope="module")
def world() -> Iterator[Stack]:
    with deployed(TIMES) as made:
        waiting.describe(made)
        yield made


@pytest.fixture
def stack(world: Stack) -> Stack:
    """The stack with no project and no feedback."""
    waiting.empty(world)
    return world


@pytest.fixture
def server(stack: Stack) -> Iterator[Server]:
    with review_server.listening(waiting.review()) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def enter(chromium: Browser, server: Server) -> Iterator[Callable[..., Opened]]:
    """Opens the page; at the end it may have complained of nothing, asked nobody else, and run no alert."""
    visits, contexts, dialogs = [], [], []

    def visit(tolerated: str = "", **options: Any) -> Opened:
        context = browse(chromium, server.address, **options)
        found = context.__enter__()
        found.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        visits.append((found, tolerated))
        contexts.append(context)
        expect(found.page.locator("#count")).to_be_visible()
        return found

    yield visit
    for (found, tolerated), context in zip(visits, contexts, strict=True):
        complaints = [line for line in found.console if not tolerated or tolerated not in line] + found.errors
        strangers = [url for url in found.requests if not url.startswith((server.origin, f"blob:{server.origin}"))]
        tokens = [url for url in found.requests if server.token in url.partition("#")[0]]
        assert (complaints, strangers, tokens, found.overflow, dialogs) == ([], [], [], 0, [])
        context.__exit__(None, None, None)


def card(page: Page, identity: str) -> Locator:
    return page.locator(f'.waits[data-id="{identity}"]')


def accepted(stack: Stack) -> list[dict[str, Any]]:
    return [json.loads(one.line) for one in feedback.reviewed(stack.table, PROJECT)]


def waits(stack: Stack) -> list[str]:
    return [one.id for one in feedback.waiting(stack.table, PROJECT)]


def test_an_image_is_accepted_as_it_was_said_to_show(stack: Stack, enter: Any) -> None:
    waiting.dataset(stack, waiting.labelled(stack))
    identity = send(stack, {"labels": ["down"]}, picture("down", 50), "Upside\ndown.")
    page = enter().page
    one = card(page, identity)
    expect(one.locator("img")).to_be_visible()
    assert one.locator("img").evaluate("image => image.naturalWidth") == 64
    expect(one.locator("blockquote")).to_have_text("Upside\ndown.")
    expect(one.locator(".chip")).to_have_text("down")
    expect(page.locator("#count")).to_have_text("1 waiting")
    one.get_by_role("button", name="Accept").click()
    expect(page.locator("#news")).to_have_text("Accepted as down.")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#accepted li .chip")).to_have_text("down")
    expect(page.locator("#accepted img")).to_be_visible()
    assert [line["label-metadata"]["class-name"] for line in accepted(stack)] == ["down"]
    assert (waits(stack), keys(stack, "feedback/")) == ([], [])
    assert "#" not in page.url
    page.reload()
    expect(page.locator("#accepted li .chip")).to_have_text("down")


def test_labels_are_corrected(stack: Stack, enter: Any) -> None:
    waiting.dataset(stack, waiting.labelled(stack))
    identity = send(stack, {"labels": ["down"]}, picture("down", 50))
    page = enter().page
    card(page, identity).get_by_role("button", name="Correct").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox")).to_have_count(3)
    expect(dialog.locator("#kinds")).to_be_hidden()
    dialog.get_by_role("checkbox", name="down").uncheck()
    dialog.get_by_role("button", name="Accept as corrected").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Choose a label")
    dialog.get_by_role("checkbox", name="across").check()
    dialog.get_by_label("Another label").fill("bent")
    dialog.get_by_role("button", name="Accept as corrected").click()
    expect(page.locator("#news")).to_contain_text(
        "Accepted as across, bent. 'bent' is a label that no training image"
    )
    expect(dialog).to_be_hidden()
    (line,) = accepted(stack)
    assert [line[f"label{n}-metadata"]["class-name"] for n in ("", "1")] == ["across", "bent"]


def test_boxes_are_drawn_with_the_mouse(stack: Stack, enter: Any) -> None:
    waiting.dataset(stack, waiting.boxed(stack))
    identity = send(stack, {"labels": ["bolt"]}, scene(5)[0])
    page = enter().page
    one = card(page, identity)
    expect(one.locator(".hint")).to_contain_text("The training images have boxes")
    expect(one.get_by_role("button", name="Accept")).to_be_disabled()
    one.get_by_role("button", name="Correct").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Accept as corrected").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Draw a box")
    frame = dialog.locator("#by-boxes .frame")
    expect(frame).to_have_attribute("style", re.compile("--ratio"))
    place = frame.bounding_box()
    assert place
    for index, (x, y) in enumerate(((0.1, 0.2), (0.3, 0.3), (0.5, 0.6))):
        page.mouse.move(place["x"] + x * place["width"], place["y"] + y * place["height"])
        if index == 0:
            page.mouse.down()
    page.mouse.up()
    dialog.get_by_label("Label of box 1").fill("washer")
    dialog.get_by_role("button", name="Accept as corrected").click()
    expect(page.locator("#news")).to_contain_text("Accepted as washer.")
    (line,) = accepted(stack)
    (box,) = line["boxes"]["annotations"]
    wanted = {"left": 11.2, "top": 17.6, "width": 44.8, "height": 35.2}  # of 112 x 88 pixels
    assert {side: box[side] for side in wanted} == pytest.approx(wanted, abs=2)


def test_boxes_that_were_sent_are_drawn_and_accepted(stack: Stack, enter: Any) -> None:
    identity = send(stack, {"boxes": [BOX, {**BOX, "Name": "nut"}, BOX]}, scene(6)[0])
    page = enter().page
    one = card(page, identity)
    expect(one.locator(".box")).to_have_count(3)
    expect(one.locator(".chip")).to_have_text(["bolt\N{MULTIPLICATION SIGN} 2", "nut"])
    frame, box = one.locator(".frame").bounding_box(), one.locator(".box").first.bounding_box()
    assert frame
    assert box
    assert (box["x"] - frame["x"]) / frame["width"] == pytest.approx(0.25, abs=0.02)
    one.get_by_role("button", name="Accept").click()
    expect(page.locator("#news")).to_be_visible()
    assert len(accepted(stack)[0]["boxes"]["annotations"]) == 3


def test_discarding_asks_first(stack: Stack, enter: Any) -> None:
    first, second = (send(stack, {"labels": ["down"]}, picture("down", number)) for number in (50, 51))
    page = enter().page
    one = card(page, first)
    one.get_by_role("button", name="Discard").click()
    expect(one.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Enter")
    assert waits(stack) == [first, second]
    one.get_by_role("button", name="Discard").click()
    one.get_by_role("button", name="Delete").click()
    expect(one).to_have_count(0)
    assert (waits(stack), len(keys(stack, "feedback/")), accepted(stack)) == ([second], 1, [])
    expect(page.locator("#count")).to_have_text("1 waiting")


def test_a_picture_that_arrives_late_leaves_the_question_open(stack: Stack, enter: Any) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 50))
    page = enter().page
    expect(card(page, identity).locator("img")).to_be_visible()
    held: list[Any] = []
    page.route(re.compile("api/waiting/"), lambda route: held.append(route))
    page.get_by_role("button", name="Look again").click()
    one = card(page, identity)
    expect(one.get_by_text("Looking at the picture")).to_be_visible()
    one.get_by_role("button", name="Discard").click()
    held[0].continue_()
    expect(one.locator("img")).to_be_visible()
    expect(one.get_by_role("button", name="Keep")).to_be_focused()
    one.get_by_role("button", name="Keep").click()
    expect(one.get_by_role("button", name="Accept")).to_be_enabled()


def test_it_can_be_used_with_the_keyboard_alone(stack: Stack, enter: Any) -> None:
    ids = [send(stack, {"labels": [label]}, picture(label, 50)) for label in ("down", "across", "checks")]
    page = enter().page
    for one in ids:
        expect(card(page, one).locator("img")).to_be_visible()
    page.keyboard.press("Tab")  # Look again
    page.keyboard.press("Tab")
    expect(card(page, ids[0]).get_by_role("button", name="Accept")).to_be_focused()
    page.keyboard.press("a")
    expect(card(page, ids[1]).get_by_role("button", name="Accept")).to_be_focused()
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Another label").focus()
    page.keyboard.type("cad")  # no shortcuts while one types
    page.keyboard.press("Enter")
    dialog.get_by_role("checkbox", name="across").focus()
    page.keyboard.press("Space")
    dialog.get_by_role("button", name="Accept as corrected").focus()
    page.keyboard.press("Enter")
    expect(card(page, ids[2]).get_by_role("button", name="Accept")).to_be_focused()
    page.keyboard.press("d")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#nothing")).to_be_visible()
    assert sorted(line["label-metadata"]["class-name"] for line in accepted(stack)) == ["cad", "down"]


def test_what_was_accepted_is_withdrawn(stack: Stack, enter: Any) -> None:
    made = waiting.review().accept(send(stack, {"labels": ["down"]}, picture("down", 50)))
    page = enter().page
    expect(page.locator("#accepted .foot")).to_contain_text(made.reviewed.digest[:12])
    button = page.get_by_role("button", name="Withdraw the image accepted as down")
    button.click()
    expect(button).to_have_text("Withdraw?")
    assert len(accepted(stack)) == 1
    button.click()
    expect(page.locator("#news")).to_contain_text("Withdrawn")
    expect(page.locator("#accepted li")).to_have_count(0)
    assert accepted(stack) == []


def test_texts_stay_texts(stack: Stack, enter: Any) -> None:
    identity = send(stack, {"labels": [HOSTILE]}, picture("down", 50), HOSTILE)
    page = enter().page
    one = card(page, identity)
    expect(one.locator(".chip")).to_have_text(HOSTILE)
    expect(one.locator("blockquote")).to_have_text(HOSTILE)
    one.get_by_role("button", name="Correct").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".choice")).to_have_text(HOSTILE)
    dialog.get_by_role("button", name="Accept as corrected").click()
    expect(page.locator("#news")).to_have_text(f"Accepted as {HOSTILE}.")
    expect(page.locator("#accepted .chip")).to_have_text(HOSTILE)
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize(("data", "tolerated"), [(SCRIPT, "409"), (SVG, "409"), (PNG_THEN_SCRIPT, "")])
def test_what_is_no_image_is_never_shown(stack: Stack, enter: Any, data: bytes, tolerated: str) -> None:
    identity = send(stack, {"labels": ["down"]}, data)
    page = enter(tolerated).page
    one = card(page, identity)
    expect(one.locator(".frame")).to_have_text("Not an image")
    expect(one.locator(".error")).to_contain_text("cannot be used" if tolerated else "cannot show this picture")
    assert one.locator("img").count() == 0
    expect(one.get_by_role("button")).to_have_text(["Discard"])
    one.get_by_role("button", name="Discard").click()
    one.get_by_role("button", name="Delete").click()
    expect(page.locator("#nothing")).to_be_visible()
    assert keys(stack, "feedback/") == []


def test_what_cannot_be_read_is_named_beside_the_others(stack: Stack, enter: Any) -> None:
    put_item(stack, "20260101T000000000-broken", said="{")
    good = send(stack, {"labels": ["down"]}, picture("down", 50))
    page = enter().page
    expect(card(page, good).locator("img")).to_be_visible()
    broken = card(page, "20260101T000000000-broken")
    expect(broken).to_contain_text("It cannot be read.")
    broken.get_by_role("button", name="Discard").click()
    broken.get_by_role("button", name="Delete").click()
    expect(broken).to_have_count(0)
    assert waits(stack) == [good]


def test_an_error_is_a_sentence_on_the_card(stack: Stack, enter: Any) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 50))
    page = enter("409").page
    expect(card(page, identity).locator("img")).to_be_visible()
    waiting.review().discard(identity)  # by somebody else
    card(page, identity).get_by_role("button", name="Accept").click()
    expect(card(page, identity).get_by_role("alert")).to_contain_text(f"No feedback {identity} of {PROJECT} waits")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#nothing")).to_be_visible()


def test_many_are_shown_a_part_at_a_time(stack: Stack, enter: Any) -> None:
    data = picture("down", 50)
    for _ in range(60):
        send(stack, {"labels": ["down"]}, data)
    found = enter()
    expect(found.page.locator("#count")).to_have_text("60 waiting")
    expect(found.page.locator(".waits")).to_have_count(48)
    assert len([url for url in found.requests if "/api/waiting/" in url]) < 48, "only what is in view is asked for"
    found.page.get_by_role("button", name="Show more").click()
    expect(found.page.locator(".waits")).to_have_count(60)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_is_accessible_and_fits(stack: Stack, enter: Any, scheme: str, width: int) -> None:
    send(stack, {"labels": ["down", "x" * 255]}, picture("down", 50), "y" * 900)
    send(stack, {"boxes": [BOX]}, scene(6)[0])
    waiting.review().accept(send(stack, {"labels": ["down"]}, picture("down", 51)))
    page = enter(width=width, color_scheme=scheme).page
    expect(page.locator(".waits img")).to_have_count(2)
    assert serious(page) == ""
    page.locator(".waits").first.get_by_role("button", name="Correct").click()
    assert serious(page) == ""


def ask(server: Server, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, Any, Any]:
    """Status, headers and body of a request as the page sends it, but for `headers`; None leaves one out."""
    given: dict[str, str | None] = {"Host": urlsplit(server.origin).netloc, TOKEN_HEADER: server.token}
    data = None
    if method == "POST":
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given |= {"Origin": server.origin, "Content-Type": "application/json", "Content-Length": str(len(data))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "odd",
    [
        {"X-Review-Token": None},
        {"X-Review-Token": ""},
        {"X-Review-Token": "wrong"},
        {"X-Review-Token": "\xe9"},
        {"Host": "evil.example"},
        {"Host": "localhost"},
        {"Host": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_nobody_but_the_page_is_told_or_obeyed(stack: Stack, server: Server, odd: dict[str, str | None]) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 50))
    for path in ("/api/state", f"/api/waiting/{identity}"):
        status, _, body = ask(server, "GET", path, **odd)
        assert (status, identity.encode() in body) == (403, False)
    for path in ("/api/accept", "/api/discard"):
        status, _, body = ask(server, "POST", path, {"id": identity}, **odd)
        assert (status, json.loads(body)["error"].endswith(".")) == (403, True)
    assert (waits(stack), accepted(stack)) == ([identity], [])


def test_a_post_without_an_origin_is_refused_and_a_stranger_gets_not_even_the_page(server: Server) -> None:
    assert ask(server, "POST", "/api/discard", {"id": "1"}, Origin=None)[0] == 403
    assert ask(server, "GET", "/", Host="evil.example")[0] == 403
    port = server.server_port
    assert ask(server, "GET", "/", **{"Host": f"127.0.0.1:{port}", TOKEN_HEADER: None})[0] == 200, (
        "it tells nothing"
    )


def test_it_listens_to_this_machine_only(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 40


def test_images_go_out_as_documents_without_rights(stack: Stack, server: Server) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 50))
    key = f"feedback/{PROJECT}/{identity}.png"
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=picture("down", 50), ContentType="text/html")
    status, headers, body = ask(server, "GET", f"/api/waiting/{identity}")
    assert (status, headers["Content-Type"], body) == (200, "image/png", picture("down", 50))
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=SCRIPT, ContentType="text/html")
    status, headers, body = ask(server, "GET", f"/api/waiting/{identity}")
    assert (status, headers["Content-Type"], b"alert" in body) == (409, "application/json", False)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/api/accept", b"{", {}, 400),
        ("/api/accept", b"[" * 100_000, {}, 400),
        ("/api/accept", [], {}, 400),
        ("/api/accept", {}, {}, 400),
        ("/api/accept", {"id": 1}, {}, 400),
        ("/api/accept", {"id": "1", "said": {"labels": "down"}}, {}, 400),
        ("/api/accept", {"id": "1"}, {}, 409),
        ("/api/withdraw", {"digest": "1"}, {}, 409),
        ("/api/accept", {"id": "1"}, {"Content-Type": "text/plain"}, 415),
        ("/api/accept", b"", {"Content-Length": None}, 415),
        ("/api/accept", b"", {"Content-Length": "-1"}, 415),
        ("/api/accept", b"", {"Content-Length": str(LARGEST_BODY + 1)}, 413),
        ("/api/other", {}, {}, 404),
    ],
)
def test_a_bad_request_is_a_sentence(
    server: Server, path: str, body: Any, headers: dict[str, str | None], status: int
) -> None:
    given, _, told = ask(server, "POST", path, body, **headers)
    assert given == status
    assert json.loads(told)["error"].endswith(".")


@pytest.mark.parametrize(
    "path", ["/../cli/errors.py", "/page/../../README.md", "/page/app.js", "/api/accepted/1", "/x"]
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    assert ask(server, "GET", path)[0] == 404


def test_without_the_token_the_page_says_what_to_do(server: Server, chromium: Browser) -> None:
    with browse(chromium, f"{server.origin}/") as found:
        expect(found.page.locator("#problem")).to_contain_text("`python -m cli review page` printed last")
        assert found.page.locator("section:visible").count() == 0


def test_a_port_that_is_taken_is_told(server: Server) -> None:
    result = CliRunner().invoke(app, ["review", "page", "--no-open", "--port", str(server.server_port)])
    assert (result.exit_code, "leave --port out for a free one" in result.stderr) == (2, True)


def test_the_command_serves_until_ctrl_c(stack: Stack) -> None:
    identity = send(stack, {"labels": ["down"]}, picture("down", 50))
    command = [sys.executable, "-m", "cli", "review", "page", "--no-open", "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            address = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")["url"]
            place, _, token = address.partition("/#")
            connection = http.client.HTTPConnection(urlsplit(place).netloc, timeout=30)
            connection.request("GET", "/api/state", headers={TOKEN_HEADER: token})
            assert json.loads(connection.getresponse().read())["waiting"][0]["id"] == identity
            began = time.monotonic()
            process.send_signal(signal.SIGINT)  # with the connection still open
            assert process.wait(timeout=10) == 0
            assert time.monotonic() - began < 5
            connection.close()
            assert "The page has ended." in process.stderr.read()
        finally:
            process.kill()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(place.rpartition(":")[2]))) != 0
