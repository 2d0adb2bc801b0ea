"""Job states and the one table by which a job's state may change."""

import enum
from types import MappingProxyType


class JobState(enum.StrEnum):
    """Where a job is in its life; the words of docs/architecture.md."""

    RECEIVING = "receiving"
    INSPECTING = "inspecting"
    WAITING_APPROVAL = "waiting-approval"
    HELD = "held"
    RELEASING = "releasing"
    PRINTING = "printing"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    ABORTED = "aborted"
    QUARANTINED = "quarantined"


class JobEvent(enum.StrEnum):
    """What happened to a job."""

    SEALED = "sealed"
    PERMITTED = "permitted"
    NEEDS_APPROVAL = "needs-approval"
    APPROVED = "approved"
    REFUSED = "refused"
    GRANTED = "granted"
    NOT_READY = "not-ready"
    FIRST_BYTE = "first-byte"
    RECALLED = "recalled"
    CONFIRMED = "confirmed"
    NO_PROOF = "no-proof"
    RETURNED = "returned"
    CANCELED = "canceled"
    EXPIRED = "expired"
    DAMAGED = "damaged"


_S, _E = JobState, JobEvent

TRANSITIONS: MappingProxyType[tuple[JobState, JobEvent], JobState] = MappingProxyType(
    {
        (_S.RECEIVING, _E.SEALED): _S.INSPECTING,
        (_S.RECEIVING, _E.REFUSED): _S.ABORTED,
        (_S.RECEIVING, _E.CANCELED): _S.CANCELED,
        (_S.RECEIVING, _E.EXPIRED): _S.EXPIRED,
        (_S.INSPECTING, _E.PERMITTED): _S.HELD,
        (_S.INSPECTING, _E.NEEDS_APPROVAL): _S.WAITING_APPROVAL,
        (_S.INSPECTING, _E.REFUSED): _S.ABORTED,
        (_S.INSPECTING, _E.CANCELED): _S.CANCELED,
        (_S.INSPECTING, _E.EXPIRED): _S.EXPIRED,
        (_S.INSPECTING, _E.DAMAGED): _S.QUARANTINED,
        (_S.WAITING_APPROVAL, _E.APPROVED): _S.HELD,
        (_S.WAITING_APPROVAL, _E.REFUSED): _S.ABORTED,
        (_S.WAITING_APPROVAL, _E.CANCELED): _S.CANCELED,
        (_S.WAITING_APPROVAL, _E.EXPIRED): _S.EXPIRED,
        (_S.WAITING_APPROVAL, _E.DAMAGED): _S.QUARANTINED,
        (_S.HELD, _E.GRANTED): _S.RELEASING,
        # A rule about the printer or the hour, which is only known when the job is to be released.
        (_S.HELD, _E.NEEDS_APPROVAL): _S.WAITING_APPROVAL,
        (_S.HELD, _E.CANCELED): _S.CANCELED,
        (_S.HELD, _E.EXPIRED): _S.EXPIRED,
        (_S.HELD, _E.DAMAGED): _S.QUARANTINED,
        (_S.RELEASING, _E.NOT_READY): _S.HELD,
        (_S.RELEASING, _E.FIRST_BYTE): _S.PRINTING,
        (_S.RELEASING, _E.CANCELED): _S.CANCELED,
        (_S.RELEASING, _E.EXPIRED): _S.HELD,
        (_S.RELEASING, _E.DAMAGED): _S.QUARANTINED,
        (_S.PRINTING, _E.CONFIRMED): _S.COMPLETED,
        (_S.PRINTING, _E.RECALLED): _S.HELD,
        (_S.PRINTING, _E.NO_PROOF): _S.UNKNOWN,
        (_S.PRINTING, _E.CANCELED): _S.CANCELED,
        (_S.UNKNOWN, _E.RETURNED): _S.HELD,
        (_S.UNKNOWN, _E.CANCELED): _S.CANCELED,
        (_S.UNKNOWN, _E.EXPIRED): _S.EXPIRED,
        (_S.QUARANTINED, _E.CANCELED): _S.CANCELED,
        (_S.QUARANTINED, _E.EXPIRED): _S.EXPIRED,
    }
)

# Nothing leaves these; documents of such jobs are shredded.
FINAL = frozenset({_S.COMPLETED, _S.CANCELED, _S.EXPIRED, _S.ABORTED})
LIVE = frozenset(JobState) - FINAL
# The states in which a printer may hold part of the document.
AT_PRINTER = frozenset({_S.RELEASING, _S.PRINTING})


class IllegalTransition(Exception):  # noqa: N818 - reads as what it is
    """The table has no such edge: the caller lost a race or has a bug."""

    def __init__(self, state: JobState, event: JobEvent) -> None:
        super().__init__(f"a job that is {state} cannot be {event}")
        self.state = state
        self.event = event


def after(state: JobState, event: JobEvent) -> JobState:
    """Return the state that follows, or raise `IllegalTransition`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None


def states_before(event: JobEvent) -> frozenset[JobState]:
    """Return every state in which the event may happen."""
    return frozenset(state for state, possible in TRANSITIONS if possible is event)
