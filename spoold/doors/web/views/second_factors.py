"""Second factors in "My account": setting up an app or a passkey, recovery codes, removing."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.database.factors import RECOVERY
from spoold.doors.web.guard import site_of
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.proof import asking, fresh_principal
from spoold.doors.web.views.second_factor import factors_of
from spoold.model.errors import NotFound, NotPossible, SpoolError
from spoold.runtime import qr_code

log = structlog.get_logger()

_HERE = "/me/second-factor"


async def show_factors(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show what the visitor has, and the ways to set up another."""
    return await _page(portal, visitor)


async def begin_app(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the QR code that an authenticator app reads, and ask for its first code."""
    try:
        await fresh_principal(portal, visitor)
    except SpoolError as error:
        return await _refused(portal, visitor, error)
    factors_of(portal).codes.begin(visitor.token)
    return _app_page(portal, visitor)


async def show_qr_code(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Send the QR code of the app that is being set up in this session."""
    from spoold.identity.one_time import setup_uri  # noqa: PLC0415 - loaded when used

    secret = factors_of(portal).codes.pending_secret(visitor.token)
    if secret is None:
        raise NotFound("Nothing is being set up.")
    uri = setup_uri(secret, account=visitor.known.name, issuer=portal.site().name)
    return Response(qr_code.as_svg(uri), media_type="image/svg+xml")


async def confirm_app(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Keep the app, because it shows the right code."""
    form = visitor.form
    try:
        done = await factors_of(portal).codes.add(
            visitor.known, visitor.token, form.get("code", ""), label=form.get("label", "")
        )
    except SpoolError as error:
        portal.metrics.refused(error)
        if factors_of(portal).codes.pending_secret(visitor.token) is None:
            return await _refused(portal, visitor, error)
        return _app_page(portal, visitor, error=error)
    return await _page(portal, visitor, codes=done.codes)


async def begin_passkey(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Have the browser make a passkey."""
    try:
        principal = await fresh_principal(portal, visitor)
        site = site_of(request, portal)
        options = await factors_of(portal).passkeys.to_make(principal, visitor.token, site)
    except SpoolError as error:
        return await _refused(portal, visitor, error)
    return page(portal, visitor, "second_factor_passkey.html", options=options)


async def confirm_passkey(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Keep the passkey that the browser has made."""
    form = visitor.form
    try:
        site = site_of(request, portal)
        if not form.get("passkey"):
            raise NotPossible("No passkey was made. Try again.")
        done = await factors_of(portal).passkeys.add(
            visitor.known, visitor.token, form.get("passkey", ""), site, label=form.get("label", "")
        )
    except SpoolError as error:
        return await _refused(portal, visitor, error)
    return await _page(portal, visitor, codes=done.codes)


async def new_codes(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Replace the recovery codes; the answer shows the new ones, once."""
    try:
        principal = await fresh_principal(portal, visitor)
        if not portal.identity.second.is_enrolled(principal.id):
            raise NotPossible("Set up an app or a passkey first; recovery codes stand in for those.")
        done = await factors_of(portal).book.new_recovery_codes(principal)
    except SpoolError as error:
        return await _refused(portal, visitor, error)
    return await _page(portal, visitor, codes=done.codes)


async def remove_factor(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Remove one factor."""
    try:
        principal = await fresh_principal(portal, visitor)
        await factors_of(portal).book.remove(principal, visitor.form.get("factor", ""))
    except SpoolError as error:
        return await _refused(portal, visitor, error)
    return RedirectResponse(_HERE, 303)


async def _refused(portal: Portal, visitor: Visitor, error: SpoolError) -> Response:
    portal.metrics.refused(error)
    log.info("second-factor-refused", user=visitor.known.id, kind=error.kind, why=error.fields.get("why"))
    return await _page(portal, visitor, error=error)


def _app_page(portal: Portal, visitor: Visitor, *, error: SpoolError | None = None) -> Response:
    from spoold.identity.one_time import spelled  # noqa: PLC0415 - loaded when used

    secret = factors_of(portal).codes.pending_secret(visitor.token)
    return page(
        portal,
        visitor,
        "second_factor_app.html",
        refusal=error,
        secret="" if secret is None else spelled(secret),
        label=visitor.form.get("label", ""),
    )


async def _page(
    portal: Portal, visitor: Visitor, *, codes: list[str] | None = None, error: SpoolError | None = None
) -> Response:
    rows = await factors_of(portal).book.of(visitor.known.id)
    return page(
        portal,
        visitor,
        "second_factors.html",
        refusal=error,
        factors=[row for row in rows if row.kind != RECOVERY],
        codes_left=sum(row.kind == RECOVERY for row in rows),
        codes=codes or [],
        must=portal.identity.second.must(visitor.known),
        **asking(portal, visitor, "/me/second-factor", error=error),
    )
