"""Get-Documents and Get-Document-Attributes: the documents of a job, without their names (PWG 5100.5)."""

from collections.abc import Iterable, Sequence

from protocols.errors import RemoteProtocolError
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.selection import Selection, document_selection
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, enum, integer, keyword, mime, name_, no_value, uri
from spoold.database import jobs
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door, asked_job
from spoold.doors.ipp.job_attributes import STATES
from spoold.doors.ipp.job_table import PRIVATE
from spoold.model.errors import NotFound
from spoold.model.job import Document, Job

# What Get-Documents answers when nothing is requested (PWG 5100.5 3.2.2).
_DEFAULT = ("document-number",)
# "document-state" (PWG 5100.5 6.1.1) is that of the job, which has one word more: held documents are pending.
_PENDING, _PENDING_HELD = 3, 4


async def get_documents(door: Door, request: IppRequest) -> Message:
    """Answer Get-Documents (PWG 5100.5 3.2.2)."""
    job = asked_job(request)
    selection = document_selection(request.operation.strings("requested-attributes"), _DEFAULT)
    limit = request.operation.integer("limit")
    found = (await _documents(door, job))[: max(1, limit) if limit is not None else None]
    return answer(request.message, groups=[_group(request, job, one, selection) for one in found])


async def get_document_attributes(door: Door, request: IppRequest) -> Message:
    """Answer Get-Document-Attributes (PWG 5100.5 3.3.2).

    Raises:
        NotFound: the job has no such document.
    """
    job = asked_job(request)
    number = request.operation.integer("document-number")
    if number is None:
        hint = Status.CLIENT_ERROR_BAD_REQUEST
        raise RemoteProtocolError("document-number is missing", status_hint=hint)
    selection = document_selection(request.operation.strings("requested-attributes"))
    for one in await _documents(door, job):
        if one.number == number:
            return answer(request.message, groups=[_group(request, job, one, selection)])
    raise NotFound("The job has no such document.", job=str(job.id), document=number)


async def _documents(door: Door, job: Job) -> Sequence[Document]:
    return await door.database.read(lambda connection: jobs.documents_of(connection, job.id))


def _group(request: IppRequest, job: Job, document: Document, selection: Selection) -> Group:
    return Group(GroupTag.DOCUMENT, selection.of(_attributes(request, job, document)))


def _attributes(request: IppRequest, job: Job, document: Document) -> Iterable[Attribute]:
    state, reasons = STATES[job.state]
    return (
        integer("document-number", document.number),
        uri("document-job-uri", request.job_uri(job)),
        integer("document-job-id", job.number),
        uri("document-printer-uri", request.queue_uri()),
        enum("document-state", _PENDING if state == _PENDING_HELD else state),
        keyword("document-state-reasons", *dict.fromkeys(_REASONS.get(one, "none") for one in reasons)),
        mime("document-format", document.format),
        mime("document-format-detected", document.format),
        # Documents have no names of their own here: what a client calls them is the job's name.
        name_("document-name", PRIVATE),
        boolean("last-document", document.number == job.documents),
        integer("k-octets", (document.size_bytes + 1023) // 1024),
        no_value("pages") if document.pages is None else integer("pages", document.pages),
        no_value("impressions") if document.pages is None else integer("impressions", document.pages),
    )


# A job's reasons as its documents': other names for the same ("document-state-reasons", PWG 5100.5 6.1.2).
_REASONS = {
    "job-incoming": "incoming",
    "job-data-insufficient": "data-insufficient",
    "job-outgoing": "outgoing",
    "job-printing": "printing",
    "job-completed-successfully": "completed-successfully",
    "job-canceled-by-user": "canceled-by-user",
    "job-canceled-at-device": "canceled-at-device",
    "aborted-by-system": "aborted-by-system",
    "document-format-error": "document-format-error",
}
