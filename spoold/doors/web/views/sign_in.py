"""Signing in and out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.guard import COOKIE, safe_next, session_token
from spoold.doors.web.navigation import ways_of
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.pin import printers_of
from spoold.model.errors import SpoolError
from spoold.model.principal import Principal


async def show_sign_in(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the form; whoever is signed in already goes on."""
    following = safe_next(request.query_params.get("next", "/"))
    if await portal.identity.principal_of(session_token(request)) is not None:
        return RedirectResponse(following, 303)
    return page(
        portal,
        visitor,
        "sign_in.html",
        name="",
        following=following,
        ways=ways_of(portal, following),
        takes_pins=bool(printers_of(portal)),
    )


async def sign_in(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Check name and password; the session is always a new one, the browser's old one ends."""
    name = visitor.form.get("name", "")
    following = safe_next(visitor.form.get("next", "/"))
    try:
        token, _ = await portal.identity.sign_in(name, visitor.form.get("password", ""), peer=visitor.peer)
    except SpoolError as error:
        portal.metrics.refused(error)
        return page(
            portal,
            visitor,
            "sign_in.html",
            refusal=error,
            name=name,
            following=following,
            ways=ways_of(portal, following),
            takes_pins=bool(printers_of(portal)),
        )
    response = RedirectResponse(following, 303)
    await _change_session(request, portal, token, response)
    return response


async def begin_session(request: Request, portal: Portal, principal: Principal, response: Response) -> None:
    """Start a session for somebody who was proven by other means; the browser's old one ends."""
    await _change_session(request, portal, await portal.identity.open_session(principal), response)


async def sign_out(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """End the session, here and in the browser."""
    await portal.identity.sign_out(visitor.token)
    response = RedirectResponse("/sign-in", 303)
    # Pages that the browser keeps for "back" go as well (Clear Site Data, 3.1).
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    _set_cookie(response, "", lifetime="; Max-Age=0")
    return response


async def _change_session(request: Request, portal: Portal, token: str, response: Response) -> None:
    if old := session_token(request):
        await portal.identity.sign_out(old)
    _set_cookie(response, token)


def _set_cookie(response: Response, token: str, lifetime: str = "") -> None:
    # __Host-: only over TLS, only from this host, for all of it (RFC 6265bis 4.1.3.2).
    response.headers["Set-Cookie"] = f"{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict{lifetime}"
