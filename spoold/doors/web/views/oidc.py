"""Signing in to the portal at an OpenID provider: on the way there, and back."""

import re

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.guard import CrossSite, safe_next
from spoold.doors.web.language import speech
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.security import cross_site_reason
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.sign_in import begin_session
from spoold.identity.oidc import OVER, Returned
from spoold.identity.oidc_pending import TERM_S, new_browser
from spoold.model.errors import NotAuthenticated, NotFound, SpoolError

log = structlog.get_logger()

# Binds a sign-in to the browser that began it. Lax: the browser comes back from another site, and has to
# bring it along; it opens nothing by itself.
COOKIE = "__Host-spoold-oidc"
_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")
# What a provider's codes and states can be long; more is nobody's.
_MAX_PARAMETER = 2_048


async def begin(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Send the browser to the provider."""
    if portal.oidc is None:
        raise NotFound("There is nothing here.")
    if (reason := cross_site_reason(request.headers, form=False)) is not None:
        # Another site's page must not begin a sign-in in somebody's browser.
        raise CrossSite("This request did not come from this site.", reason=reason)
    following = safe_next(request.query_params.get("next", "/"))
    browser = _browser(request) or new_browser()
    try:
        address = await portal.oidc.begin(
            browser,
            following,
            peer=visitor.peer,
            language=speech().code,
            again=request.query_params.get("again") == "1",
        )
    except SpoolError as error:
        return _failed(portal, visitor, following, error)
    response = RedirectResponse(address, 303)
    _set_cookie(response, browser, int(TERM_S))
    return response


async def come_back(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take in whoever comes back from the provider; a session begins."""
    if portal.oidc is None:
        raise NotFound("There is nothing here.")
    browser = _browser(request)
    try:
        if browser is None:
            raise NotAuthenticated(OVER)
        principal, following = await portal.oidc.finish(browser, _returned(request), peer=visitor.peer)
    except SpoolError as error:
        failed = _failed(portal, visitor, "/", error)
        _set_cookie(failed, "", 0)
        return failed
    # Not a redirect: in the chain that came from another site, the browser would keep back the session's
    # cookie (SameSite=Strict). A page of ours begins a new one.
    response = page(portal, visitor, "signed_in.html", following=following)
    await begin_session(request, portal, principal, response)
    _set_cookie(response, "", 0)
    return response


def _returned(request: Request) -> Returned:
    """Return what the provider says; a parameter that is there twice is not there (RFC 6749 3.1)."""
    query = request.query_params

    def one(name: str) -> str:
        found = query.getlist(name)
        return found[0] if len(found) == 1 and len(found[0]) <= _MAX_PARAMETER else ""

    issuer = one("iss") if "iss" in query else None
    return Returned(one("state"), one("code"), one("error"), issuer)


def _failed(portal: Portal, visitor: Visitor, following: str, error: SpoolError) -> Response:
    portal.metrics.refused(error)
    log.info("oidc-refused", kind=error.kind, **error.fields)
    return page(portal, visitor, "sign_in_failed.html", refusal=error, following=following)


def _browser(request: Request) -> str | None:
    found = request.cookies.get(COOKIE, "")
    return found if _BROWSER.fullmatch(found) else None


def _set_cookie(response: Response, value: str, lifetime_s: int) -> None:
    response.headers.append(
        "Set-Cookie",
        f"{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={lifetime_s}",
    )
