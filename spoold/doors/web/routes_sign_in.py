"""Ways to sign in besides name and password."""

from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.views import kerberos, oidc
from spoold.model.access import Action

SIGN_IN_ROUTES = tuple(
    RouteDeclaration("GET", path, Action.SIGN_IN, Surface.OPEN, handler)
    for path, handler in (
        ("/sign-in/kerberos", kerberos.sign_in_by_ticket),
        ("/sign-in/oidc", oidc.begin),
        ("/sign-in/oidc/return", oidc.come_back),
    )
)
