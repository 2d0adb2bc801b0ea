"""Addresses of approval, approval codes and delegation."""

from spoold.doors.web import api_decisions
from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.views import approvals, codes, delegation
from spoold.model.access import Action

_PORTAL, _API = Surface.PORTAL, Surface.API

# What somebody is to a job that waits is looked up by the desk, which decides on that job.
_PAGES = (
    RouteDeclaration("GET", "/approvals", Action.READ_APPROVALS, _PORTAL, approvals.show_approvals),
    RouteDeclaration(
        "POST",
        "/approvals/{job_id}/approve",
        Action.APPROVE,
        _PORTAL,
        approvals.approve,
        about_approval=True,
    ),
    RouteDeclaration(
        "POST", "/approvals/{job_id}/refuse", Action.APPROVE, _PORTAL, approvals.refuse, about_approval=True
    ),
    RouteDeclaration("GET", "/approvals/codes", Action.ISSUE_CODES, _PORTAL, codes.show_codes),
    RouteDeclaration("POST", "/approvals/codes", Action.ISSUE_CODES, _PORTAL, codes.issue_code),
    RouteDeclaration("POST", "/approvals/codes/revoke", Action.ISSUE_CODES, _PORTAL, codes.revoke_code),
    RouteDeclaration("GET", "/jobs/{job_id}/code", Action.USE_CODE, _PORTAL, codes.show_use, about_job=True),
    RouteDeclaration("POST", "/jobs/{job_id}/code", Action.USE_CODE, _PORTAL, codes.use_code, about_job=True),
    RouteDeclaration("GET", "/me/delegation", Action.DELEGATE, _PORTAL, delegation.show_delegation),
    RouteDeclaration("POST", "/me/delegation", Action.DELEGATE, _PORTAL, delegation.give),
    RouteDeclaration("POST", "/me/delegation/end", Action.DELEGATE, _PORTAL, delegation.end),
)

# No token is good here: a decision is a person's.
_PROGRAMS = (
    RouteDeclaration("GET", "/api/v1/approvals", Action.READ_APPROVALS, _API, api_decisions.list_approvals),
    RouteDeclaration(
        "POST",
        "/api/v1/approvals/{job_id}",
        Action.APPROVE,
        _API,
        api_decisions.decide,
        about_approval=True,
        fresh=True,
    ),
    RouteDeclaration("GET", "/api/v1/approval-codes", Action.ISSUE_CODES, _API, api_decisions.list_codes),
    RouteDeclaration(
        "POST", "/api/v1/approval-codes", Action.ISSUE_CODES, _API, api_decisions.issue_code, fresh=True
    ),
    RouteDeclaration(
        "DELETE",
        "/api/v1/approval-codes/{code_id}",
        Action.ISSUE_CODES,
        _API,
        api_decisions.revoke_code,
        fresh=True,
    ),
    RouteDeclaration(
        "POST",
        "/api/v1/jobs/{job_id}/code",
        Action.USE_CODE,
        _API,
        api_decisions.use_code,
        about_job=True,
        fresh=True,
    ),
    RouteDeclaration("GET", "/api/v1/delegations", Action.DELEGATE, _API, api_decisions.list_delegations),
    RouteDeclaration(
        "POST", "/api/v1/delegations", Action.DELEGATE, _API, api_decisions.give_delegation, fresh=True
    ),
    RouteDeclaration(
        "DELETE",
        "/api/v1/delegations/{delegation_id}",
        Action.DELEGATE,
        _API,
        api_decisions.end_delegation,
        fresh=True,
    ),
)

DECISION_ROUTES: tuple[RouteDeclaration, ...] = (*_PAGES, *_PROGRAMS)
