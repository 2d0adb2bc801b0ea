"""Turns jobs, documents and people into the facts that rules are decided on; titles never become facts."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from policy.facts import ClientFacts, DocumentFacts, Facts, JobFacts, PrinterFacts, QueueFacts, UserFacts
from protocols.ipp.media import name_of, one_name, size_in
from protocols.ipp.message import Attribute
from protocols.ipp.values import Collection, text_of
from spoold.model.job import Document
from spoold.model.principal import Principal, Role
from spoold.model.printer import Printer

_ROLES = {
    Role.USER: ("user",),
    Role.OPERATOR: ("user", "operator"),
    Role.ADMINISTRATOR: ("user", "operator", "administrator"),
}


def facts_for(
    *,
    queue: str,
    principal: Principal | None,
    claimed_name: str,
    template: Iterable[Attribute],
    documents: Sequence[Document],
    peer: str,
    protocol: str,
    submitted_at: datetime | None = None,
    printer: Printer | None = None,
    approved: frozenset[str] = frozenset(),
    color: bool | None = None,
    ready: bool | None = None,
) -> Facts:
    """Return the facts of one decision.

    Args:
        template: Job Template attributes as they will be printed.
        submitted_at: None while the job is being accepted.
        approved: the rules for which somebody has approved the job.
        printer: None at acceptance.
        color: whether the printer prints in colour; None if it never said.
        ready: whether the printer may be sent a document now.
    """
    found = _document_facts(documents)
    place = None
    if printer is not None:
        place = PrinterFacts(printer.name, printer.location, color, ready, printer.cost)
    return Facts(
        queue=QueueFacts(queue),
        user=_user_facts(principal, claimed_name),
        job=_job_facts(tuple(template), documents, found.pages, submitted_at, approved),
        document=found,
        client=ClientFacts(peer, "lpr" if protocol == "lpr" else "ipp"),
        printer=place,
    )


def _user_facts(principal: Principal | None, claimed_name: str) -> UserFacts:
    if principal is None:
        return UserFacts(name=claimed_name)
    return UserFacts(
        principal.name,
        sorted(principal.groups),
        _ROLES[principal.role],
        authenticated=True,
        method=principal.method.value,
        second_factor=principal.second_at is not None,
        provider=principal.provider,
    )


def _job_facts(
    template: Sequence[Attribute],
    documents: Sequence[Document],
    pages: int | None,
    submitted_at: datetime | None,
    approved: frozenset[str],
) -> JobFacts:
    values = {attribute.name: attribute.values[0] for attribute in template}
    column = values["media-col"].data if "media-col" in values else None
    paper = column if isinstance(column, Collection) else Collection(())
    size = size_in(paper)
    copies = values["copies"].data if "copies" in values else 1
    copies = copies if isinstance(copies, int) else 1

    def word(name: str, default: str) -> str:
        return (text_of(values[name]) if name in values else None) or default

    def of_paper(name: str) -> str:
        member = paper.get(name)
        return (None if member is None else text_of(member.values[0])) or ""

    return JobFacts(
        copies=copies,
        sides=word("sides", "one-sided"),
        color_mode=word("print-color-mode", "auto"),
        # However the size was asked for, it has one name: the door takes one of the two attributes only.
        media=one_name(word("media", "")) if size is None else name_of(size),
        media_type=of_paper("media-type"),
        media_source=of_paper("media-source"),
        size_bytes=sum(document.size_bytes for document in documents),
        impressions=None if pages is None else pages * copies,
        submitted_at=submitted_at,
        approved=approved,
    )


def _document_facts(documents: Sequence[Document]) -> DocumentFacts:
    if not documents:
        return DocumentFacts(count=0)
    known = all(document.inspected and document.pages is not None for document in documents)
    return DocumentFacts(
        format=documents[0].format,
        count=len(documents),
        pages=sum(document.pages or 0 for document in documents) if known else None,
        encrypted=_any([document.encrypted for document in documents]),
        broken=_any([document.broken for document in documents]),
        known=known,
    )


def _any(found: Sequence[bool | None]) -> bool | None:
    """One bad document spoils the job; what nobody looked at leaves the answer open."""
    if any(found):
        return True
    return None if None in found else False
