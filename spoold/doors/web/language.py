"""Which language a page is in, and its words; chosen for each request, English unless another is asked for.

Words are found by their English text (gettext). The choice is in a context variable, because requests of
several languages are answered at the same time; nothing about languages is kept in the template environment.
A language's words are read, and Babel with them, when the first page in it is asked for: a site where
everybody reads English pays nothing.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import trio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from spoold.doors.web.catalog import Catalog

ENGLISH = "en"
# What each language calls itself; every one but English has its words in locale/CODE.
LANGUAGES: MappingProxyType[str, str] = MappingProxyType({ENGLISH: "English", "fr": "Français"})

COOKIE = "__Host-spoold-language"
# A year: whoever chose once does not want to choose again.
COOKIE_AGE_S = 365 * 24 * 3600
# A browser lists a handful of languages; what is longer is not a list that anybody made.
_MAX_ACCEPT_LENGTH = 512
_RANGE = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*|\*")
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
# Addresses for programs: their words stay English, and no catalog is read for them.
_PROGRAMS = ("/api/", "/static/", "/metrics", "/healthz")
# What may follow "?" in the address that a page is left at and come back to; no secret is among these.
_KEPT_IN_QUERY = frozenset({"next", "printer"})


@dataclass(frozen=True, slots=True)
class Speech:
    """How one request is answered.

    Args:
        code: the language (RFC 5646), also for <html lang>.
        catalog: its words; None for English, which needs none.
        here: the page's own address, where the language switch leads back to.
    """

    code: str = ENGLISH
    catalog: "Catalog | None" = None
    here: str = "/"


_ENGLISH = Speech()
_CURRENT: ContextVar[Speech] = ContextVar("speech", default=_ENGLISH)
_LOADED: "dict[str, Catalog]" = {}


def speech() -> Speech:
    """Return how the present request is answered."""
    return _CURRENT.get()


def plain_gettext(message: str) -> str:
    """Return a text in the language of the page, its values not yet put in (what templates call)."""
    catalog = _CURRENT.get().catalog
    return message if catalog is None else catalog.gettext(message)


def plain_ngettext(singular: str, plural: str, count: int) -> str:
    """Return the form of a text that goes with a number, its values not yet put in (what templates call)."""
    catalog = _CURRENT.get().catalog
    if catalog is None:
        return singular if count == 1 else plural
    return catalog.ngettext(singular, plural, count)


def gettext(message: str, /, **values: object) -> str:
    """Return a text in the language of the page; `%(name)s` is replaced, and "%%" is a percent sign."""
    return plain_gettext(message) % values


def ngettext(singular: str, plural: str, count: int, /, **values: object) -> str:
    """Return a text that depends on a number, which it calls `%(num)s`."""
    return plain_ngettext(singular, plural, count) % {"num": count, **values}


def marked(message: str) -> str:
    """Return the text as it is; it stands in a table and is looked up when it is shown."""
    return message


def said(text: str) -> str:
    """Return what the daemon says (a refusal, a job's reason, a printer's state) in the language of the page.

    It is known by its English sentence, values and all; what no pattern knows stays as it is, such as the
    words that an administrator wrote into a rule.
    """
    catalog = _CURRENT.get().catalog
    return text if catalog is None or not text else catalog.said(text)


@contextmanager
def speaking(code: str, here: str = "/") -> Iterator[None]:
    """Answer in this language inside the block; its words are read now if they have not been."""
    catalog = None if code == ENGLISH else _loaded(code)
    token = _CURRENT.set(Speech(code, catalog, here))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def choose(headers: Headers) -> str:
    """Return the language for a request: the remembered choice, else what the browser prefers."""
    chosen = {
        value
        for pair in ";".join(headers.getlist("cookie")).split(";")
        for name, _, value in [pair.strip().partition("=")]
        if name == COOKIE and value in LANGUAGES
    }
    if len(chosen) == 1:
        return chosen.pop()
    return preferred(",".join(headers.getlist("accept-language")))


def preferred(accepted: str) -> str:
    """Return the language that suits an Accept-Language field best (RFC 9110 12.5.4; RFC 4647 3.4)."""
    if len(accepted) > _MAX_ACCEPT_LENGTH:
        return ENGLISH
    best, best_weight = ENGLISH, 0.0
    for part in accepted.split(","):
        tag, _, parameter = part.strip().partition(";")
        match, weight = _RANGE.fullmatch(tag.strip()), 1.0
        if match is None:
            continue
        if parameter:
            found = _WEIGHT.fullmatch(parameter.strip().lower())
            weight = float(found[1]) if found else 0.0
        code = ENGLISH if match[1] is None else match[1].lower()
        if code in LANGUAGES and weight > best_weight:
            best, best_weight = code, weight
    return best


class Languages:
    """ASGI middleware: answers each request for a page in its reader's language, and says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith(_PROGRAMS):
            await self._app(scope, receive, send)
            return
        code = choose(Headers(scope=scope))
        if code != ENGLISH and code not in _LOADED:
            # Reading it takes some tenths of a second, once.
            await trio.to_thread.run_sync(_loaded, code)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Language"] = code
                    headers.add_vary_header("Accept-Language")
                    headers.add_vary_header("Cookie")
            await send(message)

        with speaking(code, _here(scope)):
            await self._app(scope, receive, dressed)


def _here(scope: Scope) -> str:
    try:
        pairs = parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=8)
    except ValueError:
        pairs = []
    query = urlencode([(name, value) for name, value in pairs if name in _KEPT_IN_QUERY])
    path: str = scope["path"]
    return f"{path}?{query}" if query else path


def _loaded(code: str) -> "Catalog":
    found = _LOADED.get(code)
    if found is None:
        from spoold.doors.web.catalog import load_catalog  # noqa: PLC0415 - Babel, only where it is needed

        found = _LOADED[code] = load_catalog(code)
    return found
