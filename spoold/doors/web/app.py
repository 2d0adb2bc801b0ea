"""Builds the web application and serves it over TLS."""

import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route

from protocols.http.message import Request as ServerRequest
from protocols.http.server import HttpServer, HttpStatistics
from protocols.limits import HttpLimits
from spoold.doors.web.asgi import AsgiApp, handler_of
from spoold.doors.web.guard import MAX_BODY_BYTES, message_page
from spoold.doors.web.language import Languages
from spoold.doors.web.portal import ClaimDesk, JobDesk, Portal, is_loopback
from spoold.doors.web.problem import problem
from spoold.doors.web.rendering import Renderer
from spoold.doors.web.routes import build_routes
from spoold.doors.web.security import Security
from spoold.identity.authenticator import Identity
from spoold.identity.kerberos import Kerberos
from spoold.identity.marks import PrinterMarks
from spoold.identity.oidc import Oidc
from spoold.identity.print_uris import PrintUris
from spoold.identity.second_factors import SecondFactors
from spoold.identity.tokens import Tokens
from spoold.model.site import CurrentSite
from spoold.release.decisions import Decisions
from spoold.release.stations import StationDesk
from spoold.runtime.clock import Clock
from spoold.runtime.health import Health
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

_API = "/api/"
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

# The portal takes forms and gives pages: what is generous for documents would be an invitation here.
WEB_LIMITS = replace(
    HttpLimits(), max_body_bytes=2 * MAX_BODY_BYTES, max_connections=1_024, max_connections_per_address=256
)


def build_web_app(
    *,
    identity: Identity,
    desk: JobDesk,
    site: CurrentSite,
    clock: Clock,
    metrics: Metrics,
    health: Health,
    allowed_hosts: Callable[[str], bool] | None = None,
    metrics_allowed: Callable[[str], bool] = is_loopback,
    trusted_certificate: Callable[[], bool] = lambda: False,
    tokens: Tokens | None = None,
    factors: SecondFactors | None = None,
    stations: StationDesk | None = None,
    marks: PrinterMarks | None = None,
    kerberos: Kerberos | None = None,
    oidc: Oidc | None = None,
    print_uris: PrintUris | None = None,
    claims: ClaimDesk | None = None,
    decisions: Decisions | None = None,
) -> Starlette:
    """Return the application.

    Args:
        allowed_hosts: whether a name or address in Host is ours, in lower case without port and brackets;
            by default the site's name and this machine's own names for itself.
        metrics_allowed: whether a peer, by its address, may read /metrics and the reasons in /healthz.
        trusted_certificate: whether browsers trust the certificate (HSTS is sent only then).
    """

    def is_ours(host: str) -> bool:
        return host == site().name.lower() or host in _LOCAL_NAMES

    portal = Portal(
        identity=identity,
        desk=desk,
        site=site,
        clock=clock,
        metrics=metrics,
        health=health,
        renderer=Renderer(),
        metrics_allowed=metrics_allowed,
        tokens=tokens,
        factors=factors,
        stations=stations,
        marks=marks,
        kerberos=kerberos,
        oidc=oidc,
        print_uris=print_uris,
        claims=claims,
        decisions=decisions,
    )
    security = Middleware(
        Security,
        allowed_hosts=allowed_hosts or is_ours,
        trusted_certificate=trusted_certificate,
        metrics=metrics,
    )

    async def no_route(request: Request, error: Exception) -> Response:
        return _no_route(request, error, portal)

    app = Starlette(
        routes=build_routes(portal),
        middleware=[security, Middleware(Languages)],
        exception_handlers={HTTPException: no_route},
    )
    # "/jobs/" is not "/jobs": an address has one spelling.
    app.router.redirect_slashes = False
    return app


async def serve_web(
    app: AsgiApp,
    sockets: Sequence[socket.socket],
    *,
    tls_context: Callable[[], ssl.SSLContext],
    shutdown: Callable[[], Awaitable[None]],
    limits: HttpLimits = WEB_LIMITS,
    statistics: HttpStatistics | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the application until `shutdown` returns and the requests that had begun are answered.

    Args:
        sockets: bound and listening, our own or inherited; they are closed at the end.
        tls_context: gives the context for the next connection, so that a renewed certificate counts at once.
        task_status: told once connections are accepted.
    """
    server = HttpServer(
        handler_of(app), limits=limits, tls_context=tls_context, statistics=statistics, on_error=_log_bug
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, sockets)
        task_status.started()
        await shutdown()
        server.drain()


def _no_route(request: Request, error: Exception, portal: Portal) -> Response:
    """Answer what no route is for; 404 and 405 as the table says."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = {"Allow": _allowed_methods(request)} if status == 405 else None
    words = "There is nothing here." if status == 404 else "This address does not do that."
    if request.url.path.startswith(_API):
        return problem(status, words, "not-found" if status == 404 else "method", headers=headers)
    if request.method not in {"GET", "HEAD"}:
        return PlainTextResponse(f"{words}\n", status, headers=headers)
    return message_page(portal, status, words, headers=headers)


def _allowed_methods(request: Request) -> str:
    """Return every method of this address (RFC 9110 15.5.6); Starlette knows only the first route's."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))


def _log_bug(error: Exception, request: ServerRequest) -> None:
    # The traceback names our own lines; the request's fields and body stay out of the log.
    log.error("web-bug", method=request.method, peer=request.peer_host, exc_info=error)
