"""GET / and GET /page/<file>: the page to try the model on; it holds no secret, so it needs no key."""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

FOLDER = Path(__file__).parents[2] / "page"
FIRST = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # blob: is a picture that the page has been given
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
GUARDS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asks each time, and is told of a new page at once
}
router = Router()  # type: ignore[no-untyped-call]


class File(NamedTuple):
    """A file of the page as it is sent."""

    kind: str
    text: str
    etag: str


@cache
def files() -> dict[str, File]:
    """Every file of the page, by name: what is not among them cannot be asked for."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        text = path.read_text()
        found[path.name] = File(TYPES[path.suffix], text, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"')
    return found


@router.get("/", include_in_schema=False)
def get_page() -> Response[str]:
    """The page; an address without its last slash is sent on, since the page asks for what lies beside it."""
    path = str(router.current_event.raw_event["requestContext"].get("path") or "")
    last = path.rpartition("/")[2]
    if last:
        return Response(308, TYPES[".html"], "", headers={"Location": f"{quote(last)}/", **GUARDS})
    return _answer(FIRST)


@router.get("/page/<name>", include_in_schema=False)
def get_file(name: str) -> Response[str]:
    """A script, a style or a picture of the page."""
    if name not in files() or name == FIRST:
        raise NotFoundError
    return _answer(name)


def _answer(name: str) -> Response[str]:
    file = files()[name]
    headers = {"ETag": file.etag, **GUARDS}
    known = (router.current_event.headers or {}).get("If-None-Match") or ""
    if file.etag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return Response(304, file.kind, "", headers=headers)
    return Response(200, file.kind, file.text, headers=headers)
