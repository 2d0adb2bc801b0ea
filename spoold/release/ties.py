"""Ties: what somebody is to a job that is not theirs, because its owner said so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlalchemy import Connection

from spoold.database import delegations, jobs
from spoold.model.access import Standing
from spoold.model.delegation import Delegation
from spoold.model.errors import NotPossible
from spoold.model.ids import UserId
from spoold.model.job import Job
from spoold.model.jobstate import LIVE
from spoold.model.principal import Method, Principal
from spoold.release.ledger import Ledger

NO_TIE: frozenset[Standing] = frozenset()
# Delegations to one person that a client's list is made of; each costs a look by an index, and nobody is
# named by so many at the same time.
MAX_LISTED_TIES = 200
# An owner names a person, who signs in; not the programs and computers that this person has given a proof.
_NOT_THE_PERSON = frozenset({Method.TOKEN, Method.PRINT_URI})


@dataclass(frozen=True, slots=True)
class Entrusted:
    """What others let somebody release, as lists of jobs are made of it.

    Args:
        owners: whose jobs all of them, and what the person is to them.
        jobs: single ones by number, with their owner.
    """

    owners: Mapping[UserId, frozenset[Standing]] = field(default_factory=lambda: MappingProxyType({}))
    jobs: Mapping[int, tuple[UserId, frozenset[Standing]]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.owners or self.jobs)

    def of(self, owner_id: str | None, number: int) -> frozenset[Standing]:
        """Return what the person is to a job of this owner and number."""
        if owner_id is None:
            return NO_TIE
        owner, standing = self.jobs.get(number, (None, NO_TIE))
        found = self.owners.get(UserId(owner_id), NO_TIE)
        return found | standing if owner == owner_id else found


NOTHING_ENTRUSTED = Entrusted()


@dataclass(frozen=True, slots=True)
class Ties:
    """Looks up delegations, each time anew: they end when their owner says so."""

    ledger: Ledger

    async def of(self, principal: Principal | None, job: Job) -> frozenset[Standing]:
        """Return what the person is to the job besides what the account makes of them."""
        given = await self.delegation(principal, job)
        return NO_TIE if given is None else given.standing

    async def delegation(self, principal: Principal | None, job: Job) -> Delegation | None:
        """Return the delegation by which the person may release the job now.

        There is none for a job whose owner was never proven: a name that was only claimed gives nothing on.
        """
        if principal is None or job.owner_id is None or job.owner_id == principal.id:
            return None
        if principal.method in _NOT_THE_PERSON:
            return None
        return await self.ledger.database.read(
            lambda connection: self._look(connection, principal, job), short=True
        )

    async def entrusted(self, principal: Principal, limit: int) -> list[tuple[Job, frozenset[Standing]]]:
        """Return the jobs that others let this person release, with what the person is to each."""
        if principal.method in _NOT_THE_PERSON:
            return []
        return await self.ledger.database.read(
            lambda connection: self._entrusted(connection, principal, limit), short=True
        )

    async def given(self, principal: Principal | None) -> Entrusted:
        """Return what others let this person release now: what `of` says of each job, for lists of them."""
        if principal is None or principal.method in _NOT_THE_PERSON:
            return NOTHING_ENTRUSTED
        return await self.ledger.database.read(
            lambda connection: self._given(connection, principal), short=True
        )

    def check(self, connection: Connection, principal: Principal, job: Job) -> None:
        """Look once more, in the transaction that lets the job go.

        Raises:
            NotPossible: the delegation has ended meanwhile.
        """
        if self._look(connection, principal, job) is None:
            raise NotPossible("Its owner does not let you release this job any more.", job=str(job.id))

    def _entrusted(
        self, connection: Connection, principal: Principal, limit: int
    ) -> list[tuple[Job, frozenset[Standing]]]:
        now = self.ledger.clock.now()
        found: dict[object, tuple[Job, frozenset[Standing]]] = {}
        for one in delegations.delegations_to(connection, principal.id, now):
            for job in _jobs_of(connection, one, limit):
                _, also = found.get(job.id, (job, NO_TIE))
                found[job.id] = job, also | one.standing
        return list(found.values())[:limit]

    def _given(self, connection: Connection, principal: Principal) -> Entrusted:
        now = self.ledger.clock.now()
        owners: dict[UserId, frozenset[Standing]] = {}
        single: dict[int, tuple[UserId, frozenset[Standing]]] = {}
        for one in delegations.delegations_to(connection, principal.id, now)[-MAX_LISTED_TIES:]:
            if one.job_id is None:
                owners[one.owner_id] = owners.get(one.owner_id, NO_TIE) | one.standing
                continue
            for job in _jobs_of(connection, one, limit=1):
                _, before = single.get(job.number, (one.owner_id, NO_TIE))
                single[job.number] = one.owner_id, before | one.standing
        return Entrusted(owners, single) if owners or single else NOTHING_ENTRUSTED

    def _look(self, connection: Connection, principal: Principal, job: Job) -> Delegation | None:
        if job.owner_id is None:
            return None
        return delegations.delegation_for(
            connection, job.owner_id, job.id, principal.id, self.ledger.clock.now()
        )


def _jobs_of(connection: Connection, one: Delegation, limit: int) -> list[Job]:
    if one.job_id is None:
        found = jobs.list_jobs(connection, states=LIVE, owner_id=one.owner_id, limit=limit)
    else:
        job = jobs.job_by_id(connection, one.job_id)
        found = [] if job is None else [job]
    # What was only sent under the owner's name is not among what the owner gives on.
    return [job for job in found if job.owner_id == one.owner_id]
