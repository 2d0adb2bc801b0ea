"""Marks what a job prints: the words of its rules, filled in for this release, and nothing cut off."""

from collections.abc import Iterable

from sqlalchemy import Connection

from policy.watermark import filled
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import Attribute, Value
from spoold.database import obligations, people
from spoold.model.job import Job
from spoold.model.site import Site
from spoold.printers.capabilities import Capabilities
from spoold.release.ledger import Ledger

# With these a page that is larger than the paper is made smaller (PWG 5100.16, print-scaling), the first one
# leaves others as they are. With all others the foot of such a page, where the words are, may be cut off.
_WHOLE = ("auto-fit", "fit")


async def words_for(ledger: Ledger, job: Job, site: Site) -> tuple[str, ...]:
    """Return what stands on every page of a job that was released; each begins a line.

    Dates and times are those of the release, in the site's time zone.
    """

    def read(connection: Connection) -> tuple[tuple[str, ...], people.UserRow | None]:
        owner = None if job.owner_id is None else people.user_by_id(connection, job.owner_id)
        return obligations.watermarks_of(connection, job.id), owner

    texts, owner = await ledger.database.read(read, short=True)
    moment = (job.processing_at or ledger.clock.now()).astimezone(site.policy.timezone)
    values = {
        "user": job.claimed_name if owner is None else owner.name,
        "date": f"{moment:%Y-%m-%d}",
        "time": f"{moment:%H:%M}",
        "printer": job.printer or "",
        "job": str(job.number),
    }
    return tuple(filled(text, values) for text in texts)


def whole(told: Iterable[Attribute], abilities: Capabilities | None) -> tuple[Attribute, ...]:
    """Return what a printer is told, with pages fitted to the paper where it can do that.

    Where it cannot, or nobody knows, it does what it does by itself: what the job asks for ("none", "fill")
    may cut the words off.
    """
    kept = tuple(one for one in told if one.name != "print-scaling")
    offered = () if abilities is None else abilities.choices["print-scaling"].values
    scaling = next((one for one in _WHOLE if one in offered), None)
    if scaling is None:
        return kept
    return (*kept, Attribute("print-scaling", (Value(ValueTag.KEYWORD, scaling),)))
