"""Ways to sign in besides name and password."""

from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.views import kerberos
from spoold.model.access import Action

SIGN_IN_ROUTES = (
    RouteDeclaration("GET", "/sign-in/kerberos", Action.SIGN_IN, Surface.OPEN, kerberos.sign_in_by_ticket),
)
