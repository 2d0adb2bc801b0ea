"""What stands before every handler: where the request comes from, who sends it, whether they may, its body.

The checks belong to the route's declaration, and the handler gets what they found: there is no way to a
handler around them, and no address that is checked in one place and acted on in another.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from protocols.errors import RemoteProtocolError
from protocols.http.challenge import parse_basic
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.problem import problem_of, retry_header
from spoold.doors.web.security import cross_site_reason, host_name
from spoold.doors.web.tickets import (
    principal_by_ticket,
    shows_ticket,
    takes_tickets,
    with_offer,
    with_reply,
)
from spoold.doors.web.views.proof import check_young
from spoold.identity.kerberos import Endpoint
from spoold.identity.passkey_site import PasskeySite
from spoold.identity.second_rule import SecondFactorNeeded
from spoold.identity.sessions import csrf_matches
from spoold.identity.tokens import Call, is_token
from spoold.model.access import Action, may, station_may
from spoold.model.errors import NotAuthenticated, NotAuthorized, NotFound, NotPossible, SpoolError, TooLarge
from spoold.model.ids import JobId
from spoold.model.principal import Principal
from spoold.model.scopes import Scope
from spoold.model.station import Station
from spoold.release.views import JobView

Handler = Callable[[Request, Portal, Visitor], Awaitable[Response]]

COOKIE = "__Host-spoold"
# The device of a release station; nothing that a person carries away.
STATION_COOKIE = "__Host-spoold-station"
FORM_TYPE = "application/x-www-form-urlencoded"
# A name, a password of 1,024 bytes in percent-encoding, a token: 4 KiB; the rest is room.
MAX_BODY_BYTES = 16 * 1024
MAX_FORM_FIELDS = 16
# The canonical form and no other: one job, one address.
_JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Where a sign-in may lead back to.
_NEXT = re.compile(
    rf"/(?:printers|claim|claim/{_JOB_ID.pattern}|p/[a-z0-9._-]{{1,63}}/[A-Za-z0-9_-]{{22}}|me(?:/[a-z-]+)?"
    rf"|approvals(?:/codes)?|jobs/{_JOB_ID.pattern}(?:/(?:release|delete))?)?"
)
# One text for a job that is not there and for one that is somebody else's.
NO_SUCH_JOB = "There is no such job."


class BadRequest(SpoolError):  # noqa: N818 - named as its siblings in spoold.model.errors
    """The request makes no sense."""

    kind: ClassVar[str] = "bad-request"
    http_status: ClassVar[int] = 400


class CrossSite(NotAuthorized):
    """The request may come from a page of somebody else's."""

    kind: ClassVar[str] = "cross-site"


class Surface(StrEnum):
    """What a route is for, and by what its visitors are known."""

    OPEN = "open"  # everybody, unknown
    PORTAL = "portal"  # people, by their session cookie
    API = "api"  # programs, by Basic or Bearer
    STATION = "station"  # the screen of a release station, by the cookie of its device


class Second(StrEnum):
    """When a page is there for people who have to show a second factor."""

    SHOWN = "shown"  # once they have shown it
    ENROLLING = "enrolling"  # and for those who have none yet, to set one up
    ASKED = "asked"  # always: here it is asked for


@dataclass(frozen=True, slots=True)
class RouteDeclaration:
    """One route: its address, what it does in the words of `spoold.model.access`, and for whom.

    Args:
        path: exact, with {job_id} for a job's UUID.
        about_job: the action is decided on each job: on the one in the path, before the handler runs,
            and by the desk for every job it shows or moves.
        fresh: API credentials are verified anew, whatever was proven minutes ago; a session shown there has
            to be as young as for a release.
        by_pin: who answers a request without credentials, whose only proof is the PIN in its body.
        second: what it takes of people who have to show a second factor.
        scope: what a program's token needs here; None where no token is good.
        about_approval: the action is decided by the desk of approvals, on the job in the path: it looks up
            what the person is to it.
    """

    method: str
    path: str
    action: Action
    surface: Surface
    handler: Handler
    about_job: bool = False
    fresh: bool = False
    by_pin: Handler | None = None
    second: Second = Second.SHOWN
    scope: Scope | None = None
    about_approval: bool = False


