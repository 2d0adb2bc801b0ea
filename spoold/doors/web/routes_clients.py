"""Addresses about clients that cannot sign in: print URIs of one's own, and jobs to claim."""

from spoold.doors.web import api_clients
from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.views import claim, print_uris
from spoold.model.access import Action

_PORTAL, _API = Surface.PORTAL, Surface.API
_CLAIM, _URIS = Action.CLAIM, Action.CHANGE_PRINT_URIS

CLIENT_ROUTES = (
    RouteDeclaration("GET", "/me/print-uris", _URIS, _PORTAL, print_uris.show_print_uris),
    RouteDeclaration("POST", "/me/print-uris", _URIS, _PORTAL, print_uris.add_print_uri),
    RouteDeclaration("POST", "/me/print-uris/revoke", _URIS, _PORTAL, print_uris.revoke_print_uri),
    RouteDeclaration("GET", "/claim", _CLAIM, _PORTAL, claim.list_claimable),
    # Not a job that the visitor may read already, so not {job_id}: the desk for claims decides.
    RouteDeclaration("GET", "/claim/{waiting_id}", _CLAIM, _PORTAL, claim.show_claim),
    RouteDeclaration("POST", "/claim/{waiting_id}", _CLAIM, _PORTAL, claim.claim),
    # Made, ended and claimed by people with their own proof; no token of a program does that.
    RouteDeclaration("GET", "/api/v1/print-uris", _URIS, _API, api_clients.list_print_uris),
    RouteDeclaration("POST", "/api/v1/print-uris", _URIS, _API, api_clients.add_print_uri, fresh=True),
    RouteDeclaration(
        "DELETE", "/api/v1/print-uris/{uri_id}", _URIS, _API, api_clients.revoke_print_uri, fresh=True
    ),
    RouteDeclaration("GET", "/api/v1/claimable", _CLAIM, _API, api_clients.list_claimable),
    RouteDeclaration(
        "POST", "/api/v1/claimable/{waiting_id}/claim", _CLAIM, _API, api_clients.claim_job, fresh=True
    ),
)
