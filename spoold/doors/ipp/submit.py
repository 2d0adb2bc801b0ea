"""Validate-Job, Print-Job, Create-Job, Send-Document, Close-Job: how a job comes in over IPP."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import trio

from protocols.errors import RemoteProtocolError
from protocols.ipp.compression import COMPRESSIONS, Inflater
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import clip, keyword, mime, unsupported
from protocols.limits import CompressionLimits
from spoold.doors.ipp.answers import CUPS, SEND_AGAIN_AFTER_S, Effect, Phase, status_of
from spoold.doors.ipp.capabilities import JOB_TEMPLATE, OPERATION_CREATION
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import SIGN_IN_FIRST, Door
from spoold.doors.ipp.holding import DROPPED, MAX_NAME_OCTETS, READ_ELSEWHERE, Wishes, wishes_of
from spoold.doors.ipp.job_attributes import creation_answer
from spoold.doors.ipp.paper import BOTH_WORDS, in_one_way
from spoold.doors.ipp.subscriptions import make_asked
from spoold.doors.ipp.validation import check_template
from spoold.intake.submission import Incoming, Submission
from spoold.keys.words import PIN
from spoold.model.errors import (
    BrokenCompression,
    NotAuthenticated,
    NotPossible,
    SpoolError,
    UnsupportedDocument,
)
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.queue import Authentication

OCTET_STREAM = "application/octet-stream"
INFLATING = CompressionLimits()
# What a client may call mandatory ("job-mandatory-attributes", PWG 5100.7).
KNOWN = frozenset({*JOB_TEMPLATE, *OPERATION_CREATION})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a job that may be granted.

    Args:
        template: what is kept of the job's attributes.
        refused: what is left out of them, for the unsupported group.
    """

    template: tuple[Attribute, ...]
    refused: tuple[Attribute, ...]
    wishes: Wishes


NOTHING_ASKED = Asked((), (), Wishes())


async def validate_job(door: Door, request: IppRequest) -> Message:
    """Say whether the same Print-Job would be accepted (RFC 8011 4.2.3)."""
    asked = _asked(door, request)
    if isinstance(asked, Message):
        return asked
    door.intake.validate(_submission(request, asked))
    return answer(request.message, _success(asked), unsupported=asked.refused)


async def validate_document(door: Door, request: IppRequest) -> Message:
    """Say whether a document of this format and compression would be taken (PWG 5100.13 5.2)."""
    if request.queue.authentication is Authentication.REQUIRED and request.principal is None:
        raise NotAuthenticated(SIGN_IN_FIRST)
    return _refuse_format(door, request) or answer(request.message)


async def print_job(door: Door, request: IppRequest) -> Message:
    """Take a job with its document (RFC 8011 4.2.1)."""
    asked = _asked(door, request)
    if isinstance(asked, Message):
        return asked
    submission = await _with_pin(door, _submission(request, asked), asked)
    job = await door.intake.submit(submission, _incoming(request))
    return await _created(door, request, job, asked)


async def create_job(door: Door, request: IppRequest) -> Message:
    """Open a job; its documents follow (RFC 8011 4.2.4)."""
    asked = _asked(door, request)
    if isinstance(asked, Message):
        return asked
    job = await door.intake.create_job(await _with_pin(door, _submission(request, asked), asked))
    return await _created(door, request, job, asked)


async def send_document(door: Door, request: IppRequest) -> Message:
    """Take one document of an open job (RFC 8011 4.3.1).

    A refusal once the document is here is a success with an aborted job (spoold.doors.ipp.answers). What is
    only refused for now is refused slowly: clients begin anew at once.
    """
    try:
        return await _send_document(door, request)
    except SpoolError as error:
        if CUPS[Phase.SEND].get(status_of(error, request.message.code)) is Effect.KEEPS:
            await trio.sleep(SEND_AGAIN_AFTER_S)
        raise


