"""What the IPP listener gives to GET: icons, words for keywords, and pages about a queue; to everybody.

Nothing here tells of jobs or people, and nothing here changes anything, so nobody has to sign in
and browsers are welcome (they are not at anything else of this listener).
"""

import re
from collections.abc import Callable, Mapping
from html import escape
from types import MappingProxyType

from protocols.http.message import Request, Response
from spoold.doors.ipp.icon import png
from spoold.doors.ipp.strings import LANGUAGES, strings_file
from spoold.model.queue import Queue
from spoold.model.site import CurrentSite
from spoold.printers.base import Supply

# PWG 5100.13 wants one of 48, one of 128 and one of 512 pixels.
ICONS: Mapping[str, int] = MappingProxyType(
    {"printer-48.png": 48, "printer-128.png": 128, "printer-512.png": 512}
)
# An icon and words change with the program only.
_LASTING = ("Cache-Control", "max-age=86400")
_PRIVATE = ("Cache-Control", "no-store")
# No script, no form, no other site: these pages are text.
_CLOSED = (
    ("Content-Security-Policy", "default-src 'none'; img-src 'self'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_SUPPLIES = re.compile(r"/supplies/([^/]+)")

_PRIVACY = """
<p>What you print here is encrypted as it arrives and stays so until you release it. The names of your
documents are shown to nobody but you. A job that you do not release is destroyed when its time is over; a
job that was printed, deleted or refused is destroyed at once.</p>
<p>Kept for the site's own records: when a job came, from which address and account, in which queue, how
large it was, where and when it was printed or why it was not. Ask whoever runs this server for how long.</p>
"""


def language_of(asked: str | None) -> str:
    """Return the language of `LANGUAGES` that comes closest to a natural language tag (RFC 5646)."""
    spoken = (asked or "").lower().partition("-")[0]
    return spoken if spoken in LANGUAGES else LANGUAGES[0]


def get(
    request: Request, site: CurrentSite, supplies: Callable[[Queue], tuple[Supply, ...]]
) -> Response | None:
    """Answer a GET or HEAD for one of the addresses that Printer attributes name; None for all others."""
    folder, _, name = request.path.lstrip("/").partition("/")
    if folder == "icons" and name in ICONS:
        return _found("image/png", png(ICONS[name]), _LASTING)
    language, dot, ending = name.partition(".")
    if folder == "strings" and (dot, ending) == (".", "strings") and language in LANGUAGES:
        return _found("text/strings; charset=utf-8", strings_file(language), _LASTING)
    if request.path == "/":
        return _page("Print server", _front(site, request.headers.get("host") or site().name))
    if request.path == "/privacy":
        return _page("What happens to what you print", _PRIVACY)
    asked = _SUPPLIES.fullmatch(request.path)
    queue = None if asked is None else site().queues.get(asked[1])
    return None if queue is None else _page(f"Supplies of {queue.name}", _levels(supplies(queue)))


def _front(site: CurrentSite, authority: str) -> str:
    rows = "".join(
        f"<li><b>{escape(queue.name)}</b> {escape(queue.description)} "
        f"(<a href='/supplies/{escape(queue.name)}'>supplies</a>)</li>"
        for queue in site().queues.values()
    )
    return (
        "<p><img src='/icons/printer-128.png' alt='' width='128' height='128'></p>"
        "<p>Jobs printed here are held, encrypted, until their owner releases them.</p>"
        f"<p>Add a queue as an IPP printer: <code>ipps://{escape(authority)}/ipp/print/QUEUE</code></p>"
        f"<ul>{rows}</ul><p><a href='/privacy'>What happens to what you print</a></p>"
    )


def _levels(supplies: tuple[Supply, ...]) -> str:
    if not supplies:
        return "<p>The printers behind this queue do not say how full they are.</p>"
    rows = "".join(
        f"<li>{escape(one.name)}: {'unknown' if one.level is None else f'{one.level} %'}"
        f"{' (low)' if one.low else ''}</li>"
        for one in supplies
    )
    return f"<ul>{rows}</ul>"


def _page(title: str, body: str) -> Response:
    text = (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
    return _found("text/html; charset=utf-8", text.encode(), _PRIVATE)


def _found(content_type: str, body: bytes, keeping: tuple[str, str]) -> Response:
    return Response(200, [("Content-Type", content_type), keeping, *_CLOSED], body)
