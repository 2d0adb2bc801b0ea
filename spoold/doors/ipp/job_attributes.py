"""A job as IPP shows it: its state in registered words, and nothing private to anybody but its owner."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from protocols.ipp.decoder import decode_group
from protocols.ipp.keywords import JobState as IppJobState
from protocols.ipp.message import Attribute
from protocols.ipp.values import (
    clip,
    date_time,
    enum,
    integer,
    keyword,
    name_,
    no_value,
    text,
    uri,
)
from protocols.limits import IppLimits
from spoold.doors.ipp.context import IppRequest
from spoold.model.access import Action, may
from spoold.model.job import Job
from spoold.model.jobstate import JobState

PRIVATE = "private"
_MAX_TEXT_OCTETS = 1023
_MAX_NAME_OCTETS = 255

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


def state_attributes(job: Job) -> tuple[Attribute, ...]:
    """Return the state of a job ("job-state", "job-state-reasons", "job-state-message")."""
    state, reasons = STATES[job.state]
    if job.state is JobState.HELD and job.owner_id is None:
        reasons = (*reasons, "job-held-for-authorization")
    return (
        enum("job-state", state),
        keyword("job-state-reasons", *reasons),
        text("job-state-message", clip(job.reason, _MAX_TEXT_OCTETS)),
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
    return (*identity_attributes(request, job), *state_attributes(job))


def job_attributes(
    request: IppRequest, job: Job, *, title: str | None, started_at: datetime, up_time_s: int, now: datetime
) -> tuple[Attribute, ...]:
    """Return every attribute of a job that the request's sender may see.

    Args:
        title: what the owner may read; None for everybody else.
        started_at: when the daemon started; times count from there and are negative before it.
    """
    full = may(request.principal, Action.READ_JOB, job)
    return (
        *identity_attributes(request, job),
        *state_attributes(job),
        uri("job-printer-uri", request.queue_uri(job.queue)),
        name_("job-name", clip(title, _MAX_NAME_OCTETS) if title else PRIVATE),
        name_("job-originating-user-name", (job.claimed_name or "anonymous") if full else PRIVATE),
        integer("job-printer-up-time", up_time_s),
        date_time("job-current-time", now),
        *_times(job, started_at),
        integer("job-k-octets", (job.size_bytes + 1023) // 1024),
        integer("number-of-documents", job.documents),
        integer("job-impressions-completed", job.impressions or 0),
        integer("job-media-sheets-completed", job.impressions or 0),
        *_pages(job),
        *_template(job),
    )


def _times(job: Job, started_at: datetime) -> Iterable[Attribute]:
    moments = {
        "creation": job.created_at,
        "processing": job.processing_at or (job.finished_at if job.state is JobState.COMPLETED else None),
        "completed": job.finished_at,
    }
    for name, moment in moments.items():
        if moment is None:
            yield no_value(f"time-at-{name}")
            yield no_value(f"date-time-at-{name}")
        else:
            # RFC 8011 5.3.14: at least 1 for what happened since start, 0 or less for what was before.
            seconds = int((moment - started_at).total_seconds())
            yield integer(f"time-at-{name}", max(1, seconds) if moment >= started_at else min(0, seconds))
            yield date_time(f"date-time-at-{name}", moment)


def _pages(job: Job) -> Iterable[Attribute]:
    yield no_value("job-impressions") if job.pages is None else integer("job-impressions", job.pages)


def _template(job: Job) -> Iterable[Attribute]:
    return decode_group(job.template, IppLimits()).attributes if job.template else ()
