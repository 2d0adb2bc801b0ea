"""What people are shown of jobs and printers: titles for owners only."""

from dataclasses import dataclass, field
from datetime import datetime

import structlog

from policy.masking import document_title_for, masked_name
from spoold.keys.words import PrivateWords
from spoold.model.access import Action, Standing, may
from spoold.model.errors import Unavailable
from spoold.model.job import Job
from spoold.model.jobstate import FINAL
from spoold.model.principal import Principal
from spoold.model.printer import Printer, PrinterStatus
from spoold.model.site import Site
from spoold.printers.base import PrinterDescription
from spoold.release.offers import NOT_FOR_YOU, offered_places, places_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobView:
    """One job as one person may see it.

    Args:
        title: the document's name for its owner, "Job 12" for everybody else and once it was shredded.
        seconds_left: until the job expires; 0 once it has ended.
        printers: names of the printers where it may be released; to whoever may release it, those that the
            groups named at queues, printers and paper let them use.
        own: whether the viewer owns the job.
        also: what the viewer is to it besides: a delegate, an approver.
        may_delete: whether the viewer may destroy it.
        barred: printers of its queue that the viewer may release nothing of it at.
    """

    job: Job
    title: str = field(repr=False)
    seconds_left: int
    printers: tuple[str, ...]
    own: bool
    also: frozenset[Standing] = frozenset()
    may_delete: bool = True
    barred: tuple[str, ...] = ()

    @property
    def no_printer(self) -> str:
        """Why there is none, in words, where all the job's printers are for others; else empty."""
        return NOT_FOR_YOU if self.barred and not self.printers else ""

    @property
    def may_release(self) -> bool:
        """Whether the viewer is one of those who may let it go."""
        return self.own or Standing.DELEGATE in self.also


@dataclass(frozen=True, slots=True)
class PrinterView:
    """One printer with its live status.

    Args:
        usable: whether the groups named at it and at its queues let the viewer use it.
    """

    printer: Printer
    status: PrinterStatus
    description: PrinterDescription
    usable: bool = True


def job_view(
    job: Job,
    viewer: Principal | None,
    *,
    site: Site,
    words: PrivateWords,
    now: datetime,
    also: frozenset[Standing] = frozenset(),
) -> JobView:
    """Return what the viewer may see of a job that it may read.

    Args:
        also: what the viewer is to the job besides, as `spoold.model.access.may` takes it.
    """
    places = [one.name for one in places_of(site, job)]
    offered = places
    # Who may not release it is told its queue's printers: what they may use themselves says nothing about it.
    if viewer is not None and job.state not in FINAL and may(viewer, Action.RELEASE, job, also=also):
        offered = [one.name for one in offered_places(site, job, viewer)]
    left_s = 0 if job.state in FINAL else int((job.expires_at - now).total_seconds())
    return JobView(
        job=job,
        title=_title(job, viewer, words, also),
        seconds_left=max(0, left_s),
        printers=tuple(offered),
        own=viewer is not None and job.owned_by(viewer),
        also=also,
        may_delete=may(viewer, Action.CANCEL, job, also=also),
        barred=tuple(name for name in places if name not in offered),
    )


def job_fields(view: JobView) -> dict[str, object]:
    """Return a job as programs see it at every door; each adds to whom it shows the title, and more."""
    job = view.job
    return {
        "id": str(job.id),
        "number": job.number,
        "queue": job.queue,
        "state": job.state.value,
        "reason": job.reason,
        "own": view.own,
        "size_bytes": job.size_bytes,
        "pages": job.pages,
        "printer": job.printer,
        "printers": list(view.printers),
        "no_printer": view.no_printer or None,
        "created_at": job.created_at.isoformat(),
        "expires_at": job.expires_at.isoformat(),
        "seconds_left": view.seconds_left,
    }


def printer_fields(view: PrinterView) -> dict[str, object]:
    """Return a printer as programs see it; where it is in the network is nobody's business."""
    status = view.status
    return {
        "name": view.printer.name,
        "location": view.printer.location,
        "usable": view.usable,
        "ready": status.ready,
        "state": status.state,
        "why": status.why,
        "reasons": [
            {"keyword": reason.keyword, "blocks": reason.blocks, "text": reason.text}
            for reason in status.reasons
        ],
        "read_at": status.read_at.isoformat(),
    }


def _title(job: Job, viewer: Principal | None, words: PrivateWords, also: frozenset[Standing]) -> str:
    if not may(viewer, Action.READ_TITLE, job, also=also):
        return masked_name(job.number)
    try:
        title = words.title(job)
    except Unavailable as error:
        # One unreadable name must not hide the whole list from its owner.
        log.warning("title-unreadable", **error.fields)
        return masked_name(job.number)
    return document_title_for(viewer_is_owner=True, masked=False, title=title, number=job.number)
