"""How every declared call is used in the matrix, and what it does when the caller may."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.values import boolean, integer, keyword, name_
from spoold.model.access import Action
from spoold.model.jobstate import JobState
from tests.authorisation.spooler import DOCUMENT, Spooler, Target, Who
from tests.integration.daemon import CANARY_PASSWORD


@dataclass(frozen=True)
class IppCase:
    """One way to use an operation.

    Args:
        action: what decides, where it is not the declared one alone.
        arriving: the job is still arriving, with `documents` sent; else it is held.
        becomes: the job's state when the caller may; None: nothing changes.
        makes_job: a job of the caller's is made.
        shows: the answer tells the job's name to whoever may read it.
        undone_by: the call tells the queue something, which this operation takes back.
        status: what whoever may is answered, where there is nothing to do it with.
    """

    attributes: tuple[Attribute, ...] = ()
    document: bytes = b""
    action: Action | None = None
    arriving: bool = False
    documents: int = 0
    becomes: JobState | None = None
    makes_job: bool = False
    shows: bool = False
    undone_by: Operation | None = None
    status: int | None = None


_ALL = keyword("requested-attributes", "all")
_NO_SUBSCRIPTION = integer("notify-subscription-id", 99)
_CLAIM = name_("requesting-user-name", "alice")
# More than one where the state of the job decides.
IPP: Mapping[Operation, tuple[IppCase, ...]] = {
    Operation.PRINT_JOB: (IppCase((_CLAIM,), DOCUMENT, makes_job=True),),
    Operation.VALIDATE_JOB: (IppCase((_CLAIM,)),),
    Operation.VALIDATE_DOCUMENT: (IppCase((_CLAIM,)),),
    Operation.CREATE_JOB: (IppCase((_CLAIM,), makes_job=True),),
    Operation.SEND_DOCUMENT: (
        IppCase((boolean("last-document", True),), DOCUMENT, arriving=True, becomes=JobState.HELD),
    ),
    Operation.CLOSE_JOB: (IppCase(arriving=True, documents=1, becomes=JobState.HELD),),
    Operation.CANCEL_JOB: (
        IppCase((_CLAIM,), action=Action.CANCEL, becomes=JobState.CANCELED),
        IppCase((_CLAIM,), action=Action.CANCEL_INCOMING, arriving=True, becomes=JobState.CANCELED),
    ),
    Operation.GET_JOB_ATTRIBUTES: (IppCase((_ALL, _CLAIM), shows=True),),
    Operation.GET_JOBS: (IppCase((_ALL, _CLAIM), shows=True),),
    Operation.CANCEL_MY_JOBS: (IppCase((_CLAIM,), becomes=JobState.CANCELED),),
    Operation.HOLD_JOB: (IppCase((_CLAIM,)),),
    Operation.RELEASE_JOB: (IppCase((_CLAIM,), becomes=JobState.COMPLETED),),
    Operation.GET_PRINTER_ATTRIBUTES: (IppCase((_ALL,)),),
    Operation.IDENTIFY_PRINTER: (IppCase((_CLAIM,)),),
    Operation.GET_USER_PRINTER_ATTRIBUTES: (IppCase((_ALL,)),),
    Operation.SET_JOB_ATTRIBUTES: (IppCase((_CLAIM,)),),
    Operation.GET_DOCUMENTS: (IppCase((_ALL, _CLAIM)),),
    Operation.GET_DOCUMENT_ATTRIBUTES: (IppCase((integer("document-number", 1), _ALL, _CLAIM)),),
    Operation.CANCEL_JOBS: (IppCase((_CLAIM,), becomes=JobState.CANCELED),),
    Operation.PAUSE_PRINTER: (IppCase((_CLAIM,), undone_by=Operation.RESUME_PRINTER),),
    Operation.DISABLE_PRINTER: (IppCase((_CLAIM,), undone_by=Operation.ENABLE_PRINTER),),
    Operation.HOLD_NEW_JOBS: (IppCase((_CLAIM,), undone_by=Operation.RELEASE_HELD_NEW_JOBS),),
    # A request without anything to subscribe to; whose subscriptions are whose: tests of the door.
    Operation.CREATE_PRINTER_SUBSCRIPTIONS: (IppCase((_CLAIM,), status=0x0400),),
    Operation.CREATE_JOB_SUBSCRIPTIONS: (IppCase((_CLAIM,), status=0x0400),),
    Operation.GET_SUBSCRIPTIONS: (IppCase((_CLAIM,)),),
    Operation.GET_SUBSCRIPTION_ATTRIBUTES: (IppCase((_NO_SUBSCRIPTION,), status=0x0406),),
    Operation.RENEW_SUBSCRIPTION: (IppCase((_NO_SUBSCRIPTION,), status=0x0406),),
    Operation.CANCEL_SUBSCRIPTION: (IppCase((_NO_SUBSCRIPTION,), status=0x0406),),
    Operation.GET_NOTIFICATIONS: (IppCase((integer("notify-subscription-ids", 99),), status=0x0406),),
    # None of these was told anything.
    Operation.RESUME_PRINTER: (IppCase((_CLAIM,)),),
    Operation.ENABLE_PRINTER: (IppCase((_CLAIM,)),),
    Operation.RELEASE_HELD_NEW_JOBS: (IppCase((_CLAIM,)),),
}


def _json(_spooler: Spooler, _who: Who, _target: Target) -> bytes:
    return b'{"printer": "out"}'


def _release_form(_spooler: Spooler, _who: Who, _target: Target) -> dict[str, str]:
    return {"printer": "out", "password": CANARY_PASSWORD}


def _approved(_spooler: Spooler, _who: Who, _target: Target) -> bytes:
    return b'{"verdict": "approved"}'


def _code(_spooler: Spooler, _who: Who, _target: Target) -> bytes:
    return b'{"code": "0000-0000"}'


def _reason(_spooler: Spooler, _who: Who, _target: Target) -> dict[str, str]:
    return {"reason": "Another time."}


def _no_fields(_spooler: Spooler, _who: Who, _target: Target) -> dict[str, str]:
    return {}


def _password(_spooler: Spooler, _who: Who, _target: Target) -> dict[str, str]:
    return {"password": CANARY_PASSWORD}


def _sign_in_form(spooler: Spooler, who: Who, _target: Target) -> dict[str, str]:
    name = spooler.people.get(who, spooler.people[Who.OTHER]).name
    return {"name": name, "password": CANARY_PASSWORD}


@dataclass(frozen=True)
class WebCase:
    """How a route is used.

    Args:
        answers: statuses of an answer to whoever may; 409: allowed, but the job is in no state for it.
        form, body: what is posted.
        becomes, shows: as for `IppCase`.
        ends_session: the caller has to sign in again afterwards.
        waiting: the job waits for approval.
    """

    answers: frozenset[int] = frozenset({200})
    form: Callable[[Spooler, Who, Target], dict[str, str]] | None = None
    body: Callable[[Spooler, Who, Target], bytes] | None = None
    becomes: JobState | None = None
    shows: bool = False
    ends_session: bool = False
    waiting: bool = False


_MOVED = frozenset({303})
WEB: Mapping[tuple[str, str], WebCase] = {
    ("GET", "/sign-in"): WebCase(frozenset({200, 303})),
    ("POST", "/sign-in"): WebCase(_MOVED, form=_sign_in_form),
    # Kerberos is not configured: who gets in with it is in tests/integration/test_kerberos.py.
    ("GET", "/sign-in/kerberos"): WebCase(frozenset({404})),
    # No OpenID provider either: tests/integration/test_oidc.py.
    ("GET", "/sign-in/oidc"): WebCase(frozenset({404})),
    ("GET", "/sign-in/oidc/return"): WebCase(frozenset({404})),
    ("GET", "/pin"): WebCase(),
    # Nobody has set a PIN: what a right one does is in tests/integration/test_pins.py.
    ("POST", "/pin"): WebCase(frozenset({409}), form=_no_fields),
    ("POST", "/language"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/sign-out"): WebCase(_MOVED, form=_no_fields, ends_session=True),
    ("GET", "/"): WebCase(shows=True),
    ("GET", "/jobs/{job_id}"): WebCase(shows=True),
    ("GET", "/jobs/{job_id}/release"): WebCase(shows=True),
    ("POST", "/jobs/{job_id}/release"): WebCase(_MOVED, form=_release_form, becomes=JobState.COMPLETED),
    ("GET", "/jobs/{job_id}/delete"): WebCase(shows=True),
    ("POST", "/jobs/{job_id}/delete"): WebCase(_MOVED, form=_no_fields, becomes=JobState.CANCELED),
    ("POST", "/jobs/{job_id}/take-back"): WebCase(frozenset({409}), form=_no_fields),
    ("GET", "/printers"): WebCase(),
    ("GET", "/approvals"): WebCase(),
    ("POST", "/approvals/{job_id}/approve"): WebCase(
        _MOVED, form=_no_fields, waiting=True, becomes=JobState.HELD
    ),
    ("POST", "/approvals/{job_id}/refuse"): WebCase(
        _MOVED, form=_reason, waiting=True, becomes=JobState.ABORTED
    ),
    ("GET", "/approvals/codes"): WebCase(),
    # Nothing was chosen, or there is none of that name; what comes of it else: tests of the desks.
    ("POST", "/approvals/codes"): WebCase(frozenset({409}), form=_no_fields),
    ("POST", "/approvals/codes/revoke"): WebCase(frozenset({404}), form=_no_fields),
    ("GET", "/jobs/{job_id}/code"): WebCase(shows=True),
    ("POST", "/jobs/{job_id}/code"): WebCase(frozenset({409}), form=_no_fields, shows=True),
    ("GET", "/me/delegation"): WebCase(shows=True),
    ("POST", "/me/delegation"): WebCase(frozenset({409}), form=_no_fields, shows=True),
    ("POST", "/me/delegation/end"): WebCase(frozenset({404}), form=_no_fields),
    ("GET", "/api/v1/approvals"): WebCase(),
    ("POST", "/api/v1/approvals/{job_id}"): WebCase(body=_approved, waiting=True, becomes=JobState.HELD),
    ("GET", "/api/v1/approval-codes"): WebCase(),
    ("POST", "/api/v1/approval-codes"): WebCase(frozenset({400})),
    ("DELETE", "/api/v1/approval-codes/{code_id}"): WebCase(frozenset({404})),
    ("POST", "/api/v1/jobs/{job_id}/code"): WebCase(frozenset({409}), body=_code),
    ("GET", "/api/v1/delegations"): WebCase(),
    ("POST", "/api/v1/delegations"): WebCase(frozenset({400})),
    ("DELETE", "/api/v1/delegations/{delegation_id}"): WebCase(frozenset({404})),
    ("GET", "/me"): WebCase(),
    ("GET", "/sign-in/passkey"): WebCase(),
    # Nobody has one here: what a right one does is in tests/spoold/doors/web/test_second_factor*.py.
    ("POST", "/sign-in/passkey"): WebCase(frozenset({403, 409}), form=_no_fields),
    ("GET", "/second-factor"): WebCase(_MOVED),
    ("POST", "/second-factor"): WebCase(_MOVED, form=_no_fields),
    ("GET", "/me/second-factor"): WebCase(),
    ("GET", "/me/second-factor/qr.svg"): WebCase(frozenset({404})),
    ("POST", "/me/second-factor/app"): WebCase(form=_password),
    ("POST", "/me/second-factor/app/confirm"): WebCase(frozenset({409}), form=_no_fields),
    # The matrix reaches the site by its address, where passkeys cannot be.
    ("POST", "/me/second-factor/passkey"): WebCase(frozenset({409}), form=_password),
    ("POST", "/me/second-factor/passkey/confirm"): WebCase(frozenset({403, 409}), form=_no_fields),
    ("POST", "/me/second-factor/codes"): WebCase(frozenset({409}), form=_password),
    ("POST", "/me/second-factor/remove"): WebCase(frozenset({404}), form=_password),
    ("GET", "/me/tokens"): WebCase(),
    # What is asked for is not one: what a right one does is in tests/spoold/doors/web/test_tokens.py.
    ("POST", "/me/tokens"): WebCase(frozenset({409}), form=_no_fields),
    ("POST", "/me/tokens/revoke"): WebCase(frozenset({404}), form=_no_fields),
    ("GET", "/api/v1/jobs"): WebCase(shows=True),
    ("GET", "/api/v1/jobs/{job_id}"): WebCase(shows=True),
    ("POST", "/api/v1/jobs/{job_id}/release"): WebCase(
        frozenset({202}), body=_json, becomes=JobState.COMPLETED, shows=True
    ),
    ("DELETE", "/api/v1/jobs/{job_id}"): WebCase(becomes=JobState.CANCELED),
    ("GET", "/api/v1/printers"): WebCase(),
    ("GET", "/me/print-uris"): WebCase(),
    # What is asked for is none, or there is none: what comes of a right one is in tests/integration.
    ("POST", "/me/print-uris"): WebCase(frozenset({404}), form=_no_fields),
    ("POST", "/me/print-uris/revoke"): WebCase(frozenset({404}), form=_no_fields),
    ("GET", "/claim"): WebCase(),
    ("GET", "/claim/{waiting_id}"): WebCase(frozenset({404})),
    ("POST", "/claim/{waiting_id}"): WebCase(frozenset({404}), form=_no_fields),
    ("GET", "/api/v1/print-uris"): WebCase(),
    ("POST", "/api/v1/print-uris"): WebCase(frozenset({404})),
    ("DELETE", "/api/v1/print-uris/{uri_id}"): WebCase(frozenset({404})),
    ("GET", "/api/v1/claimable"): WebCase(),
    ("POST", "/api/v1/claimable/{waiting_id}/claim"): WebCase(frozenset({404})),
    ("GET", "/station/enrol"): WebCase(),
    # Without a link; what a right one does is in Spooler.enrol_station.
    ("POST", "/station/enrol"): WebCase(frozenset({403}), form=_no_fields),
    ("GET", "/station"): WebCase(),
    ("POST", "/station/badge"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/station/pin"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/station/by-password"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/station/password"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/station/again"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/station/new-pin"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/station/release"): WebCase(_MOVED, form=_no_fields),
    ("POST", "/station/leave"): WebCase(_MOVED, form=_no_fields),
    ("GET", "/me/badges"): WebCase(),
    # Nothing was read, or the sign-in is too long ago.
    ("POST", "/me/badges"): WebCase(frozenset({403, 409}), form=_no_fields),
    ("POST", "/me/badges/remove"): WebCase(frozenset({404}), form=_no_fields),
    ("POST", "/me/badges/pin"): WebCase(frozenset({403, 409}), form=_no_fields),
    # A code that was not made here.
    ("GET", "/p/{printer}/{mark}"): WebCase(frozenset({404})),
    ("POST", "/p/{printer}/{mark}"): WebCase(frozenset({404}), form=_no_fields),
    ("GET", "/printers/{printer}/sheet"): WebCase(frozenset({404})),
    # Only with a token of the scope "badges:read".
    ("POST", "/api/v1/badge-reads"): WebCase(frozenset({403})),
    ("GET", "/healthz"): WebCase(),
    ("GET", "/metrics"): WebCase(),
    ("GET", "/static/portal.css"): WebCase(),
    ("GET", "/static/station.css"): WebCase(),
    ("GET", "/static/station.js"): WebCase(),
    ("GET", "/static/refresh.js"): WebCase(),
    ("GET", "/static/passkey.js"): WebCase(),
    ("GET", "/static/icon.svg"): WebCase(),
}


@dataclass(frozen=True)
class ControlCase:
    """How a command is used.

    Args:
        job: whether it is about one job.
        refused_in_state: whoever may do it hears that the job is in no state for it.
        accounts: rows of accounts that change.
        records: what is put on record besides.
        for_people: root is told to give a user name.
        missing: whoever may do it hears that there is nothing of that name.
        waiting: the job waits for approval.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    for_people: bool = False
    missing: bool = False
    waiting: bool = False
    job: bool = False
    refused_in_state: bool = False
    becomes: JobState | None = None
    shows: bool = False
    accounts: int = 0
    records: int = 0


