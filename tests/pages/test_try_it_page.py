"""The page in a browser: images in, labels and boxes out, feedback sent, and the model woken."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from customlabels import feedback
from customlabels.waking import Waker
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser import Opened
from tests.browser import opened as browse
from tests.conftest import TIMES
from tests.context import CONTEXT
from tests.images import picture
from tests.pages import gateway
from tests.pages.gateway import KEY, Gateway
from tests.pages.hands import answered, drop, labels, pick, serious, unlock
from tests.stack import BUCKET, PROJECT, TABLE, Stack, deployed, start
from tests.templates import environment
from tests.unit.rekognition.scenes import boxes_line, scene

SCENES = "custom-labels-scenes"


@pytest.fixture(scope="module")
def world() -> Iterator[Stack]:
    """A project whose live model tells stripes apart, and one whose live model finds bolts and washers."""
    with deployed(TIMES) as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given: dict[str, Any] = {"training": {"folder": train}, "testing": {"folder": test}}
        assert stack.run({**given, "gate": {"minimum": 0.6}}, name="stripes").status == "SUCCEEDED"
        parts = {"training": range(12), "testing": range(100, 104)}
        boxes = {part: {"manifest": put_scenes(stack, part, numbers)} for part, numbers in parts.items()}
        ended = stack.run({**boxes, "project": SCENES, "gate": {"minimum": 0.0}}, name="scenes")
        assert ended.status == "SUCCEEDED", ended.cause
        yield stack


def put_scenes(stack: Stack, part: str, numbers: range) -> str:
    lines = []
    for number in numbers:
        data, found = scene(number)
        key = f"images/{SCENES}/{part}/{number}.png"
        stack.s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        lines.append(json.dumps({**boxes_line(key, found), "source-ref": f"s3://{BUCKET}/{key}"}))
    stack.s3.put_object(Bucket=BUCKET, Key=f"images/{SCENES}/{part}.manifest", Body="\n".join(lines).encode())
    return f"s3://{BUCKET}/images/{SCENES}/{part}.manifest"


@pytest.fixture
def stripes(world: Stack) -> Iterator[Gateway]:
    with gateway.opened(PROJECT) as made:
        yield made


@pytest.fixture
def scenes(world: Stack) -> Iterator[Gateway]:
    with gateway.opened(SCENES) as made:
        yield made


@pytest.fixture
def enter(chromium: Browser) -> Iterator[Any]:
    """Opens the page of an API with the key typed in; at the end, no page may have complained of anything."""
    visits = []
    with ExitStack() as contexts:

        def visit(api: Gateway, **options: Any) -> Opened:
            found = contexts.enter_context(browse(chromium, f"{api.url}/", **options))
            visits.append(found)
            unlock(found.page, KEY)
            return found

        yield visit
        for found in visits:
            # The console tells of each refusal as it comes, which is no complaint.
            complaints = [line for line in found.console if "503" not in line] + found.errors
            own = found.page.url.split("/v1/")[0]
            strangers = [url for url in found.requests if not url.startswith((own, f"blob:{own}"))]
            assert (complaints, strangers, found.overflow) == ([], [], 0)


def waiting(stack: Stack, project: str = PROJECT) -> list[feedback.Feedback]:
    return list(feedback.waiting(stack.table, project))


def test_an_image_that_is_dropped_pasted_or_picked_gets_its_labels(stripes: Gateway, enter: Any) -> None:
    page = enter(stripes).page
    drop(page, "one.png", picture("down", 500))
    answered(page)
    assert next(iter(labels(page))) == "down"
    drop(page, "two.png", picture("across", 501), place=None)
    answered(page, 2)
    assert next(iter(labels(page))) == "across"
    pick(page, "three.png", picture("checks", 502))
    answered(page, 3)
    assert next(iter(labels(page))) == "checks"
    expect(page.locator("#count")).to_have_text("3 images")
    expect(page.locator(".card").first).to_contain_text(" ms · stripes")
    page.get_by_role("button", name="Remove two.png").click()
    page.get_by_role("button", name="Clear all").click()
    expect(page.locator(".card")).to_have_count(0)


def test_the_slider_filters_without_another_call(stripes: Gateway, enter: Any) -> None:
    page = enter(stripes).page
    pick(page, "one.png", picture("down", 500))
    answered(page)
    slider = page.get_by_label("At least")
    slider.fill("0")
    assert len(labels(page)) == 3
    slider.fill("100")
    assert len(labels(page)) < 3
    page.get_by_label("The model's own thresholds").check()
    assert list(labels(page)) == ["down"]
    assert stripes.count("POST", "/predictions") == 1


def test_boxes_are_drawn_over_the_picture(scenes: Gateway, enter: Any) -> None:
    page = enter(scenes).page
    data, _ = scene(103)
    pick(page, "scene.png", data)
    answered(page)
    page.get_by_label("At least").fill("0")
    drawn = page.locator(".card .box")
    assert drawn.count() >= 1
    expect(page.locator(".card .frame")).to_have_attribute("style", re.compile("--ratio"))
    frame = page.locator(".card .frame").bounding_box()
    assert frame
    for box in (one.bounding_box() for one in drawn.all()):
        assert box
        assert frame["x"] - 1 <= box["x"] < box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
    assert drawn.first.locator(".tag").inner_text().startswith(("bolt ", "washer "))


def test_labels_that_are_said_to_be_right_wait_for_a_person(world: Stack, stripes: Gateway, enter: Any) -> None:
    page = enter(stripes).page
    pick(page, "one.png", picture("down", 510))
    answered(page)
    page.get_by_role("button", name="This is wrong").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("checkbox", name="down", exact=True).is_checked()
    dialog.get_by_role("checkbox", name="down", exact=True).uncheck()
    dialog.get_by_label("Another label").fill('<img src=x onerror="alert(1)">')
    dialog.get_by_role("button", name="Add").click()
    dialog.get_by_label("Comment").fill("It is a photograph of a wall.")
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator(".thanks")).to_contain_text("a person will look at it")
    found = waiting(world)[-1]
    assert page.locator(".thanks").inner_text().endswith(f"({found.id}).")
    assert found.said.labels == ('<img src=x onerror="alert(1)">',)
    assert found.comment == "It is a photograph of a wall."
    stored = world.s3.get_object(Bucket=BUCKET, Key=found.key)["Body"].read()
    assert stored == picture("down", 510)


def test_boxes_are_corrected_with_the_keyboard_alone(world: Stack, scenes: Gateway, enter: Any) -> None:
    page = enter(scenes).page
    data, _ = scene(105)
    pick(page, "scene.png", data)
    answered(page)
    page.get_by_role("button", name="This is wrong").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Boxes around objects").check()
    for _ in range(dialog.locator(".box").count()):
        dialog.locator(".box").first.focus()
        page.keyboard.press("Delete")
    dialog.get_by_role("button", name="Add a box").focus()
    page.keyboard.press("Enter")
    before = dialog.locator(".box").bounding_box()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight"):
        page.keyboard.press(key)
    after = dialog.locator(".box").bounding_box()
    assert before
    assert after
    assert after["x"] > before["x"]
    assert after["y"] > before["y"]
    assert after["width"] > before["width"]
    dialog.get_by_label("Label of box 1").fill("washer")
    dialog.get_by_role("button", name="Send").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".thanks")).to_be_visible()
    (marked,) = waiting(world, SCENES)[-1].said.boxes or ()
    assert marked.label == "washer"
    assert marked[1:] == pytest.approx((0.36, 0.36, 0.31, 0.3))


def test_a_box_is_drawn_moved_and_resized_with_the_mouse(world: Stack, scenes: Gateway, enter: Any) -> None:
    page = enter(scenes).page
    pick(page, "scene.png", scene(106)[0])
    answered(page)
    page.get_by_role("button", name="This is wrong").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Boxes around objects").check()
    while dialog.locator(".box").count():
        dialog.locator(".box").first.focus()
        page.keyboard.press("Delete")
    expect(dialog.locator(".frame")).to_have_attribute("style", re.compile("--ratio"))
    place = dialog.locator(".frame").bounding_box()
    assert place

    def drag(*points: tuple[float, float]) -> None:
        for index, (x, y) in enumerate(points):
            page.mouse.move(place["x"] + x * place["width"], place["y"] + y * place["height"])
            if index == 0:
                page.mouse.down()
        page.mouse.up()

    drag((0.1, 0.2), (0.3, 0.3), (0.5, 0.6))  # draws 0.1, 0.2 to 0.5, 0.6
    drag((0.3, 0.4), (0.4, 0.5))  # moves it by 0.1, 0.1
    drag((0.6, 0.7), (0.7, 0.9))  # draws its corner away by 0.1, 0.2
    dialog.get_by_label("Label of box 1").fill("bolt")
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator(".thanks")).to_be_visible()
    (marked,) = waiting(world, SCENES)[-1].said.boxes or ()
    assert marked.label == "bolt"
    assert marked[1:] == pytest.approx((0.2, 0.3, 0.5, 0.6), abs=0.02)


def test_what_the_model_does_not_take_is_turned_into_a_jpeg(world: Stack, stripes: Gateway, enter: Any) -> None:
    page = enter(stripes).page
    upright = Image.open(io.BytesIO(picture("across", 520, side=96))).convert("RGB").crop((0, 0, 96, 80))
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # a camera that was turned: what is stored lies on its side
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG", exif=exif, quality=95)
    pick(page, "turned.jpg", turned.getvalue(), "image/jpeg")
    answered(page)
    assert next(iter(labels(page))) == "across"
    expect(page.locator(".card").first).to_contain_text("80 pixels, since the camera was turned.")
    webp = io.BytesIO()
    upright.save(webp, "WEBP", quality=95)
    pick(page, "new.webp", webp.getvalue(), "image/webp")
    answered(page, 2)
    expect(page.locator(".card").first).to_contain_text("it is neither PNG nor JPEG")
    assert next(iter(labels(page))) == "across"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"GIF89a but not really", "This file cannot be read as an image."),
        (b"<html><script>alert(1)</script>", "This file cannot be read as an image."),
        (picture("down", 1, side=32), "each side needs at least 64."),
    ],
)
def test_a_file_that_is_no_use_is_told_in_a_sentence(
    stripes: Gateway, enter: Any, data: bytes, sentence: str
) -> None:
    page = enter(stripes).page
    pick(page, "odd.png", data)
    expect(page.locator(".card .error")).to_contain_text(sentence)
    assert stripes.count("POST", "/predictions") == 0


def test_a_wrong_key_is_asked_for_again_and_none_is_kept(stripes: Gateway, chromium: Browser) -> None:
    with browse(chromium, f"{stripes.url}/") as found:
        page = found.page
        page.get_by_label("API key").fill("wrong")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("alert")).to_have_text("The header x-api-key is missing or holds no valid key.")
        assert page.evaluate("sessionStorage.length + localStorage.length") == 0
        page.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Model", exact=True).wait_for()
        page.reload()
        page.get_by_role("heading", name="Model", exact=True).wait_for()
        assert page.evaluate("localStorage.length + document.cookie.length") == 0
        page.get_by_role("button", name="Forget key").click()
        expect(page.get_by_label("API key")).to_be_focused()
        assert page.evaluate("sessionStorage.length") == 0


@pytest.fixture
def asleep(world: Stack) -> Iterator[Stack]:
    """The stripes' model stopped; it runs again at the end."""
    assert world.live
    arn = world.live["projectVersionArn"]
    world.rekognition.stop_project_version(ProjectVersionArn=arn)
    world.cloud.clock.advance(100)
    yield world
    world.cloud.clock.advance(100)
    if world.versions()["stripes"] != "RUNNING":
        world.rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
        world.cloud.clock.advance(100)


