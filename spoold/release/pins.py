"""Releases jobs by their PIN: whoever names the job and knows its PIN may let it out, without an account.

A wrong PIN and a job that does not exist are answered alike: same words, same work, same counting. The
fifth wrong PIN of a job ends its PIN; then only its owner can release it, signed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog
import trio
from sqlalchemy import Connection

from spoold.database import jobs
from spoold.identity.pins import Pin, PinKeeper
from spoold.identity.throttle import Throttle, ThrottleLimits
from spoold.keys.words import PIN, WRONG_PINS, PrivateWords
from spoold.model.errors import NotAuthorized, SpoolError, TooManyAttempts
from spoold.model.holding import BY_OWNER, RELEASE_ACTION, awaits_pin
from spoold.model.ids import JobId, canonical_name
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import JobProof
from spoold.model.site import CurrentSite
from spoold.model.template import encoded, template_of, with_settings
from spoold.records import audit, transitions
from spoold.release.arrivals import Lookup
from spoold.release.gate import GONE
from spoold.release.service import ReleaseService

log = structlog.get_logger()

# Four digits give a guesser 1 in 2,000 for each job.
MAX_WRONG_PINS = 5
# Somebody who names only a person means that person's newest jobs. Always as many checks as this are made,
# so that the answer's time does not tell how many there are.
MAX_JOBS_OF_A_NAME = 4
# Of a name's held jobs, those without a PIN included; nobody has more.
MAX_LOOKED_AT = 1_000
# Guesses spread over many jobs: stricter than for passwords, because people choose 1234.
PIN_THROTTLE = ThrottleLimits(address_failures=10, network_failures=50)
WRONG = "There is no such job, or the PIN is not right."
_LOCKED = "A wrong PIN was given five times. Sign in to release the job."


class WrongPin(NotAuthorized):
    """The PIN is wrong, or there is no such job with a PIN."""

    kind = "wrong-pin"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which job somebody means who is not signed in: by its id, by its number, or by whose it is.

    Args:
        job_id: cannot be guessed, so it needs no name beside it.
        number: "job-id".
        queue: only in this queue.
        name: the name the job was sent under, as typed.
    """

    job_id: JobId | None = None
    number: int | None = None
    queue: str | None = None
    name: str | None = None

    @classmethod
    def typed(cls, words: str) -> "Wanted":
        """Return what a person means who types a job number or a user name into one field."""
        words = words.strip()
        if words.isascii() and words.isdigit() and len(words) <= 10:
            return cls(number=int(words))
        return cls(name=words)

    @property
    def subject(self) -> str:
        """Under which failures are counted, whether there is such a job or not."""
        if self.job_id is not None:
            return f"job:{self.job_id}"
        return f"name:{canonical_name(self.name or '')}" if self.number is None else f"number:{self.number}"


