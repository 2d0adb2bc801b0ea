"""Delegations: an owner names somebody who may release for them; both see it, and either's end ends it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from spoold.database import delegations, jobs
from spoold.model.delegation import Delegation
from spoold.model.errors import NotAuthorized, NotFound, NotPossible
from spoold.model.ids import JobId, UserId, canonical_name, new_token
from spoold.model.job import Job
from spoold.model.jobstate import FINAL
from spoold.model.principal import Method, Principal
from spoold.records import audit, transitions
from spoold.release.service import ReleaseService

log = structlog.get_logger()

# A school year's leave; what is for ever is a colleague's own print-out.
MAX_LIFE = timedelta(days=366)
MAX_GIVEN = 50
# What has ended is history after this; the chain keeps it.
KEPT = timedelta(days=30)
NO_SUCH_PERSON = "There is nobody of this name here who could release for you."

# The account of a name as it is now, None when there is none or it is closed.
FindPerson = Callable[[str], Awaitable[Principal | None]]


@dataclass(frozen=True, slots=True)
class DelegationView:
    """One delegation with the names of both people.

    Args:
        number: "job-id" of the only job it is about.
    """

    delegation: Delegation
    owner: str
    delegate: str
    number: int | None


@dataclass(frozen=True, slots=True)
class DelegationDesk:
    """What doors ask about delegation."""

    service: ReleaseService
    find: FindPerson

    async def give(
        self,
        owner: Principal,
        name: str,
        expires_at: datetime | None,
        *,
        job_id: JobId | None = None,
        titles: bool = False,
    ) -> Delegation:
        """Let somebody release one job, or all jobs until a moment.

        Args:
            name: the delegate's account.
            expires_at: for one job it may be absent: until the job expires.
            titles: whether the delegate is shown what the documents are called.

        Raises:
            NotFound: no such person, or no such job of the owner's.
            NotPossible: the job has ended, a bound was passed, or it is the owner.
        """
        if owner.method is Method.CONTROL_SOCKET:
            raise NotAuthorized("Say who you are: only an owner can name somebody.")
        ledger, now = self.service.ledger, self.service.ledger.clock.now()
        delegate = await self.find(canonical_name(name))
        if delegate is None:
            raise NotFound(NO_SUCH_PERSON)
        if delegate.id == owner.id:
            raise NotPossible("You release your own jobs anyway.")
        job = None if job_id is None else await self._own(owner, job_id)
        until = _end(now, expires_at, job)
        one = Delegation(new_token(), owner.id, delegate.id, job_id, now, until, titles)

        def write(connection: Connection) -> None:
            if len(delegations.delegations_by(connection, owner.id, now)) >= MAX_GIVEN:
                raise NotPossible(f"You have named {MAX_GIVEN} people already; take some back first.")
            delegations.forget_delegations(connection, now - KEPT)
            delegations.insert_delegation(connection, one)
            _note(connection, "delegation-given", one, owner.id, now)
            if job is not None:
                words = f"{delegate.name} may release this job for its owner."
                transitions.note(connection, job.id, event="delegated", words=words, now=now)

        await ledger.database.write(write)
        log.info("delegation-given", user=owner.id, delegate=delegate.id, job=str(job_id or ""))
        return one

    async def take_back(self, owner: Principal, delegation_id: str) -> None:
        """End a delegation at once.

        Raises:
            NotFound: the owner has given none of this id.
        """
        now = self.service.ledger.clock.now()

        def write(connection: Connection) -> None:
            given = {one.id: one for one in delegations.delegations_by(connection, owner.id, now)}
            one = given.get(delegation_id)
            if one is None or not delegations.revoke_delegation(connection, delegation_id, owner.id, now):
                raise NotFound("You have named nobody like that.", delegation=delegation_id)
            _note(connection, "delegation-ended", one, owner.id, now)
            if one.job_id is not None:
                words = "Only its owner may release this job again."
                transitions.note(connection, one.job_id, event="delegation-ended", words=words, now=now)

        await self.service.ledger.database.write(write)
        log.info("delegation-ended", user=owner.id)

    async def given(self, owner: Principal) -> list[DelegationView]:
        """Return what a person has given and still holds good."""
        return await self._views(
            lambda connection, now: delegations.delegations_by(connection, owner.id, now)
        )

    async def held(self, delegate: Principal) -> list[DelegationView]:
        """Return for whom a person may release."""
        return await self._views(
            lambda connection, now: delegations.delegations_to(connection, delegate.id, now)
        )

    async def _views(self, look: Callable[[Connection, datetime], list[Delegation]]) -> list[DelegationView]:
        now = self.service.ledger.clock.now()

        def read(connection: Connection) -> list[tuple[Delegation, int | None]]:
            return [(one, _number(connection, one.job_id)) for one in look(connection, now)]

        found = await self.service.ledger.database.read(read)
        names: dict[UserId, str] = {}
        for one, _ in found:
            for user in (one.owner_id, one.delegate_id):
                if user not in names:
                    person = await self.service.gate.people(user)
                    # A closed account lets nothing go, and the list says whom it was.
                    names[user] = "" if person is None else person.name
        return [
            DelegationView(one, names[one.owner_id], names[one.delegate_id], number)
            for one, number in found
            if names[one.owner_id]
        ]

    async def _own(self, owner: Principal, job_id: JobId) -> Job:
        job = await self.service.ledger.job(job_id)
        if not job.owned_by(owner):
            raise NotFound("There is no such job.", job=str(job_id))
        if job.owner_id is None:
            raise NotPossible("Nobody was proven to own this job yet; release it yourself.", job=str(job_id))
        if job.state in FINAL:
            raise NotPossible("The job has ended already.", job=str(job_id))
        return job


def _end(now: datetime, expires_at: datetime | None, job: Job | None) -> datetime:
    if expires_at is None:
        if job is None:
            raise NotPossible("Say until when this person may release your jobs.")
        return job.expires_at
    if not now < expires_at <= now + MAX_LIFE:
        raise NotPossible(f"The end is in the future, and within {MAX_LIFE.days} days.")
    return expires_at


def _number(connection: Connection, job_id: JobId | None) -> int | None:
    job = None if job_id is None else jobs.job_by_id(connection, job_id)
    return None if job is None else job.number


def delegation_fields(view: DelegationView) -> dict[str, object]:
    """Return a delegation as programs see it; each door adds how its jobs are named: by number, or by id."""
    one = view.delegation
    return {
        "id": one.id,
        "owner": view.owner,
        "delegate": view.delegate,
        "titles": one.titles,
        "expires_at": one.expires_at.isoformat(),
    }


def _note(connection: Connection, kind: str, one: Delegation, actor: UserId, now: datetime) -> None:
    audit.append(
        connection,
        at=now,
        kind=kind,
        actor=actor,
        owner=one.owner_id,
        delegate=one.delegate_id,
        job=None if one.job_id is None else str(one.job_id),
        expires_at=one.expires_at.isoformat(),
    )
