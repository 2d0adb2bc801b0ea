"""API tokens: what programs show instead of a person's password."""

from datetime import timedelta
from types import MappingProxyType

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.language import marked
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.proof import asking, fresh_principal
from spoold.identity.tokens import NewToken, Tokens, is_good
from spoold.model.errors import NotFound, NotPossible, SpoolError
from spoold.model.scopes import Scope

log = structlog.get_logger()

SCOPE_WORDS = MappingProxyType(
    {
        Scope.JOBS_READ: marked("See my jobs and their names"),
        Scope.JOBS_RELEASE: marked("Release my jobs: paper comes out without anybody signing in"),
        Scope.JOBS_DELETE: marked("Delete my jobs"),
        Scope.PRINTERS_READ: marked("See the printers and whether they are ready"),
    }
)
LIVES_DAYS = (30, 90, 180, 365)


async def show_tokens(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the visitor's tokens and the form for another."""
    return await _page(portal, visitor)


async def add_token(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Make a token; this answer is the only one that ever shows it."""
    try:
        principal = await fresh_principal(portal, visitor)
        made = await _tokens(portal).issue(
            principal.id,
            label=visitor.form.get("label", ""),
            scopes=_chosen(visitor),
            networks=visitor.form.get("networks", "").replace(",", " ").split(),
            life=_life(visitor),
            actor=principal.id,
        )
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("token-not-made", user=visitor.known.id, kind=error.kind)
        return await _page(portal, visitor, error=error)
    return await _page(portal, visitor, made=made)


async def revoke_token(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """End one of the visitor's tokens."""
    user = visitor.known.id
    await _tokens(portal).revoke(visitor.form.get("token", ""), actor=user, owner=user)
    return RedirectResponse("/me/tokens", 303)


def _tokens(portal: Portal) -> Tokens:
    if portal.tokens is None:
        raise NotFound("Tokens are not used here.")
    return portal.tokens


def _chosen(visitor: Visitor) -> list[str]:
    return [scope.value for scope in SCOPE_WORDS if f"scope-{scope.value}" in visitor.form]


def _life(visitor: Visitor) -> timedelta:
    days = visitor.form.get("days", "")
    if days not in map(str, LIVES_DAYS):
        raise NotPossible("Choose how long the token is good for.")
    return timedelta(days=int(days))


async def _page(
    portal: Portal, visitor: Visitor, *, made: NewToken | None = None, error: SpoolError | None = None
) -> Response:
    now = portal.clock.now()
    rows = await _tokens(portal).of(visitor.known.id)
    return page(
        portal,
        visitor,
        "tokens.html",
        refusal=error,
        tokens=[row for row in rows if is_good(row, now)],
        made=made,
        scopes=SCOPE_WORDS,
        lives=LIVES_DAYS,
        form=visitor.form if error is not None else {},
        **asking(portal, visitor, "/me/tokens", error=error),
        peer=visitor.peer,
    )
