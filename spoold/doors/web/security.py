"""What every request passes before anything of it is looked at, and what every answer carries.

Order (docs/threat-model.md, web): TLS, Host, the shape of the path; then route and method (the table),
cross-site checks, who it is, whether they may, and last the body (`guard`).
"""

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spoold.runtime.metrics import Metrics

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
)
# A year; sent only with a certificate that browsers trust: with another they would lock their own person out.
STRICT_TRANSPORT_SECURITY = "max-age=31536000"

_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
# No address of ours needs more; what does not match has a second reading somewhere: ";", "%2f", "..", "//".
_PATH = re.compile(r"(?:/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)+|/")
_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class Security:
    """ASGI middleware: refuses what is not addressed to us over TLS, and dresses every answer.

    Args:
        allowed_hosts: whether a name or address in Host is ours; in lower case, without port and brackets.
        trusted_certificate: whether browsers trust our certificate; asked for each answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Callable[[str], bool],
        trusted_certificate: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._trusted_certificate = trusted_certificate
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # No route speaks WebSocket.
            await send({"type": "websocket.close", "code": 1008})
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.http_answered("web", message["status"])
                self._dress(MutableHeaders(raw=message["headers"]))
            await send(message)

        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, dressed)

    def _refusal(self, scope: Scope) -> Response | None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or (name := host_name(hosts[0])) is None:
            return PlainTextResponse("A request names exactly one host.\n", 400)
        if not self._allowed_hosts(name):
            return PlainTextResponse("This is not the host you are looking for.\n", 421)
        raw_path = scope.get("raw_path", b"").decode("latin-1")
        if not _PATH.fullmatch(scope["path"]) or raw_path not in {"", scope["path"]}:
            return PlainTextResponse("There is nothing here.\n", 404)
        if scope["scheme"] != "https":
            return _to_https(scope, hosts[0])
        return None

    def _dress(self, headers: MutableHeaders) -> None:
        for name, value in _HEADERS:
            headers[name] = value
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        if self._trusted_certificate():
            headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY


def is_plain_path(path: str) -> bool:
    """Tell whether an address could be one of ours: it has one reading, and names no other host."""
    return _PATH.fullmatch(path) is not None


def host_name(host: str) -> str | None:
    """Return the name or address in a Host field, in lower case; None when it is not a host at all."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    name = match[1].lower()
    if not name.startswith("["):
        return name
    try:
        return str(ipaddress.IPv6Address(name[1:-1]))
    except ValueError:
        return None


def cross_site_reason(headers: Headers, *, form: bool) -> str | None:
    """Return why a request that changes something may come from a foreign page, None when it cannot.

    Browsers say where a request comes from in two ways: Sec-Fetch-Site (Fetch Metadata) and Origin
    (RFC 6454). Under `Referrer-Policy: no-referrer` they send "Origin: null" with our own forms (Fetch,
    "append a request Origin header"); Sec-Fetch-Site, which pages cannot set, then decides alone.

    Args:
        form: the request is a posted form, which a browser never sends without an Origin; programs send none.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        return "sec-fetch-site"
    if origin is None:
        return "no-origin" if form else None
    if origin == "null":
        return None if site == "same-origin" else "origin"
    return None if _is_own(origin, headers["host"]) else "origin"


def _is_own(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    return (parts.scheme, parts.netloc.lower()) == ("https", host.lower()) and origin.count("/") == 2


def _to_https(scope: Scope, host: str) -> Response:
    """Send people who typed the address to TLS; what else came in clear is refused, it cannot be unsaid."""
    headers = Headers(scope=scope)
    if scope["method"] not in {"GET", "HEAD"} or "authorization" in headers or "cookie" in headers:
        return PlainTextResponse("This service is offered over TLS only.\n", 403)
    return RedirectResponse(f"https://{host}{scope['path']}", 308)
