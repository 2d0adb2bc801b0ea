"""Validate-Job, Print-Job, Create-Job, Send-Document, Close-Job: how a job comes in over IPP."""

from protocols.errors import RemoteProtocolError
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import keyword, mime
from spoold.doors.ipp.capabilities import formats_of
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import SIGN_IN_FIRST, Door
from spoold.doors.ipp.job_attributes import creation_answer
from spoold.doors.ipp.validation import Checked, check_template
from spoold.intake.submission import Incoming, Submission
from spoold.model.errors import NotAuthenticated, NotPossible
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.queue import Authentication

OCTET_STREAM = "application/octet-stream"


async def validate_job(door: Door, request: IppRequest) -> Message:
    """Say whether the same Print-Job would be accepted (RFC 8011 4.2.3)."""
    checked = _checked(door, request)
    if isinstance(checked, Message):
        return checked
    door.intake.validate(_submission(request, checked))
    return answer(request.message, _success(checked), unsupported=checked.refused)


async def print_job(door: Door, request: IppRequest) -> Message:
    """Take a job with its document (RFC 8011 4.2.1)."""
    checked = _checked(door, request)
    if isinstance(checked, Message):
        return checked
    job = await door.intake.submit(_submission(request, checked), _incoming(request))
    return _created(request, job, checked)


async def create_job(door: Door, request: IppRequest) -> Message:
    """Open a job; its documents follow (RFC 8011 4.2.4)."""
    checked = _checked(door, request)
    if isinstance(checked, Message):
        return checked
    job = await door.intake.create_job(_submission(request, checked))
    return _created(request, job, checked)


async def send_document(door: Door, request: IppRequest) -> Message:
    """Take one document of an open job (RFC 8011 4.3.1).

    A refusal once the document is here is a success with an aborted job: every error but 0507, 0502
    and 0404 makes CUPS clients believe the job was printed (docs/ipp-support.md, status codes).
    """
    job = _open_job(request)
    last = request.operation.boolean("last-document")
    if last is None:
        raise RemoteProtocolError("last-document is missing", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
    refusal = _refuse_format(request)
    if refusal is not None:
        return refusal
    incoming = _incoming(request) if await request.has_document() or not last else None
    submission = _submission(request, Checked((), ()))
    current = await door.intake.add_document(job, submission, incoming, last=last)
    return answer(request.message, groups=[Group(GroupTag.JOB, creation_answer(request, current))])


async def close_job(door: Door, request: IppRequest) -> Message:
    """End the arrival of documents (PWG 5100.7 Close-Job); a job that has ended already stays as it is."""
    job = _open_job(request, closed_is_fine=True)
    if job.state is JobState.RECEIVING:
        job = await door.intake.close(job.id, _submission(request, Checked((), ())))
    return answer(request.message, groups=[Group(GroupTag.JOB, creation_answer(request, job))])


def _open_job(request: IppRequest, *, closed_is_fine: bool = False) -> Job:
    job = request.job
    if job is None:
        raise RemoteProtocolError("job-id is missing", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
    if job.state is not JobState.RECEIVING and not closed_is_fine:
        raise NotPossible("The job takes no more documents.", job=str(job.id), state=job.state)
    return job


def _checked(door: Door, request: IppRequest) -> Checked | Message:
    """Check everything a job creation can be refused for before its document is read."""
    # Asked alike at Validate-Job, Create-Job and Print-Job: a first 401 at Send-Document loses the job.
    if request.queue.authentication is Authentication.REQUIRED and request.principal is None:
        raise NotAuthenticated(SIGN_IN_FIRST)
    refusal = _refuse_format(request)
    if refusal is not None:
        return refusal
    checked = check_template(request.message.group(GroupTag.JOB), door.attributes.supported_of(request.queue))
    if checked.refused and request.operation.boolean("ipp-attribute-fidelity"):
        return answer(
            request.message,
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            words="Some of the options you chose are not available here.",
            unsupported=checked.refused,
        )
    return checked


def _refuse_format(request: IppRequest) -> Message | None:
    declared = request.operation.string("document-format")
    if declared is not None and declared.lower() not in formats_of(request.queue):
        return answer(
            request.message,
            Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED,
            words=f"Documents of the format {declared} are not printed here; print it as PDF.",
            unsupported=[mime("document-format", declared)],
        )
    compression = request.operation.string("compression")
    if compression not in (None, "none"):
        return answer(
            request.message,
            Status.CLIENT_ERROR_COMPRESSION_NOT_SUPPORTED,
            words="Compressed documents are not accepted; send the document as it is.",
            unsupported=[keyword("compression", str(compression))],
        )
    return None


def _submission(request: IppRequest, checked: Checked) -> Submission:
    return Submission(
        queue=request.queue,
        principal=request.principal,
        requesting_user_name=request.requesting_user_name,
        peer=request.http.peer_host,
        protocol=request.protocol,
        template=_kept(checked.kept),
        title=request.operation.string("job-name") or request.operation.string("document-name") or "",
    )


def _kept(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    # Every job is held here; what the client says of holding is between it and us, not for the printer.
    return tuple(
        one for one in attributes if one.name not in ("job-hold-until", "job-priority", "job-sheets")
    )


def _incoming(request: IppRequest) -> Incoming:
    declared = request.operation.string("document-format")
    return Incoming(
        chunks=request.document(),
        declared=None if declared in (None, OCTET_STREAM) else declared,
    )


def _created(request: IppRequest, job: Job, checked: Checked) -> Message:
    return answer(
        request.message,
        _success(checked),
        groups=[Group(GroupTag.JOB, creation_answer(request, job))],
        unsupported=checked.refused,
    )


def _success(checked: Checked) -> Status:
    if checked.refused:
        return Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
    return Status.SUCCESSFUL_OK