class PinDesk:
    """What doors ask about PINs.

    Args:
        people: the account of an id as it is now, None when it is gone or closed.
        throttle: counts wrong PINs of one address and one subject; not the one that counts passwords.
    """

    def __init__(
        self,
        *,
        service: ReleaseService,
        site: CurrentSite,
        words: PrivateWords,
        people: Lookup,
        keeper: PinKeeper,
        throttle: Throttle | None = None,
    ) -> None:
        self._service = service
        self._ledger = service.ledger
        self._site = site
        self._words = words
        self._people = people
        self._keeper = keeper
        self._throttle = throttle or Throttle(service.ledger.clock, PIN_THROTTLE)

    async def keep(self, pin: Pin) -> str:
        """Return what is kept of a new job's PIN, for its sealed words; raises `Busy`."""
        return await self._keeper.keep(pin)

    async def release(self, wanted: Wanted, pin: Pin, printer: str | None, *, peer: str) -> list[Job]:
        """Let the jobs go that are meant and have this PIN; returns them on their way.

        Args:
            printer: where; None means the first printer of each job's queue.
            peer: numeric address of whoever asks.

        Raises:
            WrongPin: there is no such job, it has no PIN (any more), or another one.
            TooManyAttempts, Busy: too many wrong ones, too much at once.
            SpoolError: everything else that `Gate.admit_by_pin` can say, when it says it of every job.
        """
        self._service.check_open()
        found = await self._prove(wanted, pin, peer)
        refusal: SpoolError | None = None
        released = []
        for job in found:
            try:
                released.append(await self._let_go(job, printer))
            except SpoolError as error:
                refusal = error
        if not released and refusal is not None:
            raise refusal
        return released

    async def _prove(self, wanted: Wanted, pin: Pin, peer: str) -> list[Job]:
        try:
            async with self._throttle.attempt(f"pin of {wanted.subject}", peer) as attempt:
                # Whoever hangs up after sending a guess has guessed all the same.
                with trio.CancelScope(shield=True):
                    candidates = await self._ledger.database.read(partial(self._candidates, wanted=wanted))
                    found = await self._matching(wanted, candidates, pin)
                    if not found:
                        attempt.failed()
                        await self._ledger.database.write(
                            partial(self._count_wrong, tried=candidates, peer=peer)
                        )
                        self._ledger.database.shred_soon()
                        raise WrongPin(WRONG)
                    await self._ledger.database.write(partial(self._note_right, found=found, peer=peer))
        except TooManyAttempts as error:
            if error.fields["first"]:
                await self._ledger.database.write(partial(self._note_throttled, peer=peer))
            raise TooManyAttempts(
                "Too many wrong PINs. Try again later, or sign in.", **error.fields
            ) from error
        return found

    def _candidates(self, connection: Connection, *, wanted: Wanted) -> list[Job]:
        """Return the held jobs that are meant and have a PIN, the newest first."""
        if wanted.job_id is not None:
            one = jobs.job_by_id(connection, wanted.job_id)
        elif wanted.number is not None:
            one = jobs.job_by_number(connection, wanted.number)
        else:
            name = canonical_name(wanted.name or "")
            every = jobs.list_jobs(
                connection, states=[JobState.HELD], claimed_name=name, newest_first=True, limit=MAX_LOOKED_AT
            )
            return [job for job in every if name and self._takes_pin(job)][:MAX_JOBS_OF_A_NAME]
        if one is None or one.state is not JobState.HELD or not self._takes_pin(one):
            return []
        if wanted.queue is not None and one.queue != wanted.queue:
            return []
        if wanted.name is not None and one.claimed_name != canonical_name(wanted.name):
            # Somebody who does not even know whose job it is cannot use up its tries.
            return []
        return [one]

    def _takes_pin(self, job: Job) -> bool:
        queue = self._site().queues.get(job.queue)
        return queue is not None and queue.pins and awaits_pin(job.template)

    async def _matching(self, wanted: Wanted, candidates: Sequence[Job], pin: Pin) -> list[Job]:
        by_name = wanted.job_id is None and wanted.number is None
        checks = MAX_JOBS_OF_A_NAME if by_name else 1
        found = []
        for index in range(checks):
            job = candidates[index] if index < len(candidates) else None
            kept = None if job is None else self._words.open(job).get(PIN)
            if await self._keeper.matches(pin, kept) and job is not None and kept is not None:
                found.append(job)
        return found

    async def _let_go(self, job: Job, printer: str | None) -> Job:
        owner = None if job.owner_id is None else await self._people(job.owner_id)
        if job.owner_id is not None and owner is None:
            raise NotAuthorized(GONE, job=str(job.id))
        proof = JobProof(job.id, job.attempt, self._ledger.clock.now(), owner)
        grant = await self._service.gate.admit_by_pin(proof, printer)
        self._service.start(grant)
        return await self._ledger.job(job.id)

    # -- what is written, inside the writer's transactions --

    def _count_wrong(self, connection: Connection, *, tried: Sequence[Job], peer: str) -> None:
        now = self._ledger.clock.now()
        for job in tried:
            self._count_wrong_of(connection, job.id)
        audit.append(
            connection,
            at=now,
            kind="pin-rejected",
            actor=f"unproven:{peer}",
            tried=[str(job.id) for job in tried],
        )

    def _count_wrong_of(self, connection: Connection, job_id: JobId) -> None:
        job = jobs.job_by_id(connection, job_id)
        words = {} if job is None else self._words.open(job)
        if job is None or job.state is not JobState.HELD or PIN not in words:
            return
        now = self._ledger.clock.now()
        wrong = int(words.get(WRONG_PINS, "0")) + 1
        changes: dict[str, object] = {}
        if wrong < MAX_WRONG_PINS:
            words[WRONG_PINS] = str(wrong)
        else:
            del words[PIN]
            words.pop(WRONG_PINS, None)
            template = with_settings(template_of(job), {RELEASE_ACTION: BY_OWNER})
            changes = {"template": encoded(template), "reason": _LOCKED, "changed_at": now}
            transitions.note(connection, job_id, event="pin-ended", words=_LOCKED, now=now)
            audit.append(connection, at=now, kind="pin-ended", actor="spoold", job=str(job_id))
        sealed = self._words.seal_again(job, words)
        jobs.update_job(connection, job_id, [JobState.HELD], private=sealed, **changes)

    def _note_right(self, connection: Connection, *, found: Sequence[Job], peer: str) -> None:
        for job in found:
            audit.append(
                connection,
                at=self._ledger.clock.now(),
                kind="pin-accepted",
                actor=f"unproven:{peer}",
                job=str(job.id),
            )

    def _note_throttled(self, connection: Connection, *, peer: str) -> None:
        audit.append(connection, at=self._ledger.clock.now(), kind="pin-throttled", actor=f"unproven:{peer}")
