"""Who may do what: one table of actions and standings, asked by every door."""

import enum
from types import MappingProxyType

from spoold.model.job import Claim, Job
from spoold.model.principal import Method, Principal, Role


class Standing(enum.StrEnum):
    """What a person is with respect to one job (or to the spooler, where no job is concerned)."""

    ANONYMOUS = "anonymous"
    # Not proven: only that the request comes from the address the job came from.
    SENDER = "sender"
    USER = "user"
    OWNER = "owner"
    # Named by the owner to release for them, as long as that holds (spoold.model.delegation).
    DELEGATE = "delegate"
    # Named by the rule that holds the job (spoold.model.approval).
    APPROVER = "approver"
    # A delegate or approver who is also shown what the document is called.
    READER = "reader"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    # The enrolled device of a release station, whoever stands before it.
    STATION = "station"


class Action(enum.StrEnum):
    """Everything a door can be asked to do."""

    READ_QUEUE = "read-queue"
    IDENTIFY_QUEUE = "identify-queue"
    OPERATE_QUEUE = "operate-queue"
    SUBMIT = "submit"
    SUBSCRIBE = "subscribe"
    READ_PRINTERS = "read-printers"
    READ_STATE = "read-state"
    READ_JOB = "read-job"
    READ_TITLE = "read-title"
    SEND_DOCUMENT = "send-document"
    RELEASE = "release"
    RELEASE_BY_PIN = "release-by-pin"
    ENROL_STATION = "enrol-station"
    USE_STATION = "use-station"
    READ_BADGES = "read-badges"
    CHANGE_BADGES = "change-badges"
    CHANGE_STATIONS = "change-stations"
    MARK_PRINTERS = "mark-printers"
    CANCEL = "cancel"
    CANCEL_INCOMING = "cancel-incoming"
    CANCEL_MINE = "cancel-mine"
    CHANGE_JOB = "change-job"
    REMOVE_UNCLAIMED = "remove-unclaimed"
    HOLD = "hold"
    READ_APPROVALS = "read-approvals"
    APPROVE = "approve"
    ISSUE_CODES = "issue-codes"
    USE_CODE = "use-code"
    DELEGATE = "delegate"
    CHANGE_USERS = "change-users"
    READ_ACCOUNT = "read-account"
    CHANGE_TOKENS = "change-tokens"
    CHANGE_FACTORS = "change-factors"
    CHANGE_PRINT_URIS = "change-print-uris"
    CLAIM = "claim"
    VERIFY_AUDIT = "verify-audit"
    CHECK_STORE = "check-store"
    READ_ARCHIVE = "read-archive"
    SIGN_IN = "sign-in"
    READ_HEALTH = "read-health"
    READ_METRICS = "read-metrics"


_ALL = frozenset(Standing)
_KNOWN = _ALL - {Standing.ANONYMOUS, Standing.SENDER, Standing.STATION}
_SENDER = frozenset({Standing.SENDER})
_OWNER = frozenset({Standing.OWNER})
_DELEGATE = frozenset({Standing.DELEGATE})
_APPROVER = frozenset({Standing.APPROVER})
_READER = frozenset({Standing.READER})
_STAFF = frozenset({Standing.OPERATOR, Standing.ADMINISTRATOR})
_ADMINISTRATOR = frozenset({Standing.ADMINISTRATOR})