def test_a_sleeping_model_is_woken_by_the_button(
    asleep: Stack, enter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"StateTableName": TABLE, "DataBucketName": BUCKET}
    wake = start("wake", environment("inference.yaml", "Wake", names))

    class Lambda:
        def invoke(self, **_: Any) -> dict[str, Any]:
            return {"Payload": io.BytesIO(json.dumps(wake.handler({}, CONTEXT)).encode())}

    session = SimpleNamespace(create_client=lambda *_, **__: Lambda())
    with gateway.opened(PROJECT, WakeOnRequest="ENABLED") as api:
        monkeypatch.setattr(api.modules["ApiRoutes"].model, "waker", lambda: Waker(session, "wake", "api"))
        page = enter(api).page
        expect(page.locator("#status")).to_have_text("stopped")
        page.clock.install()  # before the page sets its timer, so that nobody waits for it
        page.get_by_role("button", name="Wake the model").click()
        expect(page.locator("#status")).to_have_text("starting")
        expect(page.locator("#model")).to_contain_text("It is starting")
        asleep.cloud.clock.advance(100)
        monkeypatch.setattr(api.modules["ApiRoutes"].model, "SECONDS", 0)
        page.clock.run_for(20_000)
        expect(page.locator("#status")).to_have_text("running")
        pick(page, "one.png", picture("down", 530))
        answered(page)


def test_a_model_that_sleeps_and_may_not_be_woken_has_no_button(
    asleep: Stack, stripes: Gateway, enter: Any
) -> None:
    page = enter(stripes).page
    expect(page.locator("#model")).to_contain_text("this page may not start it")
    assert page.get_by_role("button", name="Wake the model").count() == 0
    pick(page, "one.png", picture("down", 530))
    expect(page.locator(".card .error")).to_contain_text("asleep")
    expect(page.get_by_role("button", name="Try again in 60 s")).to_be_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_serious_is_found_for_people_who_cannot_see(
    scenes: Gateway, enter: Any, scheme: str, width: int
) -> None:
    page = enter(scenes, width=width, color_scheme=scheme).page
    pick(page, "scene.png", scene(107)[0])
    answered(page)
    page.get_by_label("At least").fill("0")
    assert serious(page) == ""
    page.get_by_role("button", name="This is wrong").click()
    page.get_by_role("dialog").get_by_role("radio", name="Boxes around objects").check()
    page.get_by_role("button", name="Add a box").click()
    assert serious(page) == ""
    page.get_by_role("dialog").get_by_role("radio", name="Labels of the whole image").check()
    assert serious(page) == ""
