"""Who may do what: one table of actions and standings, asked by every door."""

import enum
from types import MappingProxyType

from spoold.model.job import Job
from spoold.model.principal import Principal, Role


class Standing(enum.StrEnum):
    """What a person is with respect to one job (or to the spooler, where no job is concerned)."""

    ANONYMOUS = "anonymous"
    USER = "user"
    OWNER = "owner"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class Action(enum.StrEnum):
    """Everything a door can be asked to do."""

    READ_QUEUE = "read-queue"
    IDENTIFY_QUEUE = "identify-queue"
    SUBMIT = "submit"
    READ_PRINTERS = "read-printers"
    READ_JOB = "read-job"
    READ_TITLE = "read-title"
    RELEASE = "release"
    CANCEL = "cancel"
    HOLD = "hold"
    CHANGE_USERS = "change-users"
    VERIFY_AUDIT = "verify-audit"
    CHECK_STORE = "check-store"
    SIGN_IN = "sign-in"
    READ_HEALTH = "read-health"
    READ_METRICS = "read-metrics"


_ALL = frozenset(Standing)
_KNOWN = _ALL - {Standing.ANONYMOUS}
_OWNER = frozenset({Standing.OWNER})
_STAFF = frozenset({Standing.OPERATOR, Standing.ADMINISTRATOR})
_ADMINISTRATOR = frozenset({Standing.ADMINISTRATOR})

# SUBMIT lists everybody because queues decide for themselves whether they want proof ("authentication").
ALLOWED: MappingProxyType[Action, frozenset[Standing]] = MappingProxyType(
    {
        Action.READ_QUEUE: _ALL,
        Action.IDENTIFY_QUEUE: _STAFF,
        Action.SUBMIT: _ALL,
        Action.READ_PRINTERS: _KNOWN,
        Action.READ_JOB: _OWNER | _STAFF,
        Action.READ_TITLE: _OWNER,
        Action.RELEASE: _OWNER,
        Action.CANCEL: _OWNER | _STAFF,
        Action.HOLD: _OWNER,
        Action.CHANGE_USERS: _ADMINISTRATOR,
        Action.VERIFY_AUDIT: _ADMINISTRATOR,
        Action.CHECK_STORE: _ADMINISTRATOR,
        Action.SIGN_IN: _ALL,
        Action.READ_HEALTH: _ALL,
        Action.READ_METRICS: _ALL,
    }
)

_BY_ROLE = MappingProxyType(
    {Role.USER: Standing.USER, Role.OPERATOR: Standing.OPERATOR, Role.ADMINISTRATOR: Standing.ADMINISTRATOR}
)


def standings(principal: Principal | None, job: Job | None = None) -> frozenset[Standing]:
    """Return everything the principal is with respect to the job."""
    if principal is None:
        return frozenset({Standing.ANONYMOUS})
    found = {Standing.USER, _BY_ROLE[principal.role]}
    if job is not None and job.owned_by(principal):
        found.add(Standing.OWNER)
    return frozenset(found)


def may(principal: Principal | None, action: Action, job: Job | None = None) -> bool:
    """Tell whether the principal may do this (to this job)."""
    return not ALLOWED[action].isdisjoint(standings(principal, job))
