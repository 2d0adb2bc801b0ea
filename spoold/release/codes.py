"""Approval codes: somebody who may approve gives a class eight letters, each good for a number of jobs."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from spoold.database import approvals
from spoold.database.approvals import CodeRow, Scope
from spoold.identity.guesses import Guesses
from spoold.keys.tags import Tags
from spoold.model.access import Action, Standing, may
from spoold.model.approval import Approval, names
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, TooManyAttempts
from spoold.model.ids import JobId, UserId, new_token
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal
from spoold.records import approvals as decisions
from spoold.records import audit
from spoold.release.approvals import ApprovalDesk, one_line
from spoold.release.ties import Ties

log = structlog.get_logger()

# Crockford's base 32: no I, L, O and U, so that nobody reads a letter for a digit from the blackboard.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 40 bits: with five tries in a quarter of an hour one code is found in a million years.
CODE_CHARACTERS = 8
_READ_AS = str.maketrans("OIL", "011", "- ")
PURPOSE = b"spoold/approval-code/v1"
# A year's pupils of a school; more is a rule that should not hold.
MAX_USES = 1_000
# A term; what is needed for longer is a rule, too.
MAX_LIFE = timedelta(days=120)
MAX_LIVE_CODES = 100
# Codes that have ended stay on their issuer's list of the API for this long; the chain keeps what they did.
KEPT = timedelta(days=30)
MAX_LABEL_CHARACTERS = 80
MAX_SCOPE_NAMES = 50
WRONG = "This code is not known here, or has ended. Ask whoever gave it to you."
_THROTTLED = "Too many wrong codes. Try again later, or ask for approval."


class WrongCode(NotAuthorized):
    """There is no such code, or it is good no longer."""

    kind = "wrong-code"


@dataclass(frozen=True, slots=True)
class CodeDesk:
    """What doors ask about codes.

    Args:
        desk: decides who may approve what.
        guesses: counts wrong codes, per account and per address.
    """

    desk: ApprovalDesk
    tags: Tags
    guesses: Guesses

    async def issue(
        self, principal: Principal, label: str, scope: Scope, uses: int, expires_at: datetime
    ) -> tuple[CodeRow, str]:
        """Make a code; returns its row, and the code itself, which is kept nowhere.

        Args:
            label: what its issuer calls it.

        Raises:
            NotAuthorized: the issuer could not approve what the code would.
            NotPossible: a bound was passed, or the scope names what is not there.
        """
        if principal.method is Method.CONTROL_SOCKET:
            raise NotAuthorized("Say who you are: a code needs somebody who answers for it.")
        principal = await self.desk.service.gate.confirm(principal)
        now = self._now()
        said = one_line(label)[:MAX_LABEL_CHARACTERS]
        if not 1 <= uses <= MAX_USES:
            raise NotPossible(f"A code is good for 1 to {MAX_USES} jobs.")
        if not now < expires_at <= now + MAX_LIFE:
            raise NotPossible(f"A code ends in the future, and within {MAX_LIFE.days} days.")
        self._check_scope(principal, scope)
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARACTERS))
        row = CodeRow(
            id=new_token(),
            code_hash=self.tags.of(PURPOSE, code),
            issued_by=principal.id,
            label=said or "Approval code",
            scope=scope,
            uses=uses,
            used=0,
            created_at=now,
            expires_at=expires_at,
        )

        def write(connection: Connection) -> None:
            live = [one for one in approvals.codes_of(connection, principal.id) if one.is_on(now)]
            if len(live) >= MAX_LIVE_CODES:
                raise NotPossible(f"You have {MAX_LIVE_CODES} codes already; revoke some first.")
            approvals.forget_codes(connection, now - KEPT)
            approvals.insert_code(connection, row)
            _note(connection, "approval-code-issued", principal.id, row, now)

        await self.desk.service.ledger.database.write(write)
        log.info("approval-code-issued", code=row.id, user=principal.id)
        return row, code

    async def issued(self, principal: Principal) -> list[CodeRow]:
        """Return the codes that a person has issued, the newest first."""
        return await self.desk.service.ledger.database.read(
            lambda connection: approvals.codes_of(connection, principal.id)
        )

    async def revoke(self, principal: Principal, code_id: str) -> None:
        """End one of a person's codes; what it has approved stays approved.

        Raises:
            NotFound: the person has no such code, or has revoked it already.
        """
        now = self._now()

        def write(connection: Connection) -> None:
            if not approvals.revoke_code(connection, code_id, principal.id, now):
                raise NotFound("You have no such code.", code=code_id)
            audit.append(connection, at=now, kind="approval-code-revoked", actor=principal.id, code=code_id)

        await self.desk.service.ledger.database.write(write)
        log.info("approval-code-revoked", code=code_id, user=principal.id)

    async def use(self, owner: Principal, job_id: JobId, typed: str, *, peer: str | None) -> Job:
        """Approve one's own job with a code that somebody else answers for; it is held from now on.

        Args:
            peer: numeric address of the client, where wrong codes are counted as well.

        Raises:
            NotFound, NotAuthorized: no such job, or not the owner's.
            NotPossible: the job does not wait for approval, or the code is for other jobs.
            WrongCode, TooManyAttempts: the code is wrong, once or too often.
        """
        job = await self._own(owner, job_id)
        database = self.desk.service.ledger.database
        wanted = await database.read(lambda connection: decisions.open_of(connection, job_id))
        if wanted is None or job.state is not JobState.WAITING_APPROVAL:
            raise NotPossible("This job does not wait for approval.", job=str(job_id))
        row = await self._known(owner, typed, peer)
        await self._check_owner(owner, job, wanted, row)
        issuer = await self._issuer(row, job, wanted)
        return await self.desk.settle(job, wanted, issuer, code_id=row.id)

    def rules_for(self, principal: Principal) -> list[str]:
        """Return the rules for which a person may issue codes, in the order of the configuration."""
        rules = self.desk.site().policy.approvers
        return [rule for rule, approvers in rules.items() if names(approvers, principal)]

    # -- the checks

    def _check_scope(self, principal: Principal, scope: Scope) -> None:
        site = self.desk.site()
        allowed = self.rules_for(principal)
        if not allowed:
            raise NotAuthorized("No rule of this site names you among those who approve.")
        for rule in scope.rules:
            if rule not in allowed:
                raise NotAuthorized(f'You do not approve what the rule "{rule}" holds.', rule=rule)
        for queue in scope.queues:
            if queue not in site.queues:
                raise NotPossible(f'There is no queue "{queue}".')
        if scope.max_pages is not None and scope.max_pages < 1:
            raise NotPossible("A code is good for documents of one page at least.")
        if max(map(len, (scope.queues, scope.rules, scope.people))) > MAX_SCOPE_NAMES:
            raise NotPossible(f"A code names at most {MAX_SCOPE_NAMES} of each.")

    async def _own(self, owner: Principal, job_id: JobId) -> Job:
        job = await self.desk.service.ledger.job(job_id)
        also = await Ties(self.desk.service.ledger).of(owner, job)
        if may(owner, Action.USE_CODE, job):
            return job
        if may(owner, Action.READ_JOB, job, also=also):
            raise NotAuthorized("Only the owner of a job can do this.", job=str(job_id))
        raise NotFound("There is no such job.", job=str(job_id))

    async def _known(self, owner: Principal, typed: str, peer: str | None) -> CodeRow:
        """Return the code somebody typed; every one that is not known is counted."""
        database, now = self.desk.service.ledger.database, self._now()
        hashes = list(self.tags.all_of(PURPOSE, normal_form(typed)))
        try:
            async with self.guesses.attempt(f"codes-by:{owner.id}", peer=peer) as guess:

                def compare(connection: Connection) -> CodeRow | None:
                    found = approvals.code_by_hash(connection, hashes)
                    if found is not None and found.is_on(now):
                        guess.right(connection)
                        return found
                    guess.wrong(connection)
                    audit.append(connection, at=now, kind="approval-code-rejected", actor=owner.id)
                    return None

                row = await database.write(compare)
        except TooManyAttempts as error:
            raise TooManyAttempts(_THROTTLED, **error.fields) from error
        if row is None:
            raise WrongCode(WRONG, user=owner.id)
        return row

    async def _check_owner(self, owner: Principal, job: Job, wanted: Approval, row: CodeRow) -> None:
        """Refuse a job that the code is not for, in words about the job."""
        scope = row.scope
        if scope.queues and job.queue not in scope.queues:
            raise NotPossible(f"This code is not for the queue {job.queue}.", job=str(job.id))
        if scope.rules and not set(wanted.rules) <= set(scope.rules):
            raise NotPossible("This code is for other rules than the one that holds this job.")
        if scope.people and not names(scope.people, owner):
            raise NotPossible("This code is for other people.", job=str(job.id))
        if scope.max_pages is not None and (job.pages is None or job.pages > scope.max_pages):
            pages = "pages that nobody could count" if job.pages is None else f"{job.pages} pages"
            raise NotPossible(
                f"This code is for at most {scope.max_pages} pages, and the job has {pages}.", job=str(job.id)
            )

    async def _issuer(self, row: CodeRow, job: Job, wanted: Approval) -> Principal:
        """Return who answers for the code, as the account is now: it must still be one who may approve."""
        service = self.desk.service
        issuer = await service.gate.people(row.issued_by)
        if issuer is None:
            raise NotPossible("The account of whoever issued this code is closed.", job=str(job.id))
        also = self.desk.standing(issuer, job, wanted)
        if Standing.APPROVER in also:
            also |= await Ties(service.ledger).of(issuer, job)
        if job.owned_by(issuer):
            raise NotAuthorized("Nobody approves a job of their own.", job=str(job.id))
        if not may(issuer, Action.APPROVE, job, also=also):
            raise NotPossible("Whoever issued this code may not approve this job.", job=str(job.id))
        return issuer

    def _now(self) -> datetime:
        return self.desk.service.ledger.clock.now()


def normal_form(typed: str) -> str:
    """Return a code as it was made, however it was typed: O is 0, I and L are 1, dashes do not matter."""
    return typed.strip().upper().translate(_READ_AS)[:64]


def shown(code: str) -> str:
    """Return a code as people read it: two groups of four."""
    half = len(code) // 2
    return f"{code[:half]}-{code[half:]}"


def code_fields(row: CodeRow) -> dict[str, object]:
    """Return a code as programs see it: never the code itself, which is shown once, by `issue`."""
    return {
        "id": row.id,
        "label": row.label,
        "uses": row.uses,
        "used": row.used,
        "queues": list(row.scope.queues),
        "rules": list(row.scope.rules),
        "people": list(row.scope.people),
        "max_pages": row.scope.max_pages,
        "expires_at": row.expires_at.isoformat(),
    }


def _note(connection: Connection, kind: str, actor: UserId, row: CodeRow, now: datetime) -> None:
    audit.append(
        connection,
        at=now,
        kind=kind,
        actor=actor,
        code=row.id,
        uses=row.uses,
        queues=list(row.scope.queues),
        rules=list(row.scope.rules),
        people=list(row.scope.people),
        max_pages=row.scope.max_pages,
        expires_at=row.expires_at.isoformat(),
    )