async def _send_document(door: Door, request: IppRequest) -> Message:
    job = _open_job(request)
    last = request.operation.boolean("last-document")
    if last is None:
        raise RemoteProtocolError("last-document is missing", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
    incoming = None
    refusal = _refuse_format(door, request)
    if refusal is not None:
        incoming = Incoming(chunks=_Refused(str(refusal.group(GroupTag.UNSUPPORTED).attributes[0].first)))
    elif await request.has_document() or not last:
        incoming = _incoming(request)
    submission = _submission(request, replace(NOTHING_ASKED, template=tuple(_supplied(request))))
    current = await door.intake.add_document(job, submission, incoming, last=last)
    return answer(request.message, groups=[Group(GroupTag.JOB, creation_answer(request, current))])


class _Refused:
    """A document that is not looked at, because of what the client says it is."""

    def __init__(self, said: str) -> None:
        self._said = said

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise UnsupportedDocument(f"Documents sent as {self._said} are not printed here; print it as PDF.")


async def close_job(door: Door, request: IppRequest) -> Message:
    """End the arrival of documents (PWG 5100.7 Close-Job); a job that has ended already stays as it is."""
    job = _open_job(request, closed_is_fine=True)
    if job.state is JobState.RECEIVING:
        job = await door.intake.close(job.id, _submission(request, NOTHING_ASKED))
    return answer(request.message, groups=[Group(GroupTag.JOB, creation_answer(request, job))])


def _open_job(request: IppRequest, *, closed_is_fine: bool = False) -> Job:
    job = request.job
    if job is None:
        raise RemoteProtocolError("job-id is missing", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
    if job.state is not JobState.RECEIVING and not closed_is_fine:
        raise NotPossible("The job takes no more documents.", job=str(job.id), state=job.state)
    return job


def _asked(door: Door, request: IppRequest) -> Asked | Message:
    """Check everything a job creation can be refused for before its document is read."""
    # Asked alike at Validate-Job, Create-Job and Print-Job: a first 401 at Send-Document loses the job.
    if request.queue.authentication is Authentication.REQUIRED and request.principal is None:
        raise NotAuthenticated(SIGN_IN_FIRST)
    refusal = _refuse_format(door, request)
    if refusal is not None:
        return refusal
    operation, group = request.operation, request.message.group(GroupTag.JOB)
    asked, twice = in_one_way(one for one in group if one.name not in READ_ELSEWHERE)
    if twice:
        # RFC 8011 appendix B.1.4.15: attributes that may not be supplied together.
        return answer(
            request.message, Status.CLIENT_ERROR_CONFLICTING_ATTRIBUTES, words=BOTH_WORDS, unsupported=twice
        )
    wishes = wishes_of(
        operation,
        group,
        request.queue,
        is_private=request.is_private,
        now=door.clock.now(),
        zone=door.site().policy.timezone,
    )
    if wishes.why:
        return _not_supported(request, wishes.why, wishes.refused)
    checked = check_template(asked, door.attributes.supported_of(request.queue))
    refused = (*checked.refused, *wishes.refused)
    needed = frozenset(operation.strings("job-mandatory-attributes"))
    missing = tuple(unsupported(name) for name in sorted(needed - KNOWN))
    is_strict = operation.boolean("ipp-attribute-fidelity") or needed & {one.name for one in refused}
    if missing or (is_strict and refused):
        words = "Some of the options you chose are not available here."
        return _not_supported(request, words, (*refused, *missing))
    kept = tuple(one for one in checked.kept if one.name not in DROPPED)
    return Asked((*kept, *wishes.template, *_supplied(request)), refused, wishes)


def _not_supported(request: IppRequest, words: str, refused: tuple[Attribute, ...]) -> Message:
    status = Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED
    return answer(request.message, status, words=words, unsupported=refused)


def _refuse_format(door: Door, request: IppRequest) -> Message | None:
    declared = request.operation.string("document-format")
    if declared is not None and not door.attributes.takes(request.queue, declared):
        return answer(
            request.message,
            Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED,
            words=f"Documents of the format {declared} are not printed here; print it as PDF.",
            unsupported=[mime("document-format", declared)],
        )
    compression = request.operation.string("compression")
    if compression is not None and compression not in COMPRESSIONS:
        return answer(
            request.message,
            Status.CLIENT_ERROR_COMPRESSION_NOT_SUPPORTED,
            words=f"Documents are not taken as {compression} here; send the document as it is.",
            unsupported=[keyword("compression", compression)],
        )
    return None


def _submission(request: IppRequest, asked: Asked) -> Submission:
    title = request.operation.string("job-name") or request.operation.string("document-name") or ""
    return Submission(
        queue=request.queue,
        principal=request.principal,
        requesting_user_name=request.requesting_user_name,
        peer=request.http.peer_host,
        protocol=request.protocol,
        template=asked.template,
        # RFC 8011 5.1.3: a name has 255 octets; what is longer is cut rather than refused.
        title=clip(title, MAX_NAME_OCTETS),
        waits=asked.wishes.waits,
    )


async def _with_pin(door: Door, submission: Submission, asked: Asked) -> Submission:
    """Return the submission with what is kept of the job's PIN; made once nothing else stands in the way."""
    if asked.wishes.pin is None:
        return submission
    door.intake.validate(submission)
    kept = await door.desk.pins.keep(asked.wishes.pin)
    return replace(submission, private={PIN: kept})


def _supplied(request: IppRequest) -> Iterable[Attribute]:
    """What the client said of its document, for whoever reads the job back (PWG 5100.7)."""
    declared = request.operation.string("document-format")
    compression = request.operation.string("compression")
    if declared is not None:
        yield mime("document-format-supplied", declared)
    if compression is not None:
        yield keyword("compression-supplied", compression)


def _incoming(request: IppRequest) -> Incoming:
    declared = request.operation.string("document-format")
    compression = request.operation.string("compression") or "none"
    chunks = request.document()
    return Incoming(
        chunks=chunks if compression == "none" else _inflated(chunks, Inflater(compression, INFLATING)),
        declared=None if declared in (None, OCTET_STREAM) else declared,
    )


async def _inflated(chunks: AsyncGenerator[bytes], inflater: Inflater) -> AsyncGenerator[bytes]:
    """Undo a document's compression as it arrives; others get their turn after each piece.

    Raises:
        BrokenCompression: not what it is said to be, cut off, or made to be a burden.
    """
    async with aclosing(chunks):
        async for chunk in chunks:
            for piece in _pieces(inflater.receive_data(chunk)):
                yield piece
                await trio.lowlevel.checkpoint()
        for piece in _pieces(inflater.finish()):
            yield piece


def _pieces(found: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from found
    except RemoteProtocolError as error:
        words = "The compressed document cannot be read; print it again."
        raise BrokenCompression(words, error=str(error)) from error


async def _created(door: Door, request: IppRequest, job: Job, asked: Asked) -> Message:
    # RFC 3995 11.1.3: a job comes with subscriptions to itself.
    subscribed = await make_asked(door, request, job, is_new=True)
    ignored = any("notify-subscription-id" not in group for group in subscribed)
    return answer(
        request.message,
        _success(asked, ignored=ignored),
        groups=[Group(GroupTag.JOB, creation_answer(request, job)), *subscribed],
        unsupported=asked.refused,
    )


def _success(asked: Asked, *, ignored: bool = False) -> Status:
    if ignored:
        return Status.SUCCESSFUL_OK_IGNORED_SUBSCRIPTIONS
    if asked.refused:
        return Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
    return Status.SUCCESSFUL_OK