def guarded(declaration: RouteDeclaration, portal: Portal) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a route: its handler behind its checks."""

    async def endpoint(request: Request) -> Response:
        try:
            if declaration.by_pin is not None and "authorization" not in request.headers:
                _refuse_cross_site(request, form=False)
                return await declaration.by_pin(request, portal, Visitor(None, peer_of(request)))
            visitor = await _admit(request, declaration, portal)
            return with_reply(request, await declaration.handler(request, portal, visitor))
        except SpoolError as error:
            portal.metrics.refused(error)
            return with_reply(request, refusal(request, declaration.surface, portal, error))

    return endpoint


def refusal(request: Request, surface: Surface, portal: Portal, error: SpoolError) -> Response:
    """Return what a visitor is told of an error."""
    if surface is Surface.API:
        return with_offer(portal, Endpoint.API, problem_of(error))
    if isinstance(error, NotAuthenticated) and surface is Surface.PORTAL:
        if is_refresh(request):
            return Response(status_code=401)
        here = request.url.path if request.method == "GET" else "/"
        if isinstance(error, SecondFactorNeeded):
            return RedirectResponse(
                f"/second-factor?next={here}" if error.enrolled else "/me/second-factor", 303
            )
        return RedirectResponse(f"/sign-in?next={here}" if here != "/" else "/sign-in", 303)
    return message_page(portal, page_status(error), error.public, headers=retry_header(error))


def message_page(
    portal: Portal, status: int, message: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a page that says one thing, to somebody who may be anybody."""
    context = {"site_name": portal.site().name, "message": message, "status": status}
    return portal.renderer.page("message.html", context, status=status, headers=headers)


def page_status(error: SpoolError) -> int:
    """Return the status of a page that shows this error; a 401 would need a challenge (RFC 9110 15.5.2)."""
    return 403 if error.http_status == 401 else error.http_status


def peer_of(request: Request) -> str:
    """Return the numeric address of the client, "local" for a local socket."""
    return request.client.host if request.client is not None and request.client.host else "local"


def site_of(request: Request, portal: Portal) -> PasskeySite:
    """Return the site as passkeys know it: by its name, and by the address that the browser used.

    Raises:
        NotPossible: the browser came by another name, or by an address; passkeys belong to names.
    """
    host, name = request.headers["host"].lower(), portal.site().name.lower()
    if host_name(host) != name:
        raise NotPossible(f"Passkeys work at https://{name} only; open the portal there.")
    return PasskeySite(name, f"https://{host}")


def session_token(request: Request) -> str:
    """Return the session token in the cookie; empty when there is none, or more than one to choose from."""
    return _cookie(request, COOKIE)


def _cookie(request: Request, wanted: str) -> str:
    found = []
    for pair in ";".join(request.headers.getlist("cookie")).split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            found.append(value)
    return found[0] if len(found) == 1 else ""


def is_refresh(request: Request) -> bool:
    """Tell whether a page asks by itself, with nobody touching it."""
    return request.headers.get("x-refresh") == "1"


