"""Claiming: how a job that came without proof becomes somebody's, once and for good.

A job of such a client waits under a name that proves nothing. Whoever signs in under that name has it. Other
names are no account's: a phone calls itself by its model, a computer by its own. The queue says who else may
then claim the job ("claim"), and whoever does takes it upon themselves: it is written down, and from then on
only their account counts.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

import structlog
from sqlalchemy import Connection

from spoold.database import claims, jobs
from spoold.database.claims import UnclaimedRow
from spoold.identity.provider import Accepted, Finding, NotHere
from spoold.model.access import Action, may
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, SpoolError
from spoold.model.holding import awaits_pin
from spoold.model.ids import JobId, UserId, canonical_name
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal
from spoold.model.queue import Authentication, ClaimRule, Queue
from spoold.model.site import CurrentSite
from spoold.records import audit, transitions
from spoold.release.gate import Confirm
from spoold.release.ledger import Ledger

log = structlog.get_logger()

# The newest ones; whoever has just printed looks for one of them.
MAX_LOOKED_AT = 500
# More than a person reads; older ones are found by their address.
MAX_SHOWN = 50
# Directories are asked about this many names for one list; what is left over is not shown.
MAX_LOOKUPS = 50
# Whether a name is somebody's, for lists (seconds); a claim asks anew.
KNOWN_FOR_S = 60.0
# Names remembered, about 100 bytes each.
MAX_KNOWN = 1_024
NO_SUCH_JOB = "There is no such job."
TAKEN = "Somebody else has claimed this job."

Find = Callable[[str], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Claimable:
    """What somebody is shown of a job that may be theirs: enough to know it again, never its name.

    Args:
        rule: why this person may claim it.
        seconds_left: until it expires.
    """

    id: JobId
    number: int
    queue: str
    size_bytes: int
    peer: str
    created_at: datetime
    seconds_left: int
    rule: ClaimRule


@dataclass(frozen=True, slots=True)
class _Name:
    """What a name is: somebody's, nobody's, or (`certain` False) not to be told now."""

    owner: UserId | None = None
    is_taken: bool = False
    certain: bool = True


class ClaimDesk:
    """What doors ask about unclaimed jobs.

    Error handling: a name of which nobody can tell whether it is somebody's counts as somebody's.

    Args:
        find: tells whose a name is that a client sent, without a password; `NotHere` where it is nobody's,
            of those included who cannot be asked about or are gone.
        confirm: somebody as the provider of the account has them now: a session's name may be another's.
        max_jobs: how many jobs one person may have waiting.
        has_domains: accounts have names with a domain, too, which clients may send their jobs under.
    """

    def __init__(
        self,
        ledger: Ledger,
        site: CurrentSite,
        find: Find,
        confirm: Confirm,
        *,
        max_jobs: int,
        has_domains: bool = False,
    ) -> None:
        self._ledger = ledger
        self._clock = ledger.clock
        self._site = site
        self._find = find
        self._confirm = confirm
        self._max_jobs = max_jobs
        self._has_domains = has_domains
        self._known: dict[str, tuple[float, _Name]] = {}

    def offers(self) -> bool:
        """Tell whether anybody may find a job to claim that is not on their list anyway."""
        return any(
            self._has_domains or queue.claim is not ClaimRule.BY_NAME for queue in self._queues().values()
        )

    async def claimable(self, principal: Principal, *, peer: str) -> list[Claimable]:
        """Return the jobs this person may claim, the newest first; not those that are theirs by name anyway.

        Args:
            peer: numeric address the person asks from.
        """
        _check_person(principal)
        queues = self._queues()
        if not queues:
            return []
        rows = await self._ledger.database.read(
            lambda connection: claims.unclaimed_jobs(connection, list(queues), MAX_LOOKED_AT)
        )
        found: list[Claimable] = []
        asked: set[str] = set()
        for row in rows:
            if len(found) == MAX_SHOWN:
                break
            if _is_named(row.claimed_name, principal):
                continue
            rule = await self._rule(row, queues[row.queue], principal, peer, asked)
            if rule is not None:
                found.append(self._shown(row, rule))
        return found

    async def one(self, principal: Principal, job_id: JobId, *, peer: str) -> Claimable:
        """Return one job that this person may claim.

        Raises:
            NotFound: there is none, or not for this person.
            NotPossible: somebody else was faster.
        """
        row, rule = await self._judged(principal, job_id, peer)
        return self._shown(row, rule)

    async def claim(self, principal: Principal, job_id: JobId, *, peer: str) -> Job:
        """Make a job this person's, for good; returns it. Durable when this returns.

        Raises:
            NotFound, NotPossible: as `one`; or the person has too many jobs waiting.
            NotAuthorized: the account is closed.
            Unavailable: the directory that knows the person cannot be asked.
        """
        _check_person(principal)
        principal = await self._confirm(principal)
        mine = await self._ledger.job(job_id)
        if mine.owner_id == principal.id:
            # Asked for twice; the first time was a success.
            return mine
        row, rule = await self._judged(principal, job_id, peer)
        now = self._clock.now()

        def work(connection: Connection) -> Job:
            current = jobs.job_by_id(connection, job_id)
            if current is None or current.state is not JobState.HELD or current.on_arrival:
                raise NotFound(NO_SUCH_JOB, job=str(job_id))
            if current.owner_id is not None:
                raise NotPossible(TAKEN, job=str(job_id))
            if claims.count_live_of(connection, principal.id) >= self._max_jobs:
                raise NotPossible(
                    "You have too many jobs waiting already; release or delete some of them first.",
                    bound=self._max_jobs,
                )
            jobs.update_job(connection, job_id, [JobState.HELD], owner_id=principal.id, changed_at=now)
            words = "Claimed; it belongs to one person from now on."
            transitions.note(connection, job_id, event="claimed", words=words, now=now)
            audit.append(
                connection,
                at=now,
                kind="job-claimed",
                actor=principal.id,
                peer=peer,
                method=principal.method.value,
                job=str(job_id),
                number=row.number,
                queue=row.queue,
                rule=rule.value,
                sender=row.peer,
            )
            return jobs.job_by_id(connection, job_id) or current

        job = await self._ledger.database.write(work)
        log.info("job-claimed", job=str(job_id), user=principal.id, rule=rule.value)
        return job

    # -- who may

    def _queues(self) -> dict[str, Queue]:
        return {
            name: queue
            for name, queue in self._site().queues.items()
            if queue.authentication is Authentication.AT_RELEASE
        }

    async def _judged(self, principal: Principal, job_id: JobId, peer: str) -> tuple[UnclaimedRow, ClaimRule]:
        _check_person(principal)
        job = await self._ledger.job(job_id)
        queue = self._queues().get(job.queue)
        if queue is None or job.state is not JobState.HELD or job.on_arrival:
            raise NotFound(NO_SUCH_JOB, job=str(job_id))
        row = _row_of(job)
        # Asked anew: an account may have been made in the last minute.
        self._known.pop(row.claimed_name, None)
        rule = await self._rule(row, queue, principal, peer, set())
        if rule is None:
            raise NotFound(NO_SUCH_JOB, job=str(job_id))
        if job.owner_id is not None:
            raise NotPossible(TAKEN, job=str(job_id))
        return row, rule

    async def _rule(
        self, row: UnclaimedRow, queue: Queue, principal: Principal, peer: str, asked: set[str]
    ) -> ClaimRule | None:
        """Return why this person may claim the job; None: they may not.

        Args:
            asked: names that were looked up for the same question.
        """
        if _is_named(row.claimed_name, principal):
            return ClaimRule.BY_NAME
        if awaits_pin(row.template):
            # Its sender has said by what it is to be released.
            return None
        others: ClaimRule | None = None
        if queue.claim is ClaimRule.OPEN or (
            queue.claim is ClaimRule.SAME_ADDRESS and _is_same(row.peer, peer)
        ):
            others = queue.claim
        if not row.claimed_name or (others and queue.claim_known_names):
            return others
        if others is None and not _has_domain(row.claimed_name):
            return None
        name = await self._name(row.claimed_name, asked)
        if name.owner == principal.id:
            return ClaimRule.BY_NAME
        return others if name.certain and not name.is_taken else None

    async def _name(self, claimed: str, asked: set[str]) -> _Name:
        now_s = self._clock.monotonic_s()
        kept = self._known.get(claimed)
        if kept is not None and kept[0] > now_s:
            return kept[1]
        if claimed not in asked and len(asked) >= MAX_LOOKUPS:
            return _Name(certain=False)
        asked.add(claimed)
        try:
            finding = await self._find(claimed)
        except SpoolError as error:
            log.info("claim-name-not-known", kind=error.kind)
            return _Name(certain=False)
        owner = finding.account.id if isinstance(finding, Accepted) else None
        name = _Name(owner, is_taken=not isinstance(finding, NotHere))
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[claimed] = (now_s + KNOWN_FOR_S, name)
        return name

    def _shown(self, row: UnclaimedRow, rule: ClaimRule) -> Claimable:
        left_s = int((row.expires_at - self._clock.now()).total_seconds())
        return Claimable(
            id=row.id,
            number=row.number,
            queue=row.queue,
            size_bytes=row.size_bytes,
            peer=row.peer,
            created_at=row.created_at,
            seconds_left=max(0, left_s),
            rule=rule,
        )


def _check_person(principal: Principal) -> None:
    """Refuse who is no person with an account: root at the command line, an address to print to."""
    if not may(principal, Action.CLAIM) or principal.method is Method.CONTROL_SOCKET:
        raise NotAuthorized("Only a person with an account here can claim a job; give a user name.")


def _row_of(job: Job) -> UnclaimedRow:
    return UnclaimedRow(
        id=job.id,
        number=job.number,
        queue=job.queue,
        claimed_name=job.claimed_name,
        peer=job.peer,
        template=job.template,
        size_bytes=job.size_bytes,
        created_at=job.created_at,
        expires_at=job.expires_at,
    )


def _is_named(claimed: str, principal: Principal) -> bool:
    return bool(claimed) and canonical_name(claimed) == principal.name


def _has_domain(name: str) -> bool:
    """Tell whether a name may be another spelling of an account's: DOMAIN\\name, name@domain."""
    return "\\" in name or "@" in name


def _is_same(one: str, other: str) -> bool:
    """Tell whether two numeric addresses are one, an IPv4 one in IPv6 clothes included (RFC 4291 2.5.5.2)."""
    try:
        first, second = ip_address(one.partition("%")[0]), ip_address(other.partition("%")[0])
    except ValueError:
        return False
    return (getattr(first, "ipv4_mapped", None) or first) == (getattr(second, "ipv4_mapped", None) or second)


def claimable_fields(one: Claimable) -> dict[str, object]:
    """Return a job that may be claimed as programs see it: no name of any kind."""
    return {
        "id": str(one.id),
        "number": one.number,
        "queue": one.queue,
        "size_bytes": one.size_bytes,
        "from": one.peer,
        "created_at": one.created_at.isoformat(),
        "seconds_left": one.seconds_left,
        "rule": one.rule.value,
    }
