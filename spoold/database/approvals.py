"""Approvals and approval codes: rows in, typed rows out."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, insert, select, update

from spoold.database.schema import approval_codes, approvals, jobs
from spoold.database.times import from_us, to_us
from spoold.model.approval import Approval, Verdict
from spoold.model.ids import JobId, UserId
from spoold.model.jobstate import JobState


@dataclass(frozen=True, slots=True)
class Scope:
    """For which jobs a code is good; what is empty or None does not matter.

    Args:
        queues: names of queues.
        rules: names of the rules that may hold the job; every one of a job's must be here.
        people: owners, "user:NAME" for one and everything else a group.
        max_pages: pages of all documents; a job whose pages nobody could count has too many.
    """

    queues: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    max_pages: int | None = None


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code.

    Args:
        code_hash: keyed hash of the code; masked in repr.
        uses: how many jobs it may approve in all; `used`: how many it has.
    """

    id: str
    code_hash: bytes = field(repr=False)
    issued_by: UserId
    label: str
    scope: Scope
    uses: int
    used: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_on(self, now: datetime) -> bool:
        """Tell whether it can be used at this moment."""
        return self.revoked_at is None and self.used < self.uses and now < self.expires_at


def insert_approval(connection: Connection, approval: Approval) -> None:
    """Insert what is wanted of a job."""
    row = {
        "id": approval.id,
        "job_id": approval.job_id.bytes,
        "rules": json.dumps(approval.rules),
        "approvers": json.dumps(approval.approvers),
        "wanted_us": to_us(approval.wanted_at),
        "words": approval.words,
    }
    connection.execute(insert(approvals), row)


def approvals_of(connection: Connection, job_id: JobId) -> list[Approval]:
    """Return every time that a job was held for approval, oldest first."""
    statement = select(approvals).where(approvals.c.job_id == job_id.bytes)
    return [_approval_of(row) for row in connection.execute(statement.order_by(approvals.c.wanted_us))]


def open_approvals(connection: Connection) -> list[Approval]:
    """Return everything that somebody is to decide now, the oldest first."""
    statement = (
        select(approvals)
        .join(jobs, jobs.c.id == approvals.c.job_id)
        .where(approvals.c.verdict.is_(None), jobs.c.state == JobState.WAITING_APPROVAL.value)
        .order_by(approvals.c.wanted_us, approvals.c.id)
    )
    return [_approval_of(row) for row in connection.execute(statement)]


def decide_approval(
    connection: Connection,
    approval_id: str,
    verdict: Verdict,
    *,
    by: UserId,
    at: datetime,
    words: str = "",
    code_id: str | None = None,
) -> bool:
    """Write a decision down; False when there is one already."""
    statement = update(approvals).where(approvals.c.id == approval_id, approvals.c.verdict.is_(None))
    values = {"verdict": verdict.value, "decided_by": by, "decided_us": to_us(at)}
    return connection.execute(statement.values(words=words, code_id=code_id, **values)).rowcount == 1


def forget_approvals(connection: Connection, job_id: JobId) -> int:
    """Delete the decisions about a job; returns how many."""
    return int(connection.execute(delete(approvals).where(approvals.c.job_id == job_id.bytes)).rowcount)


def insert_code(connection: Connection, code: CodeRow) -> None:
    """Insert a code."""
    scope = code.scope
    row = {
        "id": code.id,
        "code_hash": code.code_hash,
        "issued_by": code.issued_by,
        "label": code.label,
        "scope": json.dumps(
            {
                "queues": scope.queues,
                "rules": scope.rules,
                "people": scope.people,
                "max_pages": scope.max_pages,
            }
        ),
        "uses": code.uses,
        "used": code.used,
        "created_us": to_us(code.created_at),
        "expires_us": to_us(code.expires_at),
    }
    connection.execute(insert(approval_codes), row)


def code_by_hash(connection: Connection, hashes: list[bytes]) -> CodeRow | None:
    """Return the code that has one of these hashes."""
    statement = select(approval_codes).where(approval_codes.c.code_hash.in_(hashes)).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _code_of(row)


def codes_of(connection: Connection, issuer: UserId | None = None) -> list[CodeRow]:
    """Return the codes of an issuer, or of all, the newest first."""
    statement = select(approval_codes).order_by(approval_codes.c.created_us.desc(), approval_codes.c.id)
    if issuer is not None:
        statement = statement.where(approval_codes.c.issued_by == issuer)
    return [_code_of(row) for row in connection.execute(statement)]


def use_code(connection: Connection, code_id: str, at: datetime) -> bool:
    """Count one use; False when the code has none left, has expired or was revoked."""
    statement = update(approval_codes).where(
        approval_codes.c.id == code_id,
        approval_codes.c.used < approval_codes.c.uses,
        approval_codes.c.revoked_us.is_(None),
        approval_codes.c.expires_us > to_us(at),
    )
    return connection.execute(statement.values(used=approval_codes.c.used + 1)).rowcount == 1


def revoke_code(connection: Connection, code_id: str, issuer: UserId | None, at: datetime) -> bool:
    """End a code; False when there is none of this id (of this issuer's), or it was revoked before."""
    statement = update(approval_codes).where(
        approval_codes.c.id == code_id, approval_codes.c.revoked_us.is_(None)
    )
    if issuer is not None:
        statement = statement.where(approval_codes.c.issued_by == issuer)
    return connection.execute(statement.values(revoked_us=to_us(at))).rowcount == 1


def forget_codes(connection: Connection, before: datetime) -> int:
    """Delete codes that expired before this moment; returns how many."""
    statement = delete(approval_codes).where(approval_codes.c.expires_us < to_us(before))
    return int(connection.execute(statement).rowcount)


def _approval_of(row: Row[Any]) -> Approval:
    c = row._mapping
    return Approval(
        id=c["id"],
        job_id=JobId(UUID(bytes=c["job_id"])),
        rules=tuple(json.loads(c["rules"])),
        approvers=tuple(tuple(one) for one in json.loads(c["approvers"])),
        wanted_at=from_us(c["wanted_us"]),
        verdict=None if c["verdict"] is None else Verdict(c["verdict"]),
        decided_by=None if c["decided_by"] is None else UserId(c["decided_by"]),
        decided_at=from_us(c["decided_us"]),
        words=c["words"],
        code_id=c["code_id"],
    )


def _code_of(row: Row[Any]) -> CodeRow:
    c = row._mapping
    scope = json.loads(c["scope"])
    return CodeRow(
        id=c["id"],
        code_hash=c["code_hash"],
        issued_by=UserId(c["issued_by"]),
        label=c["label"],
        scope=Scope(
            tuple(scope["queues"]), tuple(scope["rules"]), tuple(scope["people"]), scope["max_pages"]
        ),
        uses=c["uses"],
        used=c["used"],
        created_at=from_us(c["created_us"]),
        expires_at=from_us(c["expires_us"]),
        revoked_at=from_us(c["revoked_us"]),
    )
