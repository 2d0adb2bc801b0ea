"""Showing a second factor: after the password, or a passkey instead of it."""

from dataclasses import replace

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.guard import safe_next, site_of
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.sign_in import begin_session
from spoold.identity.second_factors import SecondFactors
from spoold.model.errors import NotAuthenticated, NotFound, SpoolError
from spoold.model.principal import Method

log = structlog.get_logger()


async def show_second_factor(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Ask for the code or the passkey; whoever need not show one goes on."""
    following = safe_next(request.query_params.get("next", "/"))
    if not portal.identity.second.is_missing(visitor.known):
        return RedirectResponse(following, 303)
    return await _page(request, portal, visitor, following)


async def take_second_factor(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take a code or a passkey for this session."""
    person, form = visitor.known, visitor.form
    following = safe_next(form.get("next", "/"))
    if not portal.identity.second.is_missing(person):
        return RedirectResponse(following, 303)
    factors, passkey = factors_of(portal), form.get("passkey", "")
    try:
        if passkey:
            site = site_of(request, portal)
            await factors.passkeys.show(person, visitor.token, passkey, site, peer=visitor.peer)
        else:
            await factors.codes.show(person, visitor.token, form.get("code", ""), peer=visitor.peer)
    except SpoolError as error:
        portal.metrics.refused(error)
        return await _page(request, portal, visitor, following, error=error)
    return RedirectResponse(following, 303)


async def show_passkey_sign_in(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Ask for a passkey, of nobody in particular."""
    return _sign_in_page(request, portal, visitor, safe_next(request.query_params.get("next", "/")))


async def sign_in_by_passkey(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Start a session for whoever shows a passkey: it is something one has, and a PIN or finger."""
    following = safe_next(visitor.form.get("next", "/"))
    try:
        site, answer = site_of(request, portal), visitor.form.get("passkey", "")
        user_id = await factors_of(portal).passkeys.who_shows(answer, site, peer=visitor.peer)
        account = await portal.identity.account_of(user_id)
        if account is None:
            raise NotAuthenticated("The passkey was not accepted.", user=user_id)
        principal = await portal.identity.admit(account, method=Method.PASSKEY, peer=visitor.peer)
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("passkey-refused", peer=visitor.peer, kind=error.kind, why=error.fields.get("why"))
        return _sign_in_page(request, portal, visitor, following, error=error)
    response = RedirectResponse(following, 303)
    shown = replace(principal, second_at=principal.proven_at)
    await begin_session(request, portal, shown, response)
    return response


def factors_of(portal: Portal) -> SecondFactors:
    """Return the part that knows second factors.

    Raises:
        NotFound: this portal has none.
    """
    if portal.factors is None:
        raise NotFound("Second factors are not used here.")
    return portal.factors


async def _page(
    request: Request, portal: Portal, visitor: Visitor, following: str, *, error: SpoolError | None = None
) -> Response:
    factors, options = factors_of(portal), ""
    try:
        site = site_of(request, portal)
    except SpoolError:
        # Reached under another name: passkeys are not to be had here, codes are.
        site = None
    if site is not None:
        options = await factors.passkeys.to_show(visitor.known, visitor.token, site)
    return page(
        portal,
        visitor,
        "second_factor.html",
        refusal=error,
        following=following,
        options=options,
    )


def _sign_in_page(
    request: Request, portal: Portal, visitor: Visitor, following: str, *, error: SpoolError | None = None
) -> Response:
    options = ""
    try:
        options = factors_of(portal).passkeys.to_sign_in(site_of(request, portal))
    except SpoolError as elsewhere:
        error = error or elsewhere
    return page(
        portal,
        visitor,
        "passkey.html",
        # A page that only says that passkeys are not to be had under this name is one all the same.
        status=200 if request.method == "GET" else None,
        refusal=error,
        following=following,
        options=options,
    )
