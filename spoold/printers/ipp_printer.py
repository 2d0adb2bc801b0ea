"""A printer that speaks IPP or IPPS: status, jobs and documents over our own codec and client."""

from collections.abc import AsyncIterable, Iterable
from dataclasses import replace

import structlog

from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status, is_successful, keyword_of
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import (
    Attribute,
    boolean,
    charset,
    clip,
    integer,
    keyword,
    mime,
    name_,
    natural_language,
    uri,
)
from spoold.model.printer import Printer, PrinterStatus
from spoold.printers import description
from spoold.printers.base import (
    NoSuchRemoteJob,
    Outgoing,
    PrinterBusy,
    PrinterDescription,
    PrinterProblem,
    PrinterRefused,
    PrinterUnreachable,
    RemoteJob,
    RemoteState,
    Ticket,
)
from spoold.printers.health import judge, unknown
from spoold.printers.ipp_link import IppLink
from spoold.runtime.clock import Clock

log = structlog.get_logger()

VERSIONS = ((2, 0), (1, 1))
# Printers remember a few hundred jobs at most; ours is among the newest.
MAX_JOBS_SEARCHED = 1_000
# RFC 8011 5.1.3: name(MAX).
MAX_NAME_OCTETS = 255

# "job-state" (RFC 8011 5.3.7).
_STATES = {
    3: RemoteState.PENDING,
    4: RemoteState.HELD,
    5: RemoteState.PROCESSING,
    6: RemoteState.STOPPED,
    7: RemoteState.CANCELED,
    8: RemoteState.ABORTED,
    9: RemoteState.COMPLETED,
}
_STATUS_WANTED = ("printer-state", "printer-state-reasons", "printer-is-accepting-jobs")
_ABILITIES_WANTED = ("operations-supported", "document-format-supported")
# The media database comes only to whoever names it (PWG 5100.7).
_EVERYTHING = ("all", "media-col-database")
_JOB_WANTED = ("job-id", "job-name", "job-state", "job-impressions-completed")
_ANY_FORMAT = "application/octet-stream"


