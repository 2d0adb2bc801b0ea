"""Offers: where a job may come out, as far as the groups named at queues, printers and paper let somebody.

Only what is offered is found out here, with the groups the person signed in with; the gate asks again, with
those of the moment, and asks the rules, too.
"""

from collections.abc import Collection, Iterable

from policy.access import Access
from policy.facts import Facts
from protocols.errors import RemoteProtocolError
from protocols.ipp.values import Attribute
from spoold.model.job import Job
from spoold.model.policy_facts import facts_for
from spoold.model.principal import Principal
from spoold.model.printer import Printer
from spoold.model.queue import Queue
from spoold.model.site import Site
from spoold.model.template import template_of

NOT_FOR_YOU = (
    "The printers of this job are for members of groups that you are not in. "
    "Ask whoever looks after the printers."
)


def places_of(site: Site, job: Job) -> tuple[Printer, ...]:
    """Return the printers of a job's queue, whoever may use them."""
    return _printers_of(site, site.queues.get(job.queue))


def offered_places(site: Site, job: Job, principal: Principal) -> tuple[Printer, ...]:
    """Return those printers of a job's queue where this person may have it out."""
    places, access = places_of(site, job), site.policy.setting.access
    if not _concerns(access, job.queue, places):
        return places
    template = _template_of(job) if access.media else ()
    found: list[Printer] = []
    for printer in places:
        facts = facts_for(
            queue=job.queue,
            principal=principal,
            claimed_name=job.claimed_name,
            template=template,
            documents=(),
            peer=job.peer,
            protocol=job.protocol,
            submitted_at=job.created_at,
            printer=printer,
        )
        if access.refusal("release", facts) is None:
            found.append(printer)
    return tuple(found)


def usable_printers(site: Site, principal: Principal) -> frozenset[str]:
    """Return the names of the printers where this person may have anything out.

    A printer that no queue leads to is nobody's to use or not; only its own groups are asked.
    """
    access = site.policy.setting.access
    found: set[str] = set()
    for name, printer in site.printers.items():
        queues = [queue.name for queue in site.queues.values() if name in queue.printers] or [""]
        if any(access.refusal("release", _facts(queue, printer, principal)) is None for queue in queues):
            found.add(name)
    return frozenset(found)


def _printers_of(site: Site, queue: Queue | None) -> tuple[Printer, ...]:
    names: Iterable[str] = () if queue is None else queue.printers
    return tuple(site.printers[name] for name in names if name in site.printers)


def _concerns(access: Access, queue: str, places: Collection[Printer]) -> bool:
    """Tell whether anything is restricted on a job's way; most sites restrict nothing."""
    return queue in access.queues or any(
        place.name in access.printers or place.name in access.media for place in places
    )


def _facts(queue: str, printer: Printer, principal: Principal) -> Facts:
    return facts_for(
        queue=queue,
        principal=principal,
        claimed_name="",
        template=(),
        documents=(),
        peer="",
        protocol="ipp",
        printer=printer,
    )


def _template_of(job: Job) -> tuple[Attribute, ...]:
    try:
        return template_of(job)
    except RemoteProtocolError:
        # One job that cannot be read must not hide the list; the gate refuses it in words.
        return ()