# SUBMIT lists everybody because queues decide for themselves whether they want proof ("authentication").
ALLOWED: MappingProxyType[Action, frozenset[Standing]] = MappingProxyType(
    {
        Action.READ_QUEUE: _ALL,
        Action.IDENTIFY_QUEUE: _STAFF,
        # Pause it, close it, have new jobs wait, cancel what is in it.
        Action.OPERATE_QUEUE: _STAFF,
        Action.SUBMIT: _ALL,
        # To events of what one may know of; whose subscription it is, the subscription itself says.
        Action.SUBSCRIBE: _ALL,
        Action.READ_PRINTERS: _KNOWN,
        # Print clients that cannot sign in watch the state of what they have just sent; they get no name.
        Action.READ_STATE: _SENDER | _OWNER | _DELEGATE | _STAFF,
        Action.READ_JOB: _OWNER | _DELEGATE | _STAFF,
        Action.READ_TITLE: _OWNER | _READER,
        Action.RELEASE: _OWNER | _DELEGATE,
        # Everybody may try: the job's PIN is the proof, and is counted where it is wrong.
        Action.RELEASE_BY_PIN: _ALL,
        # Whoever has the link and is in the station's network; the link is good once.
        Action.ENROL_STATION: _ALL,
        Action.USE_STATION: frozenset({Standing.STATION}),
        # Programs by the scope of their token; people type their badge at a station.
        Action.READ_BADGES: _KNOWN,
        Action.CHANGE_BADGES: _KNOWN,
        Action.CHANGE_STATIONS: _ADMINISTRATOR,
        # A sheet with the code that opens a printer's page on a phone.
        Action.MARK_PRINTERS: _STAFF,
        Action.CANCEL: _OWNER | _STAFF,
        # Everybody known, because it is about their own jobs and nobody else's.
        Action.CANCEL_MINE: _KNOWN,
        # A client may take back what it is still sending, under the rule of SEND_DOCUMENT.
        Action.CANCEL_INCOMING: _SENDER | _OWNER | _STAFF,
        Action.SEND_DOCUMENT: _SENDER | _OWNER,
        # LPR's "remove jobs", where the host's own spooler vouches for the user (RFC 1179 3.1 and 5.5).
        Action.REMOVE_UNCLAIMED: _SENDER,
        Action.HOLD: _OWNER,
        # What waits for oneself, and what one has issued and given: for most people nothing.
        Action.READ_APPROVALS: _KNOWN,
        Action.APPROVE: _APPROVER,
        Action.ISSUE_CODES: _KNOWN,
        Action.USE_CODE: _OWNER,
        # Of one's own jobs only; a delegate has none of them to give.
        Action.DELEGATE: _KNOWN,
        # How a held job is printed, and what it is called: nobody prints on another's account.
        Action.CHANGE_JOB: _OWNER,
        Action.CHANGE_USERS: _ADMINISTRATOR,
        # What a person has set up alone, and may change alone: everybody, about themselves.
        Action.READ_ACCOUNT: _KNOWN,
        # What programs of theirs may do, and what else they prove themselves with: about themselves, too.
        Action.CHANGE_TOKENS: _KNOWN,
        Action.CHANGE_FACTORS: _KNOWN,
        Action.CHANGE_PRINT_URIS: _KNOWN,
        # Which jobs, the queue says ("claim"); spoold.release.claims asks it for each of them.
        Action.CLAIM: _KNOWN,
        Action.VERIFY_AUDIT: _ADMINISTRATOR,
        Action.CHECK_STORE: _ADMINISTRATOR,
        # Copies are handed over sealed: who may have one, and who can read it, are two questions.
        Action.READ_ARCHIVE: _ADMINISTRATOR,
        Action.SIGN_IN: _ALL,
        Action.READ_HEALTH: _ALL,
        Action.READ_METRICS: _ALL,
    }
)

_BY_ROLE = MappingProxyType(
    {Role.USER: Standing.USER, Role.OPERATOR: Standing.OPERATOR, Role.ADMINISTRATOR: Standing.ADMINISTRATOR}
)


# Where the address is proof enough only as long as nobody was proven to own the job.
_UNCLAIMED_ONLY = frozenset({Action.CANCEL_INCOMING, Action.SEND_DOCUMENT, Action.REMOVE_UNCLAIMED})
# What a print URI is good for, whoever owns it: sending jobs, seeing how they are doing, taking them back.
# It stands in the settings of a computer that others use as well, so it lets nothing out and changes nothing,
# and what documents are called stays between their owner and the portal.
_BY_PRINT_URI = frozenset(
    {
        Action.READ_QUEUE,
        Action.SUBMIT,
        Action.SUBSCRIBE,
        Action.READ_STATE,
        Action.READ_JOB,
        Action.SEND_DOCUMENT,
        Action.CANCEL,
        Action.CANCEL_INCOMING,
        Action.CANCEL_MINE,
    }
)
# Nobody approves what they may have printed themselves, whatever else they are.
_NOT_FOR_ONESELF = frozenset({Action.APPROVE})
_ONESELF = _OWNER | _DELEGATE


def standings(
    principal: Principal | None,
    job: Job | Claim | None = None,
    *,
    peer: str | None = None,
    also: frozenset[Standing] = frozenset(),
) -> frozenset[Standing]:
    """Return everything the principal is with respect to the job.

    Args:
        peer: numeric address the request comes from, where the protocol's clients cannot sign in.
        also: what was looked up besides: delegate, approver, reader.
    """
    found = {Standing.ANONYMOUS} if principal is None else {Standing.USER, _BY_ROLE[principal.role]}
    if job is not None and principal is not None and job.owned_by(principal):
        found.add(Standing.OWNER)
    if job is not None and peer is not None and peer == job.peer:
        found.add(Standing.SENDER)
    if job is not None and principal is not None:
        found |= also
    return frozenset(found)


def station_may(action: Action) -> bool:
    """Tell whether the enrolled device of a release station may do this, with nobody signed in there."""
    return Standing.STATION in ALLOWED[action]


def may(
    principal: Principal | None,
    action: Action,
    job: Job | Claim | None = None,
    *,
    peer: str | None = None,
    also: frozenset[Standing] = frozenset(),
) -> bool:
    """Tell whether the principal may do this (to this job)."""
    if principal is not None and principal.method is Method.PRINT_URI and action not in _BY_PRINT_URI:
        return False
    found = standings(principal, job, peer=peer, also=also)
    if action in _UNCLAIMED_ONLY and job is not None and job.owner_id is not None:
        found -= _SENDER
    if action in _NOT_FOR_ONESELF and not found.isdisjoint(_ONESELF):
        return False
    return not ALLOWED[action].isdisjoint(found)