_TOKEN = {"label": "Program", "scopes": ["metrics:read"], "networks": ["127.0.0.1"], "life_s": 3600}
CONTROL: Mapping[str, ControlCase] = {
    "jobs": ControlCase(shows=True),
    "job": ControlCase(job=True, shows=True),
    "release": ControlCase(
        {"printer": "out", "wait_s": 30}, job=True, becomes=JobState.COMPLETED, shows=False
    ),
    "cancel": ControlCase(job=True, becomes=JobState.CANCELED),
    "take-back": ControlCase(job=True, refused_in_state=True),
    "claimable": ControlCase(for_people=True),
    "claim": ControlCase({"job": "999999"}, for_people=True, missing=True),
    "print-uri-add": ControlCase({"queue": "nowhere", "label": "laptop"}, for_people=True, missing=True),
    "print-uri-list": ControlCase(),
    "print-uri-revoke": ControlCase({"id": "no-such-one"}, missing=True),
    "approvals": ControlCase(),
    "approve": ControlCase(for_people=True, job=True, waiting=True, becomes=JobState.HELD),
    "refuse": ControlCase(
        {"reason": "Another time."}, for_people=True, job=True, waiting=True, becomes=JobState.ABORTED
    ),
    # What is asked for is not possible for anybody; what comes of it else: tests of the desks.
    "code-issue": ControlCase({"uses": 1, "life_s": 0}, for_people=True, refused_in_state=True),
    "code-list": ControlCase(),
    "code-revoke": ControlCase({"code": "no-such-one"}, missing=True),
    "code-use": ControlCase({"code": "0000-0000"}, job=True, refused_in_state=True),
    "delegate": ControlCase({"delegate": "nobody-here"}, for_people=True, missing=True),
    "delegations": ControlCase(),
    "delegation-end": ControlCase({"delegation": "no-such-one"}, missing=True),
    "policy-explain": ControlCase(job=True),
    "policy-person": ControlCase({"name": "spare"}),
    "printers": ControlCase(),
    "user-add": ControlCase({"name": "new-{who}", "new_password": CANARY_PASSWORD}, accounts=1),
    "user-password": ControlCase({"name": "spare", "new_password": CANARY_PASSWORD}, accounts=2),
    "user-disable": ControlCase({"name": "spare"}, accounts=2),
    "user-enable": ControlCase({"name": "spare"}, accounts=2),
    "user-list": ControlCase(),
    "user-reset-second-factor": ControlCase({"name": "spare"}, records=1),
    "token-add": ControlCase(_TOKEN, records=1),
    "token-list": ControlCase(),
    "token-revoke": ControlCase(records=1),
    "station-add": ControlCase({"name": "spare"}, records=1),
    "station-list": ControlCase(),
    "station-remove": ControlCase({"name": "spare"}, records=1),
    "printer-code": ControlCase({"name": "out"}),
    "audit-verify": ControlCase(),
    "audit-show": ControlCase(),
    "archive-list": ControlCase(),
    "archive-open": ControlCase({"job": "999999", "document": 1}, missing=True),
    "store-check": ControlCase({"read_fraction": 1.0}),
    "status": ControlCase(),
}