class IppPrinter:
    """Speaks to one printer; keeps nothing of a job between two calls."""

    def __init__(self, printer: Printer, clock: Clock) -> None:
        self._printer = printer
        self._clock = clock
        self._link = IppLink(printer)
        self._version = VERSIONS[0]
        self._formats: frozenset[str] | None = None
        self._one_step = False

    @property
    def name(self) -> str:
        """The name in the configuration."""
        return self._printer.name

    async def status(self) -> PrinterStatus:
        """Get-Printer-Attributes, judged by `spoold.printers.health`."""
        try:
            answer = await self._ask(
                Operation.GET_PRINTER_ATTRIBUTES,
                (keyword("requested-attributes", *_STATUS_WANTED, *_ABILITIES_WANTED),),
            )
        except PrinterProblem as problem:
            return unknown(self.name, problem.words, self._clock.now())
        group = answer.group(GroupTag.PRINTER)
        self._note_abilities(group)
        reasons = group.get("printer-state-reasons")
        return judge(
            self.name,
            state=group.integer("printer-state"),
            accepting=group.boolean("printer-is-accepting-jobs"),
            reasons=None if reasons is None else reasons.strings(),
            read_at=self._clock.now(),
            block_on=self._printer.block_on,
        )

    async def describe(self) -> PrinterDescription:
        """Ask for everything the printer says of itself; what is too much for one answer, in part."""
        for wanted in (_EVERYTHING, description.WANTED):
            try:
                answer = await self._ask(
                    Operation.GET_PRINTER_ATTRIBUTES, (keyword("requested-attributes", *wanted),)
                )
            except PrinterProblem:
                continue
            group = answer.group(GroupTag.PRINTER)
            described = description.describe(group)
            return replace(described, capabilities=group) if wanted is _EVERYTHING else described
        return PrinterDescription()

    async def create(self, ticket: Ticket) -> int | None:
        """Create-Job, unless the printer only knows Print-Job."""
        self._check_formats(ticket.formats)
        if self._one_step:
            if len(ticket.formats) > 1:
                raise PrinterRefused("This printer takes one document at a time, and the job has several.")
            return None
        operation = (*_who(ticket), name_("job-name", ticket.token))
        try:
            answer = await self._ask(Operation.CREATE_JOB, operation, job=ticket.attributes)
        except _NotSupported:
            self._one_step = True
            return await self.create(ticket)
        remote_id = answer.group(GroupTag.JOB).integer("job-id")
        if remote_id is None:
            raise PrinterUnreachable("The printer did not say which job it opened.")
        return remote_id

    async def send(
        self, ticket: Ticket, remote_id: int | None, document: Outgoing, content: AsyncIterable[bytes]
    ) -> RemoteJob:
        """Send-Document, or Print-Job when there is no job yet."""
        kind = (mime("document-format", document.format),)
        named = (name_("document-name", clip(document.name, MAX_NAME_OCTETS)),) if document.name else ()
        if remote_id is None:
            message = self._message(
                Operation.PRINT_JOB,
                (*_who(ticket), name_("job-name", ticket.token), *named, *kind),
                job=ticket.attributes,
            )
        else:
            message = self._message(
                Operation.SEND_DOCUMENT,
                (
                    integer("job-id", remote_id),
                    *_who(ticket),
                    *named,
                    *kind,
                    boolean("last-document", document.last),
                ),
            )
        answer = await self._link.send(message, content, document.size_bytes)
        _check(answer)
        return _remote_job(answer.group(GroupTag.JOB), remote_id)

    async def progress(self, ticket: Ticket, remote_id: int) -> RemoteJob:
        """Get-Job-Attributes; a job of another name under this id is not ours."""
        answer = await self._ask(
            Operation.GET_JOB_ATTRIBUTES,
            (integer("job-id", remote_id), *_who(ticket), keyword("requested-attributes", *_JOB_WANTED)),
        )
        group = answer.group(GroupTag.JOB)
        stated = group.string("job-name")
        if stated is not None and stated != ticket.token:
            raise NoSuchRemoteJob("The printer knows another job under this number.")
        return _remote_job(group, remote_id)

    async def cancel(self, ticket: Ticket, remote_id: int) -> None:
        """Cancel-Job, after a look that the job is ours."""
        await self.progress(ticket, remote_id)
        await self._ask(Operation.CANCEL_JOB, (integer("job-id", remote_id), *_who(ticket)))

    async def find(self, ticket: Ticket) -> RemoteJob | None:
        """Get-Jobs among those that wait and those that have ended."""
        for which in ("not-completed", "completed"):
            answer = await self._ask(
                Operation.GET_JOBS,
                (
                    *_who(ticket),
                    integer("limit", MAX_JOBS_SEARCHED),
                    keyword("which-jobs", which),
                    boolean("my-jobs", False),
                    keyword("requested-attributes", *_JOB_WANTED),
                ),
            )
            for group in answer.all(GroupTag.JOB):
                if group.string("job-name") == ticket.token and group.integer("job-id") is not None:
                    return _remote_job(group, None)
        return None

    async def aclose(self) -> None:
        """Close kept connections."""
        await self._link.aclose()

    async def _ask(
        self, operation: Operation, attributes: Iterable[Attribute], *, job: tuple[Attribute, ...] = ()
    ) -> Message:
        """Send a request without a document; speaks an older version to a printer that wants one."""
        wanted = tuple(attributes)
        answer = await self._link.ask(self._message(operation, wanted, job=job))
        if answer.code == Status.SERVER_ERROR_VERSION_NOT_SUPPORTED and self._version != VERSIONS[-1]:
            self._version = VERSIONS[-1]
            answer = await self._link.ask(self._message(operation, wanted, job=job))
        _check(answer)
        return answer

    def _message(
        self, operation: Operation, attributes: Iterable[Attribute], *, job: tuple[Attribute, ...] = ()
    ) -> Message:
        head = (
            charset("attributes-charset", "utf-8"),
            natural_language("attributes-natural-language", "en"),
            uri("printer-uri", self._printer.uri),
        )
        groups = [Group(GroupTag.OPERATION, (*head, *attributes))]
        if job:
            groups.append(Group(GroupTag.JOB, job))
        return Message(self._version, operation, self._link.next_request_id(), tuple(groups))

    def _note_abilities(self, group: Group) -> None:
        operations = group.get("operations-supported")
        if operations is not None:
            known = {value.data for value in operations.values}
            self._one_step = not {Operation.CREATE_JOB, Operation.SEND_DOCUMENT} <= known
        formats = group.get("document-format-supported")
        self._formats = None if formats is None else frozenset(text.lower() for text in formats.strings())

    def _check_formats(self, formats: Iterable[str]) -> None:
        # Known from the status that was read a moment ago; a printer that does not say is asked by trying.
        if self._formats is None:
            return
        for kind in formats:
            if kind.lower() not in self._formats and kind != _ANY_FORMAT:
                raise PrinterRefused(f"This printer cannot print documents of the type {kind}.")


class _NotSupported(PrinterRefused):
    """The printer has no such operation."""


def _who(ticket: Ticket) -> tuple[Attribute, ...]:
    # The same name in every request about a job: printers let nobody else see its name or cancel it.
    return (name_("requesting-user-name", clip(ticket.user_name, MAX_NAME_OCTETS)),)


def _check(answer: Message) -> None:
    """Raise what an answer's status means."""
    code = answer.code
    if is_successful(code):
        return
    detail = keyword_of(code)
    if code == Status.SERVER_ERROR_BUSY:
        raise PrinterBusy("The printer is busy with another job.", detail)
    if code in {Status.CLIENT_ERROR_NOT_FOUND, Status.CLIENT_ERROR_GONE}:
        raise NoSuchRemoteJob("The printer does not know the job.", detail)
    if code == Status.SERVER_ERROR_OPERATION_NOT_SUPPORTED:
        raise _NotSupported("The printer cannot do this.", detail)
    if code == Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED:
        raise PrinterRefused("This printer cannot print documents of this type.", detail)
    if code in {Status.CLIENT_ERROR_NOT_AUTHENTICATED, Status.CLIENT_ERROR_FORBIDDEN}:
        raise PrinterRefused("The printer does not take jobs from this spooler.", detail)
    raise PrinterRefused("The printer refused the job.", detail)


def _remote_job(group: Group, remote_id: int | None) -> RemoteJob:
    stated_id = group.integer("job-id")
    state = _STATES.get(group.integer("job-state") or 0)
    found = remote_id if remote_id is not None else stated_id
    if state is None or found is None:
        raise PrinterUnreachable("The printer's answer about the job cannot be understood.")
    impressions = group.integer("job-impressions-completed")
    return RemoteJob(found, state, impressions if impressions is None or impressions >= 0 else None)