def safe_next(path: str) -> str:
    """Return where to go after signing in: one of our own pages, "/" for anything else."""
    return path if _NEXT.fullmatch(path) else "/"


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        TooLarge: it is longer than a form of ours can be.
    """
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise TooLarge("The request is too large.")
    body = bytearray()
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise TooLarge("The request is too large.")
    return bytes(body)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form, each once.

    Raises:
        BadRequest, TooLarge: it is not a form of ours.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        raise BadRequest("A form is sent as a form.")
    body = await read_body(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError:
        # `from None`: the exception quotes what was sent, passwords included.
        raise BadRequest("The form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadRequest("The form names a field twice.")
    return fields


async def _admit(request: Request, declaration: RouteDeclaration, portal: Portal) -> Visitor:
    is_form = declaration.method == "POST" and declaration.surface is not Surface.API
    if declaration.method != "GET" or declaration.surface is Surface.API:
        _refuse_cross_site(request, form=is_form)
    peer = peer_of(request)
    token, principal, station = "", None, None
    match declaration.surface:
        case Surface.STATION:
            token = _cookie(request, STATION_COOKIE)
            station = await _station(declaration, portal, token, peer)
        case Surface.PORTAL:
            token = session_token(request)
            principal = await portal.identity.principal_of(token, used=not is_refresh(request))
            _check_second(declaration, portal, principal)
        case Surface.API:
            principal = await _api_principal(request, declaration, portal, peer)
            if principal is not None:
                principal = portal.identity.second.bounded(principal, fresh=declaration.fresh)
        case Surface.OPEN:
            if declaration.scope is not None and (presented := _bearer(request)) is not None:
                principal = await _program(presented, request, declaration, portal, peer)
    if principal is None and declaration.surface not in {Surface.OPEN, Surface.STATION}:
        raise NotAuthenticated("Sign in first.")
    job = None if station else await _authorize(request, declaration, portal, principal)
    form = await read_form(request) if is_form else {}
    if is_form and token and not csrf_matches(token, form.get("csrf", "")):
        raise CrossSite("This page was too old to do that. Go back, reload it and try again.", reason="csrf")
    return Visitor(principal, peer, token, job, form, station)


async def _station(declaration: RouteDeclaration, portal: Portal, token: str, peer: str) -> Station:
    """Return the station whose device sends this; nobody need be signed in there."""
    if portal.stations is None or not station_may(declaration.action):
        raise NotAuthorized("Release stations are not used here.")
    return await portal.stations.devices.at(token, peer=peer)


def _check_second(declaration: RouteDeclaration, portal: Portal, principal: Principal | None) -> None:
    """Refuse whoever still has to show a second factor, or to set one up."""
    if principal is None or declaration.second is Second.ASKED:
        return
    rule = portal.identity.second
    if declaration.second is Second.SHOWN or rule.is_enrolled(principal.id):
        rule.check(principal)


def _refuse_cross_site(request: Request, *, form: bool) -> None:
    reason = cross_site_reason(request.headers, form=form)
    if reason is not None:
        raise CrossSite("This request did not come from this site.", reason=reason)


def job_id_of(request: Request, part: str = "job_id") -> JobId:
    """Return the job in this part of the path; raises NotFound for what is no job's id."""
    text = request.path_params[part]
    if not _JOB_ID.fullmatch(text):
        raise NotFound(NO_SUCH_JOB)
    return JobId(UUID(text))


async def _authorize(
    request: Request, declaration: RouteDeclaration, portal: Portal, principal: Principal | None
) -> JobView | None:
    if declaration.about_approval:
        return None
    if not declaration.about_job:
        if not may(principal, declaration.action):
            raise NotAuthorized("Your account may not do this.")
        return None
    if "job_id" not in request.path_params:
        return None
    job_id = job_id_of(request)
    try:
        view = await portal.desk.job(principal, job_id)
    except NotFound:
        raise NotFound(NO_SUCH_JOB) from None
    if not may(principal, declaration.action, view.job, also=view.also):
        raise NotAuthorized("Only the owner of a job can do this.", job=str(job_id))
    return view


def _bearer(request: Request) -> str | None:
    """Return what is presented as a bearer token (RFC 6750 2.1), None when nothing is."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else None


async def _program(
    presented: str, request: Request, declaration: RouteDeclaration, portal: Portal, peer: str
) -> Principal:
    """Return whom a program acts for; the call is on record before anything else is done."""
    if portal.tokens is None:
        raise NotAuthenticated("Tokens are not used here.")
    job = request.path_params.get("job_id", "")
    named = job if _JOB_ID.fullmatch(job) else None
    call = Call(declaration.scope, declaration.action.value, peer, named)
    return await portal.tokens.principal_of(presented, call)


async def _api_principal(
    request: Request, declaration: RouteDeclaration, portal: Portal, peer: str
) -> Principal | None:
    authorization = request.headers.get("authorization", "")
    if (presented := _bearer(request)) is not None:
        if is_token(presented):
            return await _program(presented, request, declaration, portal, peer)
        principal = await portal.identity.principal_of(presented)
        if principal is not None and declaration.fresh:
            check_young(portal, principal)
        return principal
    if not authorization:
        return None
    try:
        if shows_ticket(request) and takes_tickets(portal, Endpoint.API):
            return await principal_by_ticket(request, portal, Endpoint.API, peer)
        credentials = parse_basic(authorization)
    except RemoteProtocolError as error:
        if error.status_hint == 401:
            return None
        raise BadRequest("The Authorization field cannot be read.") from None
    return await portal.identity.authenticate(
        credentials.user, credentials.password, peer=peer, fresh=declaration.fresh
    )
