"""What a person does on the page that GET / serves, and what they see."""

import base64

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

DROP = """([place, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  const event = place
    ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
  (place ? document.querySelector(place) : document).dispatchEvent(event);
}"""


def unlock(page: Page, key: str) -> None:
    """Type the key in, and wait until the model is told of."""
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("heading", name="Model", exact=True).wait_for()


def pick(page: Page, name: str, data: bytes, kind: str = "image/png") -> None:
    """Choose a file."""
    page.locator("#files").set_input_files({"name": name, "mimeType": kind, "buffer": data})


def drop(page: Page, name: str, data: bytes, kind: str = "image/png", place: str | None = "#drop") -> None:
    """Drop a file at a place, or paste it where there is none."""
    page.evaluate(DROP, [place, name, kind, base64.b64encode(data).decode()])


def labels(page: Page) -> dict[str, str]:
    """What the first card says: each label with its confidence."""
    names, values = (
        page.locator(f".card >> nth=0 >> .labels .{part}").all_inner_texts() for part in ("name", "value")
    )
    return dict(zip(names, values, strict=True))


def answered(page: Page, count: int = 1) -> None:
    """Wait until so many images have their answer."""
    expect(page.get_by_role("button", name="This is wrong")).to_have_count(count, timeout=30_000)


def serious(page: Page) -> str:
    """What axe-core calls serious or critical, a line each."""
    violations = Axe().run(page).response["violations"]
    return "\n".join(
        f"{one['id']} {one['nodes'][0]['html']}" for one in violations if one["impact"] in ("serious", "critical")
    )
