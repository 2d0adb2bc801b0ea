"""Every address of the web door, in one table: what it does, for whom, and the handler behind it.

The routes are built from this table and from nothing else; the authorisation matrix test walks it.
"""

from starlette.routing import Route

from spoold.doors.web import api, operations
from spoold.doors.web.assets import ASSETS
from spoold.doors.web.guard import RouteDeclaration, Second, Surface, guarded
from spoold.doors.web.portal import Portal
from spoold.doors.web.routes_account import ACCOUNT_ROUTES
from spoold.doors.web.routes_clients import CLIENT_ROUTES
from spoold.doors.web.routes_decisions import DECISION_ROUTES
from spoold.doors.web.routes_sign_in import SIGN_IN_ROUTES
from spoold.doors.web.routes_stations import STATION_ROUTES
from spoold.doors.web.views import jobs, language, me, pin, printers, sign_in
from spoold.model.access import Action
from spoold.model.scopes import Scope

_OPEN, _PORTAL, _API = Surface.OPEN, Surface.PORTAL, Surface.API

_PAGES = (
    RouteDeclaration("GET", "/sign-in", Action.SIGN_IN, _OPEN, sign_in.show_sign_in),
    RouteDeclaration("POST", "/sign-in", Action.SIGN_IN, _OPEN, sign_in.sign_in),
    RouteDeclaration("GET", "/pin", Action.RELEASE_BY_PIN, _OPEN, pin.show_pin),
    RouteDeclaration("POST", "/pin", Action.RELEASE_BY_PIN, _OPEN, pin.release_by_pin),
    RouteDeclaration("POST", "/language", Action.SIGN_IN, _OPEN, language.choose_language),
    RouteDeclaration("POST", "/sign-out", Action.SIGN_IN, _PORTAL, sign_in.sign_out, second=Second.ASKED),
    RouteDeclaration("GET", "/", Action.READ_JOB, _PORTAL, jobs.list_jobs, about_job=True),
    RouteDeclaration("GET", "/jobs/{job_id}", Action.READ_JOB, _PORTAL, jobs.show_job, about_job=True),
    RouteDeclaration(
        "GET", "/jobs/{job_id}/release", Action.RELEASE, _PORTAL, jobs.show_release, about_job=True
    ),
    RouteDeclaration(
        "POST", "/jobs/{job_id}/release", Action.RELEASE, _PORTAL, jobs.release_job, about_job=True
    ),
    RouteDeclaration(
        "GET", "/jobs/{job_id}/delete", Action.CANCEL, _PORTAL, jobs.show_delete, about_job=True
    ),
    RouteDeclaration(
        "POST", "/jobs/{job_id}/delete", Action.CANCEL, _PORTAL, jobs.delete_job, about_job=True
    ),
    RouteDeclaration(
        "POST", "/jobs/{job_id}/take-back", Action.HOLD, _PORTAL, jobs.take_back, about_job=True
    ),
    RouteDeclaration("GET", "/printers", Action.READ_PRINTERS, _PORTAL, printers.list_printers),
    RouteDeclaration("GET", "/me", Action.READ_ACCOUNT, _PORTAL, me.show_account),
)

_PROGRAMS = (
    RouteDeclaration(
        "GET",
        "/api/v1/jobs",
        Action.READ_JOB,
        _API,
        api.list_jobs,
        about_job=True,
        scope=Scope.JOBS_READ,
    ),
    RouteDeclaration(
        "GET",
        "/api/v1/jobs/{job_id}",
        Action.READ_JOB,
        _API,
        api.show_job,
        about_job=True,
        scope=Scope.JOBS_READ,
    ),
    RouteDeclaration(
        "POST",
        "/api/v1/jobs/{job_id}/release",
        Action.RELEASE,
        _API,
        api.release_job,
        about_job=True,
        fresh=True,
        by_pin=api.release_by_pin,
        scope=Scope.JOBS_RELEASE,
    ),
    RouteDeclaration(
        "DELETE",
        "/api/v1/jobs/{job_id}",
        Action.CANCEL,
        _API,
        api.delete_job,
        about_job=True,
        fresh=True,
        scope=Scope.JOBS_DELETE,
    ),
    RouteDeclaration(
        "GET",
        "/api/v1/printers",
        Action.READ_PRINTERS,
        _API,
        api.list_printers,
        scope=Scope.PRINTERS_READ,
    ),
)

_WATCHERS = (
    RouteDeclaration("GET", "/healthz", Action.READ_HEALTH, _OPEN, operations.show_health),
    RouteDeclaration(
        "GET", "/metrics", Action.READ_METRICS, _OPEN, operations.show_metrics, scope=Scope.METRICS_READ
    ),
)

# Parts of the sign-in page: whoever may see that may see these.
_FILES = tuple(
    RouteDeclaration("GET", asset.path, Action.SIGN_IN, _OPEN, operations.send_asset)
    for asset in ASSETS.values()
)

ROUTES: tuple[RouteDeclaration, ...] = (
    *_PAGES,
    *ACCOUNT_ROUTES,
    *CLIENT_ROUTES,
    *SIGN_IN_ROUTES,
    *STATION_ROUTES,
    *DECISION_ROUTES,
    *_PROGRAMS,
    *_WATCHERS,
    *_FILES,
)


def build_routes(portal: Portal) -> list[Route]:
    """Return the application's routes: each declaration's handler behind its checks."""
    return [
        Route(declaration.path, guarded(declaration, portal), methods=[declaration.method])
        for declaration in ROUTES
    ]
