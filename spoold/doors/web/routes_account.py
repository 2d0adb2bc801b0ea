"""Addresses of what people look after about how they, and their programs, are known here."""

from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.views import tokens
from spoold.model.access import Action

_PORTAL = Surface.PORTAL

ACCOUNT_ROUTES = (
    RouteDeclaration("GET", "/me/tokens", Action.CHANGE_TOKENS, _PORTAL, tokens.show_tokens),
    RouteDeclaration("POST", "/me/tokens", Action.CHANGE_TOKENS, _PORTAL, tokens.add_token),
    RouteDeclaration("POST", "/me/tokens/revoke", Action.CHANGE_TOKENS, _PORTAL, tokens.revoke_token),
)
