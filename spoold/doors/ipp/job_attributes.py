"""A job's state in IPP's registered words, what names it, and its template."""

import functools
from collections.abc import Mapping
from types import MappingProxyType

from protocols.ipp.keywords import JobState as IppJobState
from protocols.ipp.message import Attribute
from protocols.ipp.values import clip, enum, integer, keyword, text, uri
from spoold.doors.ipp.capabilities import JOB_TEMPLATE
from spoold.doors.ipp.context import IppRequest
from spoold.doors.ipp.holding import READ_ELSEWHERE
from spoold.model.holding import asked_to_wait, awaits_pin
from spoold.model.job import Job
from spoold.model.jobstate import FINAL, LIVE, JobState
from spoold.model.template import decoded

MAX_TEXT_OCTETS = 1023

_S = JobState
# Held is pending-held: measured with CUPS, every other live state keeps the client's queue blocked.
STATES: Mapping[JobState, tuple[IppJobState, tuple[str, ...]]] = MappingProxyType(
    {
        _S.RECEIVING: (IppJobState.PENDING, ("job-incoming", "job-data-insufficient")),
        _S.INSPECTING: (IppJobState.PENDING, ("job-incoming",)),
        _S.WAITING_APPROVAL: (IppJobState.PENDING_HELD, ("job-held-for-review",)),
        _S.HELD: (IppJobState.PENDING_HELD, ("job-held-for-release", "job-release-wait")),
        _S.RELEASING: (IppJobState.PROCESSING, ("job-outgoing",)),
        _S.PRINTING: (IppJobState.PROCESSING, ("job-printing",)),
        _S.UNKNOWN: (IppJobState.PENDING_HELD, ("job-held-for-release", "job-release-wait")),
        _S.COMPLETED: (IppJobState.COMPLETED, ("job-completed-successfully",)),
        _S.CANCELED: (IppJobState.CANCELED, ("job-canceled-by-user",)),
        _S.EXPIRED: (IppJobState.CANCELED, ("job-canceled-at-device",)),
        _S.ABORTED: (IppJobState.ABORTED, ("aborted-by-system",)),
        _S.QUARANTINED: (IppJobState.ABORTED, ("aborted-by-system", "document-format-error")),
    }
)

# Interactive clients' words for what to list, and the states each means (RFC 8011 4.2.6.1, PWG 5100.7).
WHICH_JOBS = {
    "completed": FINAL | {_S.QUARANTINED},
    "not-completed": LIVE - {_S.QUARANTINED},
    "all": frozenset(JobState),
    "aborted": frozenset({_S.ABORTED, _S.QUARANTINED}),
    "canceled": frozenset({_S.CANCELED, _S.EXPIRED}),
    "pending": frozenset({_S.RECEIVING, _S.INSPECTING}),
    "pending-held": frozenset({_S.HELD, _S.WAITING_APPROVAL, _S.UNKNOWN}),
    "processing": frozenset({_S.RELEASING, _S.PRINTING}),
    # No job is ever in this state: one whose printer stops is taken back and held.
    "processing-stopped": frozenset[JobState](),
}
# What a queue tells clients are completed although they are held: its lists must agree with it.
_TOLD_COMPLETED = WHICH_JOBS["pending-held"]
JOB_NAME = "job-name"
# What waits for whom was settled when the job came; the rest of the template is for the printer.
_SETTLED = READ_ELSEWHERE | {"job-priority", "job-sheets"}
SETTABLE = (JOB_NAME, *(name for name in JOB_TEMPLATE if name not in _SETTLED))


def states_of(which: str, *, as_completed: bool) -> frozenset[JobState]:
    """Return the states that a word of "which-jobs" means in a queue.

    Args:
        as_completed: the queue says that held jobs are completed.
    """
    states = frozenset(WHICH_JOBS[which])
    if not as_completed or which == "all":
        return states
    return states | _TOLD_COMPLETED if which == "completed" else states - _TOLD_COMPLETED


@functools.cache
def words_of_state(
    state: JobState, *, unclaimed: bool, pin: bool, as_completed: bool, until: bool = False
) -> tuple[IppJobState, tuple[str, ...]]:
    """Return "job-state" and "job-state-reasons" of a job.

    Args:
        unclaimed: nobody was proven to own it yet.
        pin: it waits for its PIN.
        as_completed: the queue's clients do not understand *pending-held*.
        until: its sender asked for it to be held, for good or until some time.
    """
    word, reasons = STATES[state]
    if as_completed and word is IppJobState.PENDING_HELD:
        return STATES[_S.COMPLETED]
    if state is _S.HELD and until:
        reasons = (*reasons, "job-hold-until-specified")
    if state is _S.HELD and pin:
        reasons = (*reasons, "job-password-wait")
    if state is _S.HELD and unclaimed:
        reasons = (*reasons, "job-held-for-authorization")
    return word, reasons


def state_attributes(job: Job, *, as_completed: bool = False) -> tuple[Attribute, ...]:
    """Return the state of a job ("job-state", "job-state-reasons", "job-state-message")."""
    word, reasons = words_of_state(
        job.state,
        unclaimed=job.owner_id is None,
        pin=awaits_pin(job.template),
        as_completed=as_completed,
        until=asked_to_wait(job.template),
    )
    return (
        enum("job-state", word),
        keyword("job-state-reasons", *reasons),
        text("job-state-message", clip(job.reason, MAX_TEXT_OCTETS)),
    )


def identity_attributes(request: IppRequest, job: Job) -> tuple[Attribute, ...]:
    """Return what names a job ("job-id", "job-uri", "job-uuid")."""
    return (
        uri("job-uri", request.job_uri(job)),
        integer("job-id", job.number),
        uri("job-uuid", job.id.urn),
    )


def creation_answer(request: IppRequest, job: Job) -> tuple[Attribute, ...]:
    """Return the job attributes of an answer to a job creation (RFC 8011 4.2.1.2)."""
    as_completed = request.queue.shows_held_as_completed
    return (*identity_attributes(request, job), *state_attributes(job, as_completed=as_completed))


@functools.lru_cache(256)
def template_attributes(template: bytes) -> tuple[Attribute, ...]:
    """Return a job's template decoded; clients ask about the same jobs again and again."""
    return decoded(template)
