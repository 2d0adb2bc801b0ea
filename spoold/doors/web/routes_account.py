"""Addresses of what people look after about how they, and their programs, are known here."""

from spoold.doors.web.guard import RouteDeclaration, Second, Surface
from spoold.doors.web.views import second_factor, second_factors, tokens
from spoold.model.access import Action

_OPEN, _PORTAL = Surface.OPEN, Surface.PORTAL
_FACTORS = Action.CHANGE_FACTORS
_ENROLLING, _ASKED = Second.ENROLLING, Second.ASKED

ACCOUNT_ROUTES = (
    RouteDeclaration("GET", "/me/tokens", Action.CHANGE_TOKENS, _PORTAL, tokens.show_tokens),
    RouteDeclaration("POST", "/me/tokens", Action.CHANGE_TOKENS, _PORTAL, tokens.add_token),
    RouteDeclaration("POST", "/me/tokens/revoke", Action.CHANGE_TOKENS, _PORTAL, tokens.revoke_token),
    RouteDeclaration("GET", "/sign-in/passkey", Action.SIGN_IN, _OPEN, second_factor.show_passkey_sign_in),
    RouteDeclaration("POST", "/sign-in/passkey", Action.SIGN_IN, _OPEN, second_factor.sign_in_by_passkey),
    RouteDeclaration(
        "GET", "/second-factor", Action.SIGN_IN, _PORTAL, second_factor.show_second_factor, second=_ASKED
    ),
    RouteDeclaration(
        "POST", "/second-factor", Action.SIGN_IN, _PORTAL, second_factor.take_second_factor, second=_ASKED
    ),
    *(
        RouteDeclaration(method, f"/me/second-factor{path}", _FACTORS, _PORTAL, handler, second=_ENROLLING)
        for method, path, handler in (
            ("GET", "", second_factors.show_factors),
            ("GET", "/qr.svg", second_factors.show_qr_code),
            ("POST", "/app", second_factors.begin_app),
            ("POST", "/app/confirm", second_factors.confirm_app),
            ("POST", "/passkey", second_factors.begin_passkey),
            ("POST", "/passkey/confirm", second_factors.confirm_passkey),
            ("POST", "/codes", second_factors.new_codes),
            ("POST", "/remove", second_factors.remove_factor),
        )
    ),
)
